"""Fuzzing: whatever comes over HTTP and as CSV is answered, in time, and never with our failure."""

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from services.gateway.http.access import ROUTES
from services.gateway.http.direct_body import DirectProtocol
from services.ingest.core.options import ReadOptions
from services.ingest.core.read import read_file
from shared.errors import InvalidInput
from shared.storage.rows import SessionRow
from tests.services.gateway.house import House, open_house

pytestmark = pytest.mark.slow
SID = "a" * 32
ATTEMPTS = int(os.environ.get("TRAINYARD_FUZZ_ATTEMPTS", "10000"))
PATIENCE_S = 10.0
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 1e308, -1e-308, "", "x" * 300, "=1+1", "../../etc/passwd", "\u202e", "ja",
    "NaN", [], {}, [[]], [{}], {"": {}}, SID, "1e999", "2024-02-30T25:61:00Z",
)  # fmt: skip
WORDS = (
    "sessionId", "session_id", "fileName", "type", "totalChunks", "models", "modelConfigurations", "kind",
    "MODE", "configuration", "timeSteps", "input", "output", "stepSize", "split", "series", "metadata",
    "record", "run_id", "input_data", "data", "df_eval", "n_folds", "horizonStart", "scaleMin",
    "timeFeatures", "category_data", "name", "LAY", "N", "EP", "C", "EPSILON", "plot_settings", "expiresAt",
)  # fmt: skip


def some_json(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if depth > 3 or kind < 0.5:
        return rng.choice(VALUES)
    if kind < 0.8:
        return {rng.choice(WORDS): some_json(rng, depth + 1) for _ in range(rng.randint(0, 5))}
    return [some_json(rng, depth + 1) for _ in range(rng.randint(0, 4))]


def path_of(name: str, rng: random.Random) -> str:
    path = name.partition(" ")[2]
    ids = (SID, "b" * 32, "0", "session_1_a", "%00", "..%2f", "x" * 200, "%F0%9F%92%A3", "-1")
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = (
            path[:start]
            + (SID if path[start:end] == "{sid" and rng.random() < 0.7 else rng.choice(ids))
            + path[end + 1 :]
        )
    return path


async def test_no_json_breaks_a_route(tmp_path: Path) -> None:
    rng = random.Random(1)
    names = [name for name in ROUTES if not name.startswith("WS") and "delete" not in name]
    async with open_house(tmp_path) as house, house.client() as http:
        await house.records.insert([SessionRow(id=SID, owner="local")])
        for n in range(ATTEMPTS):
            name = rng.choice(names)
            method = name.partition(" ")[0]
            path = path_of(name, rng)
            body = (
                some_json(rng)
                if rng.random() < 0.2
                else {rng.choice(WORDS): some_json(rng) for _ in range(4)}
            )
            params = {
                rng.choice(("run_id", "limit", "wait", "format", "scale", "seed")): str(rng.choice(VALUES))[
                    :60
                ]
            }
            params.pop("wait", None)
            begun = time.monotonic()
            answer = await http.request(method, path, json=body if method != "GET" else None, params=params)

            assert answer.status_code < 500 or answer.status_code == 503, (
                n,
                method,
                path,
                body,
                answer.text[:300],
            )
            assert time.monotonic() - begun < PATIENCE_S, (method, path, body)
            assert "Traceback" not in answer.text


class Hasty(DirectProtocol):
    """The gateway's protocol, which waits for nobody."""

    head_patience_s = 0.3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A gateway on a port, without a broker."""
    ready = threading.Event()
    found: list[int] = []
    stop: list[uvicorn.Server] = []

    def run() -> None:
        async def serve() -> None:
            stall = timedelta(seconds=0.3)
            async with open_house(tmp_path_factory.mktemp("fuzz"), gateway_body_stall=stall) as house:
                await house.records.insert([SessionRow(id=SID, owner="local")])
                await _serve(house)

        async def _serve(house: House) -> None:
            config = uvicorn.Config(house.app, port=0, http=Hasty, log_config=None, lifespan="off",
                                    ws="websockets-sansio")  # fmt: skip
            server = uvicorn.Server(config)
            stop.append(server)
            task = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - the server offers no event
                await asyncio.sleep(0.01)
            found.append(server.servers[0].sockets[0].getsockname()[1])
            ready.set()
            await task

        asyncio.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    yield found[0]
    stop[0].should_exit = True
    thread.join()


GOOD = (
    b"POST /api/training/init-session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


def mangled(rng: random.Random) -> bytes:
    raw = bytearray(GOOD if rng.random() < 0.7 else GOOD + GOOD)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(raw))
        match rng.randrange(4):
            case 0:
                raw[place] = rng.randrange(256)
            case 1:
                del raw[place : place + rng.randint(1, 20)]
            case 2:
                raw[place:place] = rng.randbytes(rng.randint(1, 30))
            case _:
                raw[place:place] = rng.choice(
                    (b"Transfer-Encoding: chunked\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n",
                     b"Content-Length: 99\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"\x00", b"fffffff\r\n")
                )  # fmt: skip
        if not raw:
            raw = bytearray(b"G")
    return bytes(raw)


async def test_no_framing_stops_the_server(served: int) -> None:
    rng = random.Random(2)

    async def one(raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served)
        try:
            writer.write(raw)
            return await asyncio.wait_for(reader.read(65_536), PATIENCE_S + 5)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    for _ in range(ATTEMPTS // 20):
        answers = await asyncio.gather(*(one(mangled(rng)) for _ in range(20)))
        assert not any(answer.startswith(b"HTTP/1.1 5") for answer in answers)
    assert (await one(GOOD)).startswith(b"HTTP/1.1 201")


def test_no_bytes_stop_the_reader_of_csv() -> None:
    rng = random.Random(3)
    lines = [f"2024-01-{1 + n // 24:02d}T{n % 24:02d}:00:00Z,{n * 1.5}" for n in range(72)]
    good = "\n".join(["time,load", *lines]).encode()
    for n in range(ATTEMPTS):
        raw = bytearray(good)
        for _ in range(rng.randint(1, 12)):
            place = rng.randrange(len(raw))
            match rng.randrange(4):
                case 0:
                    raw[place] = rng.randrange(256)
                case 1:
                    del raw[place : place + rng.randint(1, 60)]
                case 2:
                    raw[place:place] = rng.choice(
                        (b'"', b";", b"\r", b"\xff\xfe", b"\x00", b"1e999", b"\n\n,,,", b"NaN")
                    )
                case _:
                    raw[place:place] = raw[: rng.randint(1, 200)]
        begun = time.monotonic()
        with suppress(InvalidInput):
            read_file(bytes(raw), options=ReadOptions(), file_name="a.csv")
        assert time.monotonic() - begun < PATIENCE_S, n
