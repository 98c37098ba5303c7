"""The drill: a running installation is backed up, another starts from the copy, and everything is there."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import typer

from shared.contracts.kinds import LinearSpec
from tests.live.conftest import OpenYard
from tests.support.load import CLASSICAL
from trainyard.client import ApiError, AsyncClient
from trainyard.local import LocalSettings, Platform
from trainyard.operating import backup, fsck

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


async def reported(client: AsyncClient, session_id: str, archive: Path) -> None:
    """Wait for the report of a run; the gateway itself waits 50 s for each try."""
    for _ in range(8):
        try:
            await client.download(session_id, archive)
        except httpx.RemoteProtocolError:  # on a starved machine it is written twice, once while it is read
            await asyncio.sleep(1)
        except ApiError as error:
            if error.answer.code != "REPORT_NOT_READY":
                raise
        else:
            return
    raise AssertionError("no report was written")


async def test_runs_and_models_are_in_the_copy_and_a_run_under_way_is_finished_from_it(
    open_yard: OpenYard, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with open_yard(kinds=CLASSICAL) as yard:
        run = await yard.start_run((LinearSpec(),))
        await yard.client.wait(run.session_id, run.run_id, timeout=120)
        await reported(yard.client, run.session_id, tmp_path / "results.zip")
        results = await yard.client.results(run.session_id, run_id=run.run_id)
        forecast = await yard.client.forecast(run.session_id, model="LIN")
        under_way = await yard.start_run((LinearSpec(),))
        await asyncio.to_thread(backup, copy, yard.platform.settings.data_dir)

    settings = LocalSettings(
        data_dir=copy,
        durable=False,
        ack_wait=timedelta(seconds=3),
        environment={"TRAINYARD_EVALUATOR_RECONCILE_EVERY": "PT2S", "TRAINYARD_TRAINER_THREADS": "1"},
    )
    async with Platform(settings) as platform, AsyncClient(platform.url) as client:
        again = await client.results(run.session_id, run_id=run.run_id)
        same = await client.forecast(run.session_id, model="LIN")
        for _ in range(300):
            other = await client.status(under_way.session_id)
            if other.status == "completed":
                break
            await asyncio.sleep(0.5)
        await reported(client, under_way.session_id, tmp_path / "other.zip")

    assert again.leaderboard == results.leaderboard
    assert again.evaluation_metrics == results.evaluation_metrics
    assert same.outputs == forecast.outputs
    assert other.status == "completed"
    assert (copy / "ledger.sqlite").stat().st_mode & 0o777 == 0o600
    with pytest.raises(typer.Exit) as ended:
        await asyncio.to_thread(fsck, copy)
    assert ended.value.exit_code == 0
