"""Fair turns on a real ledger and a real broker: who has a hundred jobs does not starve who has one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.trainer import handlers
from services.trainer.checkpoints import FolderCheckpoints
from services.trainer.child.protocol import TrainOutcome, TrainTask
from services.trainer.child.warm import WarmChild
from services.trainer.core.model import Progress
from services.trainer.core.planning import plan_jobs
from services.trainer.job_loop import JobLoop
from services.trainer.metrics import JobMetrics
from services.trainer.storage import LedgerJobs, LedgerRuns
from shared.cancellation import end
from shared.contracts.base import Message, new_id, utc_now
from shared.contracts.data_contract import SeriesContract
from shared.contracts.events import CancelRequested, SessionDeleted, TrainingRequested
from shared.contracts.kinds import LinearSpec
from shared.messaging.broker import Reactions, make_broker
from shared.messaging.publish import Publisher
from shared.messaging.streams import provision
from shared.messaging.work_queue import WorkQueue
from shared.queueing.release import FairRelease, order_for
from shared.settings import CommonSettings
from shared.storage.connect import Storage, open_embedded
from shared.storage.plan_rows import SubscriptionPlanRow, UserSubscriptionRow
from shared.storage.rows import DatasetRow, JobRow, RunRow, SessionRow
from tests.support.runs import SPEC, ledger, turns_of
from trainyard.broker import EmbeddedNats


async def asked_for(storage: Storage, owner: str, n_jobs: int) -> RunRow:
    """Write down a waiting run of linear models whose data set is ready."""
    session = SessionRow(id=new_id(), owner=owner)
    own = {"owner": owner, "session_id": session.id}
    dataset = DatasetRow(id=new_id(), spec=SPEC, status="ready", **own)
    models = tuple(LinearSpec(penalties=(1.0 + n,)) for n in range(n_jobs))
    run = RunRow(id=new_id(), dataset_id=dataset.id, models=models, **own)
    for row in (session, dataset, run):
        await storage.records.insert([row])
    return run


def requested(run: RunRow) -> TrainingRequested:
    return TrainingRequested.first(session_id=run.session_id, run_id=run.id, dataset_id=run.dataset_id)


async def plan(storage: Storage, run: RunRow) -> list[Message]:
    return await handlers.plan_requested(requested(run), LedgerRuns(storage), turns_of(storage))


def orders(messages: list[Message]) -> list[str]:
    return [m.job_id for m in messages if getattr(m, "kind", "") == "lin" and m.type == "train.model"]  # type: ignore[attr-defined]


class Instant(WarmChild):
    """Fits nothing, at once."""

    async def train(
        self, task: TrainTask, on_progress: Callable[[Progress], Awaitable[None]]
    ) -> TrainOutcome:
        await asyncio.sleep(0.01)
        return TrainOutcome(seconds=0.0, notes={}, metrics={}, files={})


class JobsAlone(LedgerJobs):
    """Jobs of the ledger whose data set nobody reads; remembers who was served."""

    served: list[str]

    async def claim(self, job_id: str) -> JobRow | None:
        job = await super().claim(job_id)
        if job is not None and job.kind == "lin" and job.status == "running":
            self.served.append(job.owner)
        return job

    async def dataset_folder(self, job: JobRow) -> Path:
        return self.cache

    async def contract(self, job: JobRow) -> tuple[SeriesContract, ...]:
        return ()


@pytest.mark.parametrize("n_replicas", [1, 3])
async def test_one_job_is_begun_after_a_few_of_another_users_hundred(
    tmp_path: Path, nats_server: EmbeddedNats, n_replicas: int
) -> None:
    settings = CommonSettings(nats_url=nats_server.url, nats_token=nats_server.token)
    served: list[str] = []
    storage = await open_embedded(tmp_path / "data")
    broker = make_broker("trainer", settings, registry=CollectorRegistry())
    broker.include_router(Reactions().router)
    await broker.start()
    await provision(broker.connection, ack_wait=timedelta(seconds=30))
    post = Publisher(broker)

    replicas = []
    for n in range(n_replicas):
        jobs = JobsAlone(storage, cache=tmp_path, lease=timedelta(seconds=30))
        jobs.served = served
        loop = JobLoop(
            jobs, Instant(), broker, JobMetrics(CollectorRegistry()), beat=10.0, attempts=3, threads=None,
            checkpoints=FolderCheckpoints(tmp_path / "checkpoints"), turns=turns_of(storage),
        )  # fmt: skip
        queue = WorkQueue(broker.connection, ("last_value", "seasonal_naive", "lin"), idle=0.02)
        replicas.append((loop, queue, n))
    try:
        await post.publish_all(await plan(storage, await asked_for(storage, "anna", 100)))
        working = [asyncio.create_task(loop.run(queue)) for loop, queue, _ in replicas]
        while len(served) < 5:  # noqa: ASYNC110 - the ledger sets no event
            await asyncio.sleep(0.01)
        await post.publish_all(await plan(storage, await asked_for(storage, "bert", 1)))
        queued_at = len(served)
        async with asyncio.timeout(60):
            while len(served) < 101:  # noqa: ASYNC110 - the ledger sets no event
                await asyncio.sleep(0.02)
        async with asyncio.timeout(30):
            await end(*working)
        attempts = [job.attempt for job in await storage.records.select(JobRow, {"kind": "lin"})]
    finally:
        await broker.stop()
        await storage.close()

    assert served.index("bert") - queued_at <= 2 + n_replicas
    assert attempts == [1] * 101


async def test_a_run_planned_again_says_again_what_it_released_and_releases_no_more(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run = await asked_for(storage, "anna", 10)

    first = orders(await plan(storage, run))
    again = orders(await handlers._plan(requested(run), run, LedgerRuns(storage), turns_of(storage)))

    assert len(first) == 2
    assert again == first
    await storage.close()


async def test_replicas_that_release_at_the_same_moment_release_every_job_once(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run = await asked_for(storage, "anna", 8)
    await storage.records.insert(plan_jobs(run))

    released = await asyncio.gather(*(turns_of(storage).of("anna", ["lin"]) for _ in range(6)))

    ids = [job.id for rows in released for job in rows]
    assert len(ids) == len(set(ids)) == 2
    await storage.close()


async def test_cancelled_and_deleted_jobs_leave_their_places_to_others(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    stopped, kept = await asked_for(storage, "anna", 5), await asked_for(storage, "anna", 5)
    await plan(storage, stopped)
    assert orders(await plan(storage, kept)) == []

    cancel = CancelRequested.first(session_id=stopped.session_id, run_id=stopped.id)
    said = await handlers.cancel_queued(cancel, LedgerRuns(storage), turns_of(storage))

    assert sum(m.type == "model.done" for m in said) == 7
    mine = {job.id for job in await storage.records.select(JobRow, {"run_id": kept.id})}
    assert len(orders(said)) == 2
    assert set(orders(said)) < mine

    another = await asked_for(storage, "anna", 3)
    await plan(storage, another)
    await storage.records.delete(JobRow, {"run_id": kept.id})
    gone = SessionDeleted.first(session_id=kept.session_id)
    filled = await handlers.fill_up(gone, turns_of(storage))
    assert {job.run_id for job in filled} == {another.id}
    await storage.close()


async def test_jobs_an_earlier_version_queued_are_released_in_turn(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run = await asked_for(storage, "anna", 3)
    await storage.records.insert(plan_jobs(run))

    released = await turns_of(storage).everybody()

    assert sorted(job.kind for job in released) == ["last_value", "lin", "lin", "seasonal_naive"]
    assert all(order_for(job).run_id == run.id for job in released)
    await storage.close()


async def test_the_weight_of_a_plan_counts_while_it_is_active(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    plans = [SubscriptionPlanRow(id=name, owner="-", name=name, weight=3.0) for name in ("team", "old")]
    ended = utc_now() - timedelta(days=1)
    subscribed = [
        UserSubscriptionRow(id="1", owner="anna", plan_id="team"),
        UserSubscriptionRow(id="2", owner="bert", plan_id="old", expires_at=ended),
    ]
    await storage.records.insert(plans)
    await storage.records.insert(subscribed)
    for owner in ("anna", "bert", "carl"):
        await storage.records.insert(plan_jobs(await asked_for(storage, owner, 20)))
    turns = FairRelease(storage, least=2, weights={"carl": 2.0})

    counts = {name: len(await turns.of(name, ["lin"])) for name in ("anna", "bert", "carl")}

    assert counts == {"anna": 6, "bert": 2, "carl": 4}
    await storage.close()
