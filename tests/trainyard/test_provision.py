"""Provisioning from the command line: everything is there, and a second time changes nothing."""

import asyncio
import os
import sys
from pathlib import Path

import nats

from shared.messaging.streams import consumers, streams
from shared.settings import CommonSettings
from trainyard.broker import EmbeddedNats

ROOT = Path(__file__).parents[2]


async def test_provisioning_twice_leaves_every_stream_and_consumer(nats_server: EmbeddedNats) -> None:
    settings = {"TRAINYARD_NATS_URL": nats_server.url, "TRAINYARD_NATS_TOKEN": nats_server.token}
    command = [sys.executable, "-m", "trainyard", "provision"]

    for _ in range(2):
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={**os.environ, **settings})
        assert await asyncio.wait_for(process.wait(), 60) == 0

    client = await nats.connect(nats_server.url, token=nats_server.token)
    found = {info.config.name or "" for info in await client.jetstream().streams_info()}
    durables = {
        (c.stream_name, c.name) for name in found for c in await client.jetstream().consumers_info(name)
    }
    await client.close()
    assert found == {stream.name for stream in streams()}
    assert durables == {(name, c.name) for name, c in consumers(ack_wait=CommonSettings().ack_wait)}
