"""The reconciler on a real ledger: what nobody works on is announced again, what is over is closed."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.evaluator.ensembles import LedgerEnsembles
from services.evaluator.handlers import close_if_over
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.reconcile import Reconciler
from services.evaluator.storage import LedgerResults, LedgerVerdicts
from shared.contracts.base import Event, new_id, utc_now
from shared.errors import InvalidInput
from shared.storage.connect import Storage
from shared.storage.rows import DatasetRow, FileRow, JobRow, LeaseRow, RunRow
from tests.support.runs import SPEC, Heard, end_jobs, ledger, planned_run, result_of, turns_of

COUNTS = ForecastMetrics(CollectorRegistry())

SOON = timedelta(minutes=1)


def reconciler(storage: Storage, heard: Heard) -> Reconciler:
    ensembles = LedgerEnsembles(storage, LedgerResults(storage))

    async def close(run: RunRow, cause: Event) -> Event | None:
        return await close_if_over(cause, run.id, LedgerVerdicts(storage), ensembles, COUNTS)

    return Reconciler(storage.records, heard.post(), close, every=SOON, turns=turns_of(storage))


async def test_queued_jobs_are_announced_again_and_leased_ones_left_alone(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    _, jobs = await planned_run(storage)
    leased = {"status": "running", "lease_until": utc_now() + timedelta(hours=1)}
    await storage.records.update(JobRow, jobs[0].id, leased)

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    assert heard.types == ["train.model"] * (len(jobs) - 1)
    await storage.close()


async def test_what_changed_a_moment_ago_is_left_alone(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    await planned_run(storage)

    await reconciler(storage, heard).look(before=utc_now() - SOON)

    assert heard.types == []
    await storage.close()


async def test_uploads_data_sets_and_waiting_runs_are_announced_again(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    run, _ = await planned_run(storage, status="waiting")
    own = {"owner": run.owner, "session_id": run.session_id}
    upload = FileRow(id=new_id(), role="input", file_name="a.csv", total_chunks=1, status="uploaded", **own)
    await storage.records.insert([upload])
    await storage.records.insert([DatasetRow(id=new_id(), spec=SPEC, **own)])

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    assert {"upload.completed", "dataset.requested", "training.requested"} <= set(heard.types)
    await storage.close()


async def test_a_finished_model_without_scores_is_told_to_the_evaluator_again(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    _, jobs = await planned_run(storage)
    await end_jobs(storage, jobs, "finished")

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    assert heard.types == ["model.done"] * len(jobs)
    await storage.close()


async def test_a_run_that_is_over_is_closed_once(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    run, jobs = await planned_run(storage)
    ended = await end_jobs(storage, jobs, "finished")
    await storage.records.insert([result_of(job, 1.0 + job.position) for job in ended])

    for _ in range(2):
        await reconciler(storage, heard).look(before=utc_now() + SOON)

    closed = await storage.records.get(RunRow, run.id)
    assert closed is not None
    assert (closed.status, closed.best_job_id) == ("completed", jobs[0].id)
    assert heard.types == ["run.finished"]
    await storage.close()


@pytest.mark.parametrize(("stopped", "status"), [(False, "failed"), (True, "cancelled")])
async def test_a_run_whose_data_set_failed_before_the_run_was_there_is_ended(
    tmp_path: Path, stopped: bool, status: str
) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    run, _ = await planned_run(storage, status="waiting")
    problem = InvalidInput("a stored file is not as it was stored").problem()
    await storage.records.update(RunRow, run.id, {"cancel_requested": stopped})
    own = {"owner": run.owner, "session_id": run.session_id}
    await storage.records.delete(DatasetRow, {"id": run.dataset_id})
    await storage.records.insert(
        [DatasetRow(id=run.dataset_id, spec=SPEC, status="failed", problem=problem, **own)]
    )

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    ended = await storage.records.get(RunRow, run.id)
    assert ended is not None
    assert (ended.status, ended.problem) == (status, None if stopped else problem)
    assert "run.finished" in heard.types
    await storage.close()


async def test_a_run_nobody_can_close_does_not_keep_the_others_open(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    for scored in (False, True):  # results of the first are of no shape anybody can rank
        _, jobs = await planned_run(storage)
        ended = await end_jobs(storage, jobs, "finished")
        results = [result_of(job, 1.0 + job.position) for job in ended]
        await storage.records.insert(results if scored else [r.changed(scores={"test": {}}) for r in results])

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    assert heard.types == ["run.finished"]
    await storage.close()


async def test_a_clock_that_was_hours_ahead_keeps_nobody_waiting_for_those_hours(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path), Heard()
    _, jobs = await planned_run(storage)
    ahead = utc_now() + timedelta(hours=30)
    for job in jobs:
        await storage.records.update(JobRow, job.id, {"status": "running", "lease_until": ahead})
    own = {"owner": "ada", "session_id": jobs[0].session_id}
    upload = FileRow(
        id=new_id(),
        role="input",
        file_name="a.csv",
        total_chunks=1,
        status="uploaded",
        updated_at=ahead,
        **own,
    )
    await storage.records.insert([upload])
    await storage.records.insert([LeaseRow(id="reconciler", owner="-", holder="gone", until=ahead)])

    await reconciler(storage, heard).look(before=utc_now() + SOON)

    assert sorted(heard.types) == ["train.model"] * len(jobs) + ["upload.completed"]
    assert await reconciler(storage, heard)._hold()
    await storage.close()
