"""Jobs in the ledger: one attempt at a time, fenced; a run is planned once, cancelled whole."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from services.trainer.storage import LeaseHeld, LedgerJobs, LedgerModels, LedgerRuns
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.rows import JobRow, RunRow
from shared.storage.verified import digest_in, get_verified
from tests.support.runs import ledger, planned_run


def replica(storage: Storage, folder: Path, *, lease: float = 30.0) -> LedgerJobs:
    return LedgerJobs(storage, cache=folder, lease=timedelta(seconds=lease))


async def test_of_many_replicas_one_gets_the_job(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, jobs = await planned_run(storage)

    claims = await asyncio.gather(
        *(replica(storage, tmp_path).claim(jobs[0].id) for _ in range(8)), return_exceptions=True
    )

    claimed = [claim for claim in claims if isinstance(claim, JobRow)]
    assert [(job.status, job.attempt) for job in claimed] == [("running", 1)]
    assert sum(isinstance(claim, LeaseHeld) for claim in claims) == 7
    await storage.close()


async def test_an_attempt_that_lost_its_job_can_change_nothing(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, jobs = await planned_run(storage)
    slow, quick = replica(storage, tmp_path, lease=-1.0), replica(storage, tmp_path)

    stale = await slow.claim(jobs[0].id)
    fresh = await quick.claim(jobs[0].id)

    assert stale is not None
    assert fresh is not None
    assert await slow.renew(stale) is None
    assert await slow.end(stale, "failed", None) is None
    assert (await quick.end(fresh, "cancelled", None) or fresh).status == "cancelled"
    await storage.close()


async def test_a_job_given_back_counts_its_failure_and_waits_again(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, jobs = await planned_run(storage)
    mine = replica(storage, tmp_path)
    claimed = await mine.claim(jobs[0].id)
    assert claimed is not None

    waiting = await mine.give_back(claimed, failed=True)

    assert waiting is not None
    assert (waiting.status, waiting.failures, waiting.lease_until) == ("queued", 1, None)
    await storage.close()


async def test_a_job_of_a_cancelled_run_ends_when_it_is_taken(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, jobs = await planned_run(storage, cancel_requested=True)

    taken = await replica(storage, tmp_path).claim(jobs[0].id)

    assert taken is not None
    assert taken.status == "cancelled"
    await storage.close()


async def test_planning_twice_writes_the_same_jobs(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage, status="waiting")

    first = await LedgerRuns(storage).plan(run, jobs)
    again = await LedgerRuns(storage).plan(run, jobs)

    assert [job.id for job in first] == [job.id for job in again] == [job.id for job in jobs]
    stored = await storage.records.get(RunRow, run.id)
    assert stored is not None
    assert stored.status == "running"
    await storage.close()


async def test_cancelling_ends_what_waits_and_flags_what_runs(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage)
    await replica(storage, tmp_path).claim(jobs[0].id)

    ended = await LedgerRuns(storage).cancel_queued(run.id, None)

    running = await storage.records.get(JobRow, jobs[0].id)
    assert [job.id for job in ended] == [job.id for job in jobs[1:]]
    assert running is not None
    assert (running.status, running.cancel_requested) == ("running", True)
    await storage.close()


async def test_a_deleted_job_is_nobodys(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)

    assert await replica(storage, tmp_path).claim("deleted") is None
    await storage.close()


async def test_a_lease_taken_by_a_clock_that_was_hours_ahead_holds_nothing(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, jobs = await planned_run(storage)
    ahead = replica(storage, tmp_path, lease=30 * 3600.0)
    await ahead.claim(jobs[0].id)

    claimed = await replica(storage, tmp_path).claim(jobs[0].id)

    assert claimed is not None
    assert (claimed.status, claimed.attempt) == ("running", 2)
    await storage.close()


async def test_what_is_measured_of_a_model_at_once_is_all_kept_with_its_digest(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage)
    await storage.records.update(JobRow, jobs[0].id, {"status": "finished"})
    models = LedgerModels(storage, cache=tmp_path)

    await asyncio.gather(
        *(models.keep_importance(run.session_id, jobs[0].id, n, {"seed": n}) for n in range(4))
    )

    kept = await storage.records.get(JobRow, jobs[0].id)
    assert kept is not None
    for n in range(4):
        name = keys.importance_name(n)
        key = keys.importance(run.session_id, run.id, kept.id, name)
        content = await get_verified(storage.objects, key, digest_in(kept.made, name))
        assert json.loads(content) == {"seed": n}
    await storage.close()
