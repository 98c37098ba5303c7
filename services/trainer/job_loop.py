"""One job at a time: claim it, fit it in the child, store the product, say so."""

import asyncio
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from services.trainer.child.process import WorkerCrashed
from services.trainer.child.protocol import TrainTask
from services.trainer.child.warm import FitCancelled, WarmChild
from services.trainer.core.model import Progress
from services.trainer.metrics import JobMetrics
from services.trainer.ports import Checkpoints, Jobs, Product
from shared.cancellation import end, heeding
from shared.contracts.events import ModelProgress, TrainModel
from shared.errors import InvalidInput, Unavailable
from shared.messaging.delivery import settling
from shared.messaging.metrics import DeliveryMetrics
from shared.messaging.publish import BrokerPublish, Publisher
from shared.messaging.work_queue import WorkQueue
from shared.queueing.release import FairRelease, order_for
from shared.storage.announcements import model_done
from shared.storage.rows import LIVE_JOB, JobRow

log = structlog.get_logger()


class LeaseLost(Unavailable):
    """Another attempt owns the job by now; whatever this one has is worth nothing."""

    code = "JOB_LOST"


class FitCrashed(Unavailable):
    """The child process ended without an answer; the job is queued again."""

    code = "FIT_CRASHED"


class JobLoop:
    """Takes jobs off the queue, one at a time, until it is stopped."""

    def __init__(
        self,
        jobs: Jobs,
        worker: WarmChild,
        publisher: BrokerPublish,
        metrics: JobMetrics,
        *,
        beat: float,
        attempts: int,
        threads: int | None,
        checkpoints: Checkpoints,
        deliveries: DeliveryMetrics | None = None,
        turns: FairRelease | None = None,
    ) -> None:
        self._deliveries, self._turns = deliveries, turns
        self._jobs, self._worker, self._publisher, self._metrics = jobs, worker, publisher, metrics
        self._post = Publisher(publisher)
        self._beat, self._attempts, self._threads = beat, attempts, threads
        self._checkpoints = checkpoints
        self._current: JobRow | None = None
        self._cancelled = asyncio.Event()

    async def run(self, queue: WorkQueue) -> None:
        """Work for ever; cancelling this hands the job in hand back at once."""
        heed = heeding()
        while True:
            heed()
            message = await queue.next_job()
            async with settling(message, self._publisher.publish, every=self._beat, metrics=self._deliveries):
                heed()
                order = TrainModel.model_validate_json(message.data)
                structlog.contextvars.bind_contextvars(
                    session_id=order.session_id, run_id=order.run_id, job_id=order.job_id
                )
                job = await self._jobs.claim(order.job_id)
                if job is not None and job.status in LIVE_JOB:
                    job = await self._work(job)
                else:
                    await self._release_next(order.kind, job)
                if job is not None:
                    await self._post.publish(model_done(order, job))

    def cancel(self, *, run_id: str, job_id: str | None) -> None:
        """End the fit in hand if it belongs to the run, and is the job, or its search, if one is named."""
        job = self._current
        if job and job.run_id == run_id and job_id in (None, job.id, job.trial and job.trial.model):
            self._cancelled.set()

    async def _release_next(self, kind: str, job: JobRow | None) -> None:
        """Let the next job of the same user have the place in the queue; whose was deleted, anybody's."""
        if self._turns is None:
            return
        try:
            freed = await (self._turns.of(job.owner, [kind]) if job else self._turns.everybody())
            await self._post.publish_all([order_for(one) for one in freed])
        except Unavailable as error:  # the reconciler does it then
            log.warning("the next job is not released", reason=error.message)

    async def _work(self, job: JobRow) -> JobRow:
        """Bring one claimed job to its end and return its row."""
        started = time.monotonic()
        self._current = job
        self._cancelled.clear()
        self._metrics.begun(job.kind, again=job.attempt > 1)
        try:
            await self._release_next(job.kind, job)
            ended = await self._end_of(job)
        except asyncio.CancelledError:
            await asyncio.shield(self._hand_back(job))
            raise
        finally:
            self._current = None
            self._metrics.let_go(job.kind)
        if ended is None:
            raise LeaseLost("another attempt owns this job")
        await self._checkpoints.forget(job)
        self._metrics.ended(job.kind, ended.status, time.monotonic() - started)
        if self._deliveries:
            self._deliveries.problems.count(ended.problem)
        log.info(
            "job ended", kind=job.kind, status=ended.status, seconds=round(time.monotonic() - started, 2)
        )
        return ended

    async def _end_of(self, job: JobRow) -> JobRow | None:
        with tempfile.TemporaryDirectory(prefix="trainyard-fit-") as scratch:
            try:
                product = await self._fit(job, Path(scratch))
            except FitCancelled:
                return await self._jobs.end(job, "cancelled", None)
            except InvalidInput as error:
                log.info("fit failed", code=error.code, reason=error.message)
                return await self._jobs.end(job, "failed", error.problem())
            except WorkerCrashed as error:
                if job.failures + 1 >= self._attempts:
                    return await self._jobs.end(job, "failed", error.problem())
                await self._jobs.give_back(job, failed=True)
                raise FitCrashed("the worker process ended while fitting", attempt=job.attempt) from error
            return await self._jobs.finish(job, product)

    async def _fit(self, job: JobRow, scratch: Path) -> Product:
        """Fit in the child while the lease is renewed; cancel or a lost lease ends the fit."""
        task = TrainTask(
            spec=job.spec,
            dataset=await self._jobs.dataset_folder(job),
            output=scratch,
            backtest=job.backtest,
            trial=job.trial,
            contract=await self._jobs.contract(job),
            threads=self._threads,
            checkpoint=await self._checkpoints.begin(job),
        )
        reporter = ProgressPublisher(self._post, job, self._metrics)
        fitting = asyncio.create_task(self._worker.train(task, reporter.report))
        watching = asyncio.create_task(self._watch(job))
        try:
            await asyncio.wait({fitting, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not fitting.done():
                await self._worker.cancel()
                await asyncio.wait({fitting})
                watching.result()  # raises when the lease was lost
                raise FitCancelled("cancelled on request")
            outcome = fitting.result()
        finally:
            await end(fitting, watching)
        return Product(folder=scratch, seconds=outcome.seconds, notes=outcome.notes)

    async def _hand_back(self, job: JobRow) -> None:
        """Keep how far the fit came, then let others have the job."""
        await self._checkpoints.keep(job)
        await self._jobs.give_back(job, failed=False)

    async def _watch(self, job: JobRow) -> None:
        """Return when the job shall stop; raise ``LeaseLost`` when it belongs to somebody else."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat):
                    await self._cancelled.wait()
                return
            try:
                row = await self._jobs.renew(job)
            except Unavailable:
                continue  # the ledger is away; the commit at the end is fenced
            if row is None:
                raise LeaseLost("another attempt owns this job")
            if row.cancel_requested:
                return
            await self._checkpoints.keep(job)


@dataclass(eq=False)
class ProgressPublisher:
    """Tells the progress of a job, with the time left; the child has thinned it out."""

    _post: Publisher
    _job: JobRow
    _metrics: JobMetrics
    _started: float = field(default_factory=time.monotonic)

    async def report(self, progress: Progress) -> None:
        """Publish progress; what the broker does not take is lost, the next says more."""
        self._metrics.advanced(self._job.kind, progress)
        elapsed, share = time.monotonic() - self._started, progress.fraction
        eta = elapsed * (1.0 - share) / share if share > 0 else None
        with suppress(Unavailable):
            await self._post.publish(
                ModelProgress(
                    session_id=self._job.session_id,
                    run_id=self._job.run_id,
                    job_id=self._job.id,
                    kind=self._job.kind,
                    label=self._job.label,
                    eta_seconds=eta,
                    trial=self._job.trial and self._job.trial.number,
                    **asdict(progress),
                )
            )
