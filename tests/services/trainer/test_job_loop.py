"""A job at its end: what a fit kept for a next attempt goes when there is none any more, and only then."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.trainer.checkpoints import FolderCheckpoints, StoredCheckpoints
from services.trainer.child.process import WorkerCrashed
from services.trainer.child.protocol import TrainOutcome, TrainTask
from services.trainer.child.warm import FitCancelled, FitRefused, WarmChild
from services.trainer.core.model import Progress
from services.trainer.core.problems import ModelTooLarge
from services.trainer.job_loop import FitCrashed, JobLoop
from services.trainer.metrics import JobMetrics
from services.trainer.storage import LedgerJobs
from shared.contracts.data_contract import SeriesContract
from shared.errors import TrainyardError
from shared.storage import keys
from shared.storage.rows import JobRow
from tests.support.runs import Heard, ledger, planned_run


class Failing(WarmChild):
    """Writes a checkpoint, then ends as it was told to."""

    def __init__(self, error: TrainyardError) -> None:
        super().__init__()
        self._error = error

    async def train(
        self, task: TrainTask, on_progress: Callable[[Progress], Awaitable[None]]
    ) -> TrainOutcome:
        assert task.checkpoint is not None
        task.checkpoint.write_bytes(b"an epoch")
        raise self._error


class Endless(WarmChild):
    """Writes a checkpoint and goes on for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote = asyncio.Event()

    async def train(
        self, task: TrainTask, on_progress: Callable[[Progress], Awaitable[None]]
    ) -> TrainOutcome:
        assert task.checkpoint is not None
        task.checkpoint.write_bytes(b"an epoch")
        self.wrote.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class JobsAlone(LedgerJobs):
    """Jobs of the ledger whose data set nobody reads."""

    async def dataset_folder(self, job: JobRow) -> Path:
        return self.cache

    async def contract(self, job: JobRow) -> tuple[SeriesContract, ...]:
        return ()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(FitCancelled("enough"), "cancelled", id="cancelled"),
        pytest.param(FitRefused(ModelTooLarge("too large").problem()), "failed", id="refused"),
        pytest.param(WorkerCrashed("gone"), None, id="crashed, to be tried again"),
    ],
)
async def test_a_checkpoint_lives_as_long_as_there_may_be_another_attempt(
    tmp_path: Path, error: TrainyardError, status: str | None
) -> None:
    storage = await ledger(tmp_path)
    _, planned = await planned_run(storage)
    jobs = JobsAlone(storage, cache=tmp_path, lease=timedelta(seconds=30))
    loop = JobLoop(
        jobs, Failing(error), Heard(), JobMetrics(CollectorRegistry()),
        beat=10.0, attempts=3, threads=None, checkpoints=FolderCheckpoints(tmp_path / "checkpoints"),
    )  # fmt: skip
    job = await jobs.claim(planned[0].id)
    assert job is not None

    if status is None:
        with pytest.raises(FitCrashed):
            await loop._work(job)
    else:
        assert (await loop._work(job)).status == status

    assert bool(list((tmp_path / "checkpoints").iterdir())) is (status is None)
    await storage.close()


async def test_a_fit_goes_on_from_the_object_store_where_no_folder_is_shared(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, planned = await planned_run(storage)
    one, other = (
        StoredCheckpoints(storage, cache=tmp_path / name, patience=5.0) for name in ("one", "other")
    )
    job = planned[0]

    assert not (await one.begin(job)).exists()
    (await one.begin(job)).write_bytes(b"an epoch")
    await one.keep(job)
    (await one.begin(job)).write_bytes(b"lost with its replica")
    there = await other.begin(job)

    assert there.read_bytes() == b"an epoch"
    await other.forget(job)
    assert not (await StoredCheckpoints(storage, cache=tmp_path / "third", patience=5.0).begin(job)).exists()
    assert await storage.objects.list(keys.run(job.session_id, job.run_id)) == []
    await storage.close()


async def test_a_job_handed_back_keeps_how_far_it_came(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    _, planned = await planned_run(storage)
    jobs = JobsAlone(storage, cache=tmp_path, lease=timedelta(seconds=30))
    kept = StoredCheckpoints(storage, cache=tmp_path / "here", patience=5.0)
    child = Endless()
    loop = JobLoop(
        jobs, child, Heard(), JobMetrics(CollectorRegistry()),
        beat=10.0, attempts=3, threads=None, checkpoints=kept,
    )  # fmt: skip
    job = await jobs.claim(planned[0].id)
    assert job is not None

    working = asyncio.create_task(loop._work(job))
    await child.wrote.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    elsewhere = await StoredCheckpoints(storage, cache=tmp_path / "there", patience=5.0).begin(job)
    assert elsewhere.read_bytes() == b"an epoch"
    await storage.close()
