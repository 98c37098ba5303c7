"""The line the fault campaign cuts holds everything back while it is cut, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from benchmarks.campaign.relay import Relay


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of somebody who says everything back."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_what_is_said_during_a_cut_arrives_after_it(echo: int) -> None:
    relay = Relay("127.0.0.1", echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"before")
    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"before"

    relay.pause()
    writer.write(b"during")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    relay.resume()

    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"during"
    writer.close()
    relay.close()


async def test_a_broker_that_is_away_is_away_behind_the_line_too() -> None:
    relay = Relay("127.0.0.1", 1)

    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    relay.close()
