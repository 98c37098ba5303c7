"""Fuzzing of live connections: WebSocket frames and messages, and Socket.IO packets by polling."""

import asyncio
import contextlib
import json
import os
import random
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil
import pytest
import uvicorn

from services.gateway.http.direct_body import DirectProtocol
from shared.storage.rows import SessionRow
from tests.services.gateway.house import open_house
from tests.support.fuzz import PATIENCE_S, VALUES, Footprint, slice_and_all

SID = "a" * 32
AT_ONCE = 20
EVENTS = (
    "join_session", "join_training_session", "join_upload_room", "leave_training_session", "join", "leave",
    "start_training", "cancel_training", "get_status", "request_training_status", "request_dataset_status",
    "connect", "disconnect", "message", "nothing",
)  # fmt: skip
WORDS = ("session_id", "sessionId", "uploadId", "run_id", "job_id", "models", "modelConfigurations", "token")


@dataclass
class Served:
    """A gateway on a port, and how many tasks its loop has."""

    port: int
    loop: asyncio.AbstractEventLoop

    def tasks(self) -> int:
        return len(asyncio.all_tasks(self.loop))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with one local user, in a thread of its own, without a broker."""
    ready = threading.Event()
    found: list[Served] = []
    stop: list[uvicorn.Server] = []

    async def serve() -> None:
        async with open_house(tmp_path_factory.mktemp("live")) as house:
            await house.records.insert([SessionRow(id=SID, owner="local")])
            config = uvicorn.Config(house.app, port=0, http=DirectProtocol, log_config=None, lifespan="off",
                                    ws="websockets-sansio", timeout_graceful_shutdown=5)  # fmt: skip
            server = uvicorn.Server(config)
            stop.append(server)
            task = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - the server offers no event
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            found.append(Served(port, asyncio.get_running_loop()))
            ready.set()
            await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    stop[0].should_exit = True
    thread.join(60)
    assert not thread.is_alive()


@asynccontextmanager
async def opened(port: int, path: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket by hand, so that any bytes can follow."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        assert head.startswith(b"HTTP/1.1 101"), head
        yield reader, writer
    finally:
        writer.close()


def frame(content: bytes, *, opcode: int = 1, first: int = 0x80, masked: bool = True) -> bytes:
    """Return a client's frame."""
    size = len(content)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    head = bytes([first | opcode, length[0] | (0x80 if masked else 0)]) + length[1:]
    return head + (b"\0\0\0\0" if masked else b"") + content


def mangled(rng: random.Random, content: bytes) -> bytes:
    """Return a frame that may be wrong in any of its parts."""
    raw = bytearray(
        frame(
            content,
            opcode=rng.choice((0, 1, 1, 1, 2, 3, 8, 9, 10, 15)),
            first=rng.choice((0x80, 0x80, 0x80, 0x00, 0xC0, 0xF0)),
            masked=rng.random() < 0.9,
        )
    )
    for _ in range(rng.choice((0, 0, 1, 3))):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    if rng.random() < 0.05:
        raw[1:2] = b"\xff" + struct.pack(">Q", rng.choice((2**63, 2**40, 70_000)))
    return bytes(raw)


def some_json(rng: random.Random, depth: int = 0) -> object:
    if depth > 3 or rng.random() < 0.5:
        return rng.choice(VALUES)
    if rng.random() < 0.7:
        named = {rng.choice(WORDS): some_json(rng, depth + 1) for _ in range(rng.randint(0, 4))}
        return {**named, "session_id": SID} if rng.random() < 0.5 else named
    return [some_json(rng, depth + 1) for _ in range(rng.randint(0, 3))]


def packet(rng: random.Random) -> str:
    """Return an Engine.IO packet that mostly carries a Socket.IO event."""
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice(
            ("", "4", "41", "43", "44", "45", "451-", "4" + "9" * 50, "0", "1", "2", "3", "5", "6", "9",
             "b!!!!", "42[", '42["join"', "42{}", "42[]", "42[1]", '42/other,["x"]', "42" + "[" * 5_000,
             "40{", "40[1]",
             '450-["x",{"_placeholder":true,"num":0}]', '451-["join",{"_placeholder":true,"num":7}]', "\x00",
             "bAAAA", '42999999999999999999["join"]', "40/" + "x" * 2_000, "4" + "2" * 4_000)
        )  # fmt: skip
    number = str(rng.randrange(10)) if rng.random() < 0.5 else ""
    body = json.dumps([rng.choice(EVENTS), *([some_json(rng)] if rng.random() < 0.9 else [])])
    text = f"42{number}{body}"
    if kind < 4:
        place = rng.randrange(len(text))
        text = (
            text[:place]
            + rng.choice(("", "\\", '"', "[", "]", "\u2028", "9"))
            + text[place + rng.randint(0, 3) :]
        )
    return text


async def left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send all and say no more; the gateway ends the connection in time."""
    with contextlib.suppress(OSError):  # the gateway has ended it already
        await writer.drain()
        writer.write_eof()
        await asyncio.wait_for(reader.read(), PATIENCE_S)


async def in_batches(attempts: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Make attempts, some at once, each in time."""
    for start in range(0, attempts, AT_ONCE):
        async with asyncio.timeout(2 * PATIENCE_S):
            await asyncio.gather(*(one(n) for n in range(start, min(start + AT_ONCE, attempts))))


async def nothing_is_left(gateway: Served, before: Footprint, n_tasks: int, attempts: int) -> None:
    """Check that the gateway answers, and holds no more than before."""
    url = f"http://127.0.0.1:{gateway.port}"
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/api/training/session/{SID}", timeout=PATIENCE_S)
    end = time.monotonic() + 3 * PATIENCE_S  # the library's timers of ended sessions live for 25 s
    while gateway.tasks() > n_tasks + 2 and time.monotonic() < end:  # noqa: ASYNC110 - another loop's tasks
        await asyncio.sleep(0.1)
    open_ones = [c for c in psutil.Process(os.getpid()).net_connections() if c.laddr.port == gateway.port]
    grew, files = before.grew_by()

    assert answer.status_code == 200
    assert gateway.tasks() <= n_tasks + 2
    assert sum(c.status == psutil.CONN_ESTABLISHED for c in open_ones) <= 2
    assert files <= 10
    assert grew < 60 + attempts / 100


@slice_and_all(200)
async def test_no_websocket_frame_stops_the_gateway(gateway: Served, attempts: int) -> None:
    rng = random.Random(21)
    before, n_tasks = Footprint(), gateway.tasks()

    async def one(n: int) -> None:
        async with opened(gateway.port, f"/ws/sessions/{SID}") as (reader, writer):
            with suppress(ConnectionError):
                for _ in range(rng.randint(1, 4)):
                    writer.write(mangled(rng, json.dumps(some_json(rng)).encode()[:2_000]))
                writer.write(frame(struct.pack(">H", 1000), opcode=8))
                await left(reader, writer)

    await in_batches(attempts, one)
    await nothing_is_left(gateway, before, n_tasks, attempts)


@slice_and_all(100)
async def test_no_packet_over_websocket_stops_the_gateway(gateway: Served, attempts: int) -> None:
    rng = random.Random(22)
    before, n_tasks = Footprint(), gateway.tasks()

    async def one(n: int) -> None:
        async with opened(gateway.port, "/socket.io/?EIO=4&transport=websocket") as (reader, writer):
            with suppress(ConnectionError):
                if rng.random() < 0.9:
                    writer.write(frame(b"40"))
                for _ in range(rng.randint(1, 4)):
                    content = packet(rng).encode("utf-8", "replace")[:4_000]
                    writer.write(frame(content) if rng.random() < 0.9 else mangled(rng, content))
                writer.write(frame(b"1") if rng.random() < 0.5 else b"")
                writer.write(frame(struct.pack(">H", 1000), opcode=8))
                await left(reader, writer)

    await in_batches(attempts, one)
    await nothing_is_left(gateway, before, n_tasks + 2 * attempts, attempts)


@slice_and_all(60)
async def test_no_polled_packet_stops_the_gateway(gateway: Served, attempts: int) -> None:
    rng = random.Random(23)
    before, n_tasks = Footprint(), gateway.tasks()
    base = f"http://127.0.0.1:{gateway.port}/socket.io/?EIO=4&transport=polling"

    async with httpx.AsyncClient(timeout=PATIENCE_S, limits=httpx.Limits(max_connections=AT_ONCE)) as http:

        async def one(n: int) -> None:
            opening = await http.get(base)
            sid = json.loads(opening.text[1:])["sid"]
            content = "\x1e".join(packet(rng) for _ in range(rng.randint(1, 4))).encode("utf-8", "replace")
            answers = [
                await http.post(f"{base}&sid={sid}", content=b"40"),
                await http.post(f"{base}&sid={sid}", content=content[:4_000]),
                await http.post(f"{base}&sid={rng.choice((sid, 'x', '', '%00'))}", content=b"1"),
                await http.post(f"{base}&sid={sid}", content=b"1"),
            ]
            assert all(answer.status_code < 500 for answer in answers), [a.status_code for a in answers]

        await in_batches(attempts, one)
    await nothing_is_left(gateway, before, n_tasks + 2 * attempts, attempts)
