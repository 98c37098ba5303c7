"""A gateway process under clients that mean no good: it answers them shortly, and the others as always."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.services.gateway.running import Running, running
from trainyard.broker import EmbeddedNats

pytestmark = pytest.mark.live

API = "/api/training"
LIMITS = {
    "TRAINYARD_GATEWAY_BODY_STALL": "PT0.5S",
    "TRAINYARD_GATEWAY_MAX_FILE_BYTES": str(4 << 20),
    "TRAINYARD_GATEWAY_MAX_BODY_BYTES": str(1 << 20),
}


@pytest.fixture
async def house(tmp_path: Path, nats_server: EmbeddedNats) -> AsyncIterator[Running]:
    """A gateway that takes files of 4 MB and is quick to give up on silence."""
    async with running(tmp_path, nats_server, replicas=1, **LIMITS) as opened:
        yield opened


async def raw(house: Running, *pieces: bytes, pause: float = 0.0) -> str:
    """Send bytes over a connection of their own; return the status line that comes, or nothing."""
    place = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    except ConnectionError:
        pass  # it has answered and hung up
    async with asyncio.timeout(20):
        line = await reader.readline()
    writer.close()
    return line.decode().strip()


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {API}{path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def rss_mb(house: Running) -> float:
    status = Path(f"/proc/{house.processes[0].pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


async def answered_meanwhile(house: Running, attack: Awaitable[list[str]]) -> list[str]:
    """Wait for an attack, and see that an honest client is served all the while."""
    attacking = asyncio.ensure_future(attack)
    async with httpx.AsyncClient(timeout=5) as http:
        while not attacking.done():
            began = time.monotonic()
            assert (await http.get(f"{house.url}/healthz")).status_code == 200
            assert time.monotonic() - began < 3
            await asyncio.sleep(0.05)
    return await attacking


async def test_bodies_that_stop_coming_are_given_up(house: Running) -> None:
    body = head("/init-session", "Content-Type: application/json", "Content-Length: 1000") + b'{"sess'

    answers = await answered_meanwhile(house, asyncio.gather(*(raw(house, body) for _ in range(100))))

    assert set(answers) == {"HTTP/1.1 408 Request Timeout"}


async def test_a_body_announced_too_large_is_refused_unread(house: Running) -> None:
    form = "Content-Type: multipart/form-data; boundary=b"

    answers = [
        await raw(house, head("/upload-chunk", form, f"Content-Length: {600 << 20}")),
        await raw(
            house, head("/init-session", "Content-Type: application/json", f"Content-Length: {2 << 20}")
        ),
    ]

    assert {answer.split(" ")[1] for answer in answers} == {"413"}


@pytest.mark.parametrize("inside", ["a file", "a field", "its headers"])
async def test_a_multipart_body_without_an_end_is_cut_off_in_small_memory(
    house: Running, inside: str
) -> None:
    opening = {
        "a file": b'--b\r\nContent-Disposition: form-data; name="chunk"; filename="x"\r\n\r\n',
        "a field": b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n',
        "its headers": b"--b\r\nContent-Disposition: form-data; name=",
    }[inside]
    piece = b"x" * (1 << 16)
    chunks = [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in [opening, *[piece] * 400]]
    start = head(
        "/upload-chunk", "Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"
    )
    before = rss_mb(house)

    answers = await answered_meanwhile(house, asyncio.gather(*(raw(house, start, *chunks) for _ in range(8))))

    told = {answer.split(" ")[1] for answer in answers if answer}  # a hang-up may overtake its answer
    assert told == ({"413"} if inside == "a file" else {"400"})
    assert rss_mb(house) - before < 60
