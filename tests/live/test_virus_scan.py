"""A platform with a virus scanner: what is infected is refused, and without the scanner nothing passes."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from tests.support.clamd import EICAR, PROGRAM, LocalClamd
from tests.support.load import CLASSICAL, READING, short_files
from trainyard.client import ApiError, AsyncClient
from trainyard.local import LocalSettings, Platform

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(PROGRAM is None, reason="VIRUS SCAN TEST DID NOT RUN: apt-get install clamav-daemon"),
]


async def test_infected_files_are_refused_and_clean_ones_wait_for_the_scanner(tmp_path: Path) -> None:
    clamd = LocalClamd(tmp_path)
    environment = {
        "TRAINYARD_CLAMD": clamd.address,
        "TRAINYARD_CLAMD_PATIENCE": "PT0S",  # every delivery asks once
        "TRAINYARD_TRAINER_KINDS": json.dumps(CLASSICAL),
    }
    settings = LocalSettings(data_dir=tmp_path / "yard", durable=False, environment=environment)
    with clamd:
        async with Platform(settings) as platform, AsyncClient(platform.url) as client:
            await _go_through(platform, client, clamd)


async def _go_through(platform: Platform, client: AsyncClient, clamd: LocalClamd) -> None:
    clean = short_files()[0].content
    session = await client.create_session("scanned")
    with pytest.raises(ApiError) as refusal:
        await client.upload(session, clean + EICAR, role="input", name="bad.csv", options=READING)
    assert refusal.value.problem().code == "FILE_INFECTED"

    clamd.stop()
    waiting = asyncio.create_task(
        client.upload(session, clean, role="input", name="good.csv", options=READING)
    )
    await asyncio.sleep(2)
    async with httpx.AsyncClient() as http:
        ready = await http.get(f"{platform.services['ingest'].address()}/readyz")
    assert ready.status_code == 503
    assert ready.json()["scanner"].startswith("the virus scanner does not answer")
    assert not waiting.done()

    await asyncio.to_thread(clamd.start)
    assert (await waiting).series
