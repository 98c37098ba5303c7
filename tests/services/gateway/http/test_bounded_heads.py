"""Heads, trailers and silences without an end, against a real server."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from services.gateway.http.direct_body import DirectProtocol

PATIENCE_S = 0.5


class Impatient(DirectProtocol):
    """The gateway's protocol, in a hurry."""

    head_patience_s = PATIENCE_S


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and say how long it was."""
    assert scope["type"] == "http"
    n_bytes, more = 0, scope["path"] != "/unread"
    while more:
        message = await receive()
        n_bytes += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = str(n_bytes).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]}
    )
    await send({"type": "http.response.body", "body": text})


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """A server in a thread, on either event loop."""
    config = uvicorn.Config(echo, port=0, loop=request.param, http=Impatient, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


async def answer_to(port: int, *parts: bytes, pause: float = 0.0, patience: float = 8.0) -> bytes:
    """Send parts and return everything that comes back until the server closes, or one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(patience):
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause)
            except ConnectionError:
                pass
            answer = b""
            try:
                while not answer.partition(b"\r\n\r\n")[2] and (piece := await reader.read(4096)):
                    answer += piece
            except ConnectionError:
                pass
            return answer
    finally:
        writer.close()


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(101)) + b"\r\n"],
        [HEAD] + [b"".join(b"X-%d-%d: y\r\n" % (m, n) for n in range(1_000)) for m in range(50)],
        [HEAD + b"X: " + b"y" * 40_000 + b"\r\n\r\n"],
        [HEAD + b"X: "] + [b"y" * 10_000] * 200,
        [HEAD] + [b"y" * 10_000] * 200,
        [b"GET /"] + [b"y" * 10_000] * 200,
        [b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
    ],
    ids=[
        "headers",
        "50,000 headers",
        "long value",
        "endless value",
        "endless name",
        "endless target",
        "target",
    ],
)
async def test_a_head_beyond_its_limits_is_answered_and_the_connection_closed(
    port: int, parts: list[bytes]
) -> None:
    answer = await answer_to(port, *parts)

    # A client that goes on sending may see the connection reset before it reads the answer.
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


async def test_a_head_within_its_limits_is_served(port: int) -> None:
    headers = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 250) for n in range(90))

    answer = await answer_to(port, HEAD + headers + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "parts",
    [[], [b"GET"], [HEAD], [b"\r\n"], [HEAD + b"\r\n", b"\r\n"], [HEAD + b"\r\n", b"POST / HT"]],
    ids=["nothing", "half a line", "half a head", "an empty line", "a line later", "half a second request"],
)
async def test_a_connection_that_says_no_whole_head_is_closed(port: int, parts: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.monotonic()
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
    writer.close()

    assert time.monotonic() - begun < 2 * PATIENCE_S + 2


async def test_a_head_that_drips_is_closed(port: int) -> None:
    begun = time.monotonic()

    await answer_to(port, *[bytes([c]) for c in HEAD * 4], pause=0.05, patience=20)

    assert time.monotonic() - begun < 10


async def test_trailers_and_extensions_without_an_end_are_cut_off(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    trailers = await answer_to(port, head + b"1\r\na\r\n0\r\nX: ", *[b"y" * 20_000] * 50)
    extension = await answer_to(port, head + b"1;", *[b"y" * 20_000] * 50)

    assert (trailers, extension) == (b"", b"")


async def test_chunked_bodies_in_small_pieces_arrive(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = await answer_to(port, head, b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n")

    assert answer.endswith(b"50000")


@pytest.mark.parametrize("method", [b"PUT", b"POST", b"DELETE", b"PATCH"])
async def test_an_upgrade_with_another_method_is_answered(port: int, method: bytes) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 3\r\n\r\nabc"

    answer = await answer_to(port, method + b" / HTTP/1.1\r\nHost: x\r\n" + upgrade, patience=5)

    assert answer.startswith(b"HTTP/1.1 ")
