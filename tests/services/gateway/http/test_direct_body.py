"""Bodies taken from the socket of a real server: whole, in order, never mixed up with the next request."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from services.gateway.http.direct_body import EXTENSION, LARGE_BYTES, DirectProtocol, body_of
from services.gateway.problems import Stalled
from shared.storage.local_files import FolderObjects

LARGE = bytes(range(256)) * 8_000  # 2 MB
PATIENCE_S = 0.5


@dataclass
class Answer:
    """What the server said to one request."""

    status: int
    body: dict[str, object]


class Store:
    """An application that stores bodies by path, and can be told to leave them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gone = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        direct = EXTENSION in scope.get("extensions", {})
        said: dict[str, object] = {"direct": direct}
        status = 200
        match request.url.path:
            case "/refuse":
                status = 409
            case "/usual":
                said["sha256"] = hashlib.sha256(await request.body()).hexdigest()
            case "/half":
                status = 500
                with body_of(request, patience_s=PATIENCE_S) as body:
                    assert not isinstance(body, bytes | Path)
                    getattr(body, "readinto")(memoryview(bytearray(1000)))  # noqa: B009  # of any source
            case path:
                objects = await FolderObjects.open(self.root)
                try:
                    with body_of(request, patience_s=PATIENCE_S) as body:
                        stored = await objects.put(path.strip("/"), body)
                    said["sha256"], said["more"] = stored.digest, len(await request.body()) if direct else 0
                except Stalled:
                    status = 408
                except ClientDisconnect:
                    self.gone.set()
                    return
        text = json.dumps(said).encode()
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})


@dataclass
class House:
    """The server's port and its application."""

    port: int
    store: Store


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server in a thread, on either event loop."""
    store = Store(tmp_path_factory.mktemp("store"))
    config = uvicorn.Config(store, port=0, loop=request.param, http=DirectProtocol, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield House(server.servers[0].sockets[0].getsockname()[1], store)
    server.should_exit = True
    thread.join()


@asynccontextmanager
async def connected(house: House) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One connection, kept alive."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def put(path: str, length: int, *lines: str) -> bytes:
    """Return the head of a request."""
    head = [f"PUT /{path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines, "", ""]
    return "\r\n".join(head).encode()


async def answer_of(reader: asyncio.StreamReader) -> Answer:
    """Read one answer."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(
            next(line for line in head.split("\r\n") if line.startswith("content-length")).split()[1]
        )
        return Answer(int(head.split()[1]), json.loads(await reader.readexactly(length)))


def digest(content: bytes) -> str:
    """Return the hash of content."""
    return hashlib.sha256(content).hexdigest()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 3 << 20) | st.sampled_from([LARGE_BYTES - 1, LARGE_BYTES]), max_size=4),
    piece=st.sampled_from([10_000, 70_000, 1 << 22]),
)
def test_bodies_of_any_length_arrive_whole_one_after_the_other(
    house: House, lengths: list[int], piece: int
) -> None:
    async def story() -> None:
        async with connected(house) as (reader, writer):
            for n, length in enumerate(lengths):
                content = (LARGE * 2)[n : n + length]
                whole = put(f"any/{n}", length) + content
                for start in range(0, len(whole), piece):
                    writer.write(whole[start : start + piece])
                    await writer.drain()

                answer = await answer_of(reader)

                assert answer.body == {
                    "direct": length >= LARGE_BYTES,
                    "sha256": digest(content),
                    "more": 0,
                }

    asyncio.run(story())


async def test_requests_sent_without_waiting_are_answered_in_order(house: House) -> None:
    contents = [LARGE, b"small", LARGE[1:], LARGE[2:] * 2]
    async with connected(house) as (reader, writer):
        sent = b"".join(put(f"line/{n}", len(content)) + content for n, content in enumerate(contents))
        sending = asyncio.ensure_future(_send(writer, sent))

        answers = [await answer_of(reader) for _ in contents]

        await sending
    assert [answer.body["sha256"] for answer in answers] == [digest(content) for content in contents]


async def test_who_asks_for_the_body_in_the_usual_way_gets_it(house: House) -> None:
    async with connected(house) as (reader, writer):
        await _send(writer, put("usual", len(LARGE)) + LARGE)

        answer = await answer_of(reader)

    assert answer == Answer(200, {"direct": True, "sha256": digest(LARGE)})


@pytest.mark.parametrize("path", ["refuse", "half"])
async def test_a_body_that_is_left_is_skipped_and_the_next_request_answered(house: House, path: str) -> None:
    async with connected(house) as (reader, writer):
        sending = asyncio.ensure_future(
            _send(writer, put(path, len(LARGE)) + LARGE + put("after", len(LARGE)) + LARGE)
        )

        left, after = await answer_of(reader), await answer_of(reader)

        await sending
    assert left.status in (409, 500)
    assert (after.status, after.body["sha256"]) == (200, digest(LARGE))


async def test_a_client_that_waits_to_be_asked_is_asked(house: House) -> None:
    async with connected(house) as (reader, writer):
        writer.write(put("asked", len(LARGE), "Expect: 100-continue"))
        async with asyncio.timeout(5):
            asked = await reader.readuntil(b"\r\n\r\n")
        await _send(writer, LARGE)

        answer = await answer_of(reader)

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.body["sha256"] == digest(LARGE)


async def test_a_body_that_stops_coming_is_given_up_while_others_are_served(house: House) -> None:
    async with connected(house) as (slow_reader, slow_writer), connected(house) as (reader, writer):
        await _send(slow_writer, put("stalled", len(LARGE)) + LARGE[:500_000])
        await _send(writer, put("meanwhile", len(LARGE)) + LARGE)

        served, stalled = await answer_of(reader), await answer_of(slow_reader)

    assert (served.status, stalled.status) == (200, 408)


async def test_many_trickling_clients_hold_no_thread(house: House) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(put("trickle", len(LARGE)))
        with suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

    connections = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(40)]
    trickling = [asyncio.ensure_future(trickle(writer)) for _, writer in connections]
    async with connected(house) as (reader, writer):
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await _send(writer, put("honest", len(LARGE)) + LARGE)

        answer = await answer_of(reader)

    assert answer.body["sha256"] == digest(LARGE)
    assert time.monotonic() - began < 2.0
    for task in trickling:
        task.cancel()
    for _, each in connections:
        each.close()


async def test_nothing_is_stored_of_a_body_whose_sender_goes(house: House) -> None:
    house.store.gone.clear()
    async with connected(house) as (_, writer):
        await _send(writer, put("broken", len(LARGE)) + LARGE[:700_000])

    assert await asyncio.to_thread(house.store.gone.wait, 10)
    objects = await FolderObjects.open(house.store.root)
    assert await objects.size("broken") is None


async def test_a_body_without_an_announced_length_comes_in_the_usual_way(house: House) -> None:
    head = b"PUT /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(house) as (reader, writer):
        await _send(writer, head + b"%x\r\n" % len(LARGE) + LARGE + b"\r\n0\r\n\r\n")

        answer = await answer_of(reader)

    assert answer.body == {"direct": False, "sha256": digest(LARGE), "more": 0}


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(content)
        await writer.drain()
