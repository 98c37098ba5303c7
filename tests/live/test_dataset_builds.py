"""Data sets under way: cancelled within seconds with nothing left, and no small session behind large ones."""

import asyncio
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from shared.contracts.kinds import LinearSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.storage import keys
from shared.storage.rows import DatasetRow, RunRow
from tests.live.conftest import OpenYard, Yard
from tests.support.load import CLASSICAL, short_plan
from trainyard.cli import app
from trainyard.responses import Run

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


def minutes(n: int) -> bytes:
    stamps = np.datetime_as_string(np.datetime64("2024-01-01T00:00") + np.arange(n))
    return ("time,load\n" + "".join(f"{stamp}Z,{k % 1440}.5\n" for k, stamp in enumerate(stamps))).encode()


def large(series_id: str) -> DatasetSpec:
    """Return windows whose points lie beside each other's: half a minute and more of work."""
    inputs = [
        SeriesSpec(series_id=series_id, name=f"i{k}", role="input", horizon=Horizon(start=-2.0 - k, end=0))
        for k in range(8)
    ]
    output = SeriesSpec(series_id=series_id, name="o", role="output", horizon=Horizon(start=1 / 60, end=1))
    return DatasetSpec(series=(*inputs, output), input_steps=97, output_steps=60, stride=1.0)


async def start_large(yard: Yard) -> Run:
    session = await yard.client.create_session("large")
    await yard.client.upload(session, minutes(200_000), role="input", name="load.csv")
    [series] = await yard.client.series(session)
    return await yard.client.run(session, large(series.series_id), (LinearSpec(),))


def builders() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "services.datasets.child" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


async def seen(n: int, seconds: float) -> float:
    """Wait until so many processes build; return how long that took."""
    begin = time.monotonic()
    while len(builders()) != n:
        assert time.monotonic() - begin < seconds, builders()
        await asyncio.sleep(0.05)
    return time.monotonic() - begin


async def test_cancelling_a_run_ends_its_data_set_within_two_seconds_and_keeps_nothing(
    open_yard: OpenYard,
) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        run = await start_large(yard)
        await seen(1, 30)
        await asyncio.sleep(2)

        await yard.client.cancel(run.session_id, run_id=run.run_id)

        assert await seen(0, 10) < 2
        async for _ in yard.client.watch(run.session_id, run.run_id):
            pass
        row = await yard.storage.records.get(RunRow, run.run_id)
        dataset = await yard.storage.records.get(DatasetRow, run.dataset_id)
        assert row is not None
        assert dataset is not None
        assert row.status == "cancelled"
        assert (dataset.status, dataset.object_key) == ("failed", None)
        assert dataset.problem is not None
        assert dataset.problem.code == "BUILD_CANCELLED"
        assert await yard.storage.objects.list(keys.dataset(run.session_id, dataset.id)) == []


async def test_a_small_session_is_served_while_large_data_sets_are_built(open_yard: OpenYard) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        waiting = [await start_large(yard) for _ in range(2)]
        await seen(1, 30)

        session = await yard.upload_all()
        small = await yard.client.run(session, short_plan(await yard.client.series(session)), (LinearSpec(),))
        async for _ in yard.client.watch(session, small.run_id):
            pass

        done = await yard.storage.records.get(RunRow, small.run_id)
        assert done is not None
        assert done.status == "completed"
        for run in waiting:
            dataset = await yard.storage.records.get(DatasetRow, run.dataset_id)
            assert dataset is not None
            assert dataset.status == "requested"
            await yard.client.cancel(run.session_id, run_id=run.run_id)


async def test_a_run_that_fails_is_printed_with_its_problem_and_exits_1(
    open_yard: OpenYard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "load.csv"
    holes = (f"2024-03-{k // 24 + 1:02d} {k % 24:02d}:00,{'-' if k % 24 == 7 else k}.5" for k in range(600))
    file.write_text("time,load\n" + "\n".join(holes).replace("-.5", "-") + "\n")
    monkeypatch.setattr("trainyard.cli.console", Console(width=200))

    async with open_yard(kinds=CLASSICAL) as yard:
        arguments = ["run", str(file), "--target", "load", "--models", "LIN", "--url", yard.platform.url]
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)

    assert done.exit_code == 1, done.output
    assert "NO_WINDOW_FITS" in done.output
    assert "--interpolate" in done.output


async def test_findings_of_a_data_set_are_printed_and_one_step_ahead_is_forecast(
    open_yard: OpenYard, tmp_path: Path
) -> None:
    file = tmp_path / "load.csv"
    rows = (f"2024-03-{k // 24 + 1:02d} {k % 24:02d}:00,{k % 24}.5,{k},x" for k in range(336) if k != 100)
    file.write_text("time,load,Unnamed: 0,kind\n" + "\n".join(rows) + "\n")

    async with open_yard(kinds=CLASSICAL) as yard:
        common = ["run", str(file), "--target", "load", "--models", "LIN", "--url", yard.platform.url]
        one = await asyncio.to_thread(
            CliRunner().invoke, app, [*common, "--horizon", "1h", "--out", str(tmp_path / "one")]
        )
        greedy = await asyncio.to_thread(
            CliRunner().invoke,
            app,
            [*common, "--horizon", "72h", "--lookback", "5d", "--out", str(tmp_path / "greedy")],
        )

    assert one.exit_code == 0, one.output
    assert "Leaderboard" in one.output
    assert "1 gaps" in one.output
    assert "left out: column 'Unnamed: 0' (row numbers)" in one.output
    assert "SAMPLES_DROPPED" in one.output
    assert "EMPTY_PART" in greedy.output
    assert "at most" in greedy.output
