"""Backtests through the API: with and without refit, beside a run's own results, through a fault."""

import asyncio
import os
import signal
import sys
import zipfile
from pathlib import Path

import pytest

from shared.contracts.kinds import LinearSpec
from shared.storage.rows import JobRow, ResultRow, RunRow
from tests.live.conftest import OpenYard, Yard
from tests.support.load import CLASSICAL
from trainyard.client import ApiError
from trainyard.responses import Run

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]


async def finished_run(yard: Yard) -> Run:
    run = await yard.start_run((LinearSpec(),))
    async with asyncio.timeout(120):  # until its report has added what it claims to the verdict
        async for _ in yard.client.watch(run.session_id, run.run_id, until="run.reported"):
            pass
    return run


async def test_a_backtest_with_and_without_refit_leaves_the_run_as_it_was(
    open_yard: OpenYard, tmp_path: Path
) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        client, run = yard.client, await finished_run(yard)
        before = await client.results(run.session_id)

        started = await client.backtest(run.session_id, n_folds=3, test_windows=100)
        live = await client.status(run.session_id, run_id=started.run_id)
        await client.wait(run.session_id, started.run_id, timeout=120)
        refitted = await client.backtest_results(run.session_id)
        again = await client.backtest(
            run.session_id, n_folds=3, test_windows=100, refit=False, models=["LIN"]
        )
        await client.wait(run.session_id, again.run_id, timeout=120)
        kept = await client.backtest_results(run.session_id, run_id=run.run_id)

        assert live.status in ("queued", "running", "completed")
        assert (refitted.status, refitted.backtest_of) == ("completed", run.run_id)
        assert [fold["n_test"] for fold in refitted.folds] == [100] * 3
        assert refitted.folds[0]["cutoff_local"].endswith(("+10:00", "+11:00"))
        trained = [fold["n_train"] for fold in refitted.folds]
        assert trained == sorted(set(trained))
        lin, lin_kept = (next(m for m in found.models if m["label"] == "LIN") for found in (refitted, kept))
        assert [fold["status"] for fold in lin["folds"]] == ["finished"] * 3
        assert len({fold["job_id"] for fold in lin["folds"]}) == 3
        assert len({fold["job_id"] for fold in lin_kept["folds"]}) == 1
        first, first_kept = (  # intervals belong to one fit, so a fold of many has no loss of them
            {name: value for name, value in m["folds"][0]["scores"].items() if name != "pinball"}
            for m in (lin, lin_kept)
        )
        assert first == pytest.approx(first_kept)
        assert lin["folds"][2]["scores"] != pytest.approx(lin_kept["folds"][2]["scores"])
        assert lin["rank"] == 1
        archive = await client.download(run.session_id, tmp_path / "results.zip", run_id=again.run_id)
        assert "tables/folds.csv" in zipfile.ZipFile(archive).namelist()
        assert kept.run_id == again.run_id
        assert await client.results(run.session_id) == before


async def test_too_many_windows_are_refused_with_what_would_fit_and_the_command_line_shows_the_rest(
    open_yard: OpenYard,
) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        run = await finished_run(yard)

        with pytest.raises(ApiError) as refused:
            await yard.client.backtest(run.session_id, n_folds=5, test_windows=400)

        command = [sys.executable, "-m", "trainyard", "backtest", run.session_id, "--folds", "2"]
        shown = await asyncio.create_subprocess_exec(
            *command, "--no-refit", "--models", "LIN", "--url", yard.platform.url,
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(shown.communicate(), 120)

        assert shown.returncode == 0
        assert "Backtest: RMSE on test after each cutoff" in output.decode()
        problem = refused.value.problem()
        assert (problem.code, refused.value.status) == ("FOLDS_DO_NOT_FIT", 422)
        most = problem.details["most_test_windows"]
        assert isinstance(most, int)
        fits = await yard.client.backtest(run.session_id, n_folds=5, test_windows=most)
        assert (await yard.client.wait(run.session_id, fits.run_id, timeout=120)).status == "completed"


async def test_a_trainer_killed_in_a_backtest_loses_and_doubles_no_fold(open_yard: OpenYard) -> None:
    async with open_yard(kinds=CLASSICAL, trainers=2) as yard:
        run = await finished_run(yard)
        started = await yard.client.backtest(run.session_id, n_folds=4)
        await asyncio.sleep(0.5)
        jobs = await yard.storage.records.select(JobRow, {"run_id": started.run_id, "status": "running"})
        holders = {int(job.leased_by.rsplit("-", 2)[1]) for job in jobs if job.leased_by}

        for victim in list(holders)[:1]:
            os.kill(victim, signal.SIGKILL)
        await yard.client.wait(run.session_id, started.run_id, timeout=150)

        jobs = await yard.storage.records.select(JobRow, {"run_id": started.run_id})
        results = await yard.storage.records.select(ResultRow, {"run_id": started.run_id})
        row = await yard.storage.records.get(RunRow, started.run_id)
        assert {job.status for job in jobs} == {"finished"}
        assert sorted(result.id for result in results) == sorted(job.id for job in jobs)
        assert row is not None
        assert row.status == "completed"
