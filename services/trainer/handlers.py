"""What the trainer does when a run can be planned, or shall stop."""

from typing import Annotated

import structlog
from faststream import Context

from services.trainer.core.planning import plan_jobs
from services.trainer.job_loop import JobLoop
from services.trainer.ports import Runs
from shared.contracts.base import Event, Message
from shared.contracts.events import (
    CancelNow,
    CancelRequested,
    DatasetReady,
    JobFacts,
    ModelDone,
    RunPlanned,
    TrainingRequested,
    TrainModel,
)
from shared.messaging.broker import Reactions
from shared.storage.rows import RunRow

planning, fitting = Reactions(), Reactions()
log = structlog.get_logger()


@planning.on(TrainingRequested, durable="trainer-training-requested")
async def plan_requested(event: TrainingRequested, runs: Annotated[Runs, Context()]) -> list[Message]:
    """Plan a run if its data set is ready; otherwise ``dataset.ready`` will."""
    run = await runs.ready(event.run_id or "")
    return await _plan(event, run, runs) if run else []


@planning.on(DatasetReady, durable="trainer-dataset-ready")
async def plan_waiting(event: DatasetReady, runs: Annotated[Runs, Context()]) -> list[Message]:
    """Plan every run that waited for this data set."""
    waiting = await runs.waiting_for(event.dataset_id)
    return [message for run in waiting for message in await _plan(event, run, runs)]


@planning.on(CancelRequested, durable="trainer-cancel-requested")
async def cancel_queued(event: CancelRequested, runs: Annotated[Runs, Context()]) -> list[ModelDone]:
    """End what has not started; what runs is told by ``cancel.now`` and by its row."""
    ended = await runs.cancel_queued(event.run_id or "", event.job_id)
    return [
        ModelDone.caused_by(event, job_id=job.id, kind=job.kind, label=job.label, status="cancelled")
        for job in ended
    ]


@fitting.on_signal(CancelNow)
async def cancel_running(signal: CancelNow, job_loop: Annotated[JobLoop, Context()]) -> None:
    """End the fit in hand if it is meant."""
    job_loop.cancel(run_id=signal.run_id or "", job_id=signal.job_id)


async def _plan(event: Event, run: RunRow, runs: Runs) -> list[Message]:
    jobs = await runs.plan(run, plan_jobs(run))
    log.info("run planned", run_id=run.id, n_jobs=len(jobs))
    cause = event.model_copy(update={"correlation_id": run.correlation_id or event.correlation_id})
    facts = [JobFacts(job_id=job.id, kind=job.kind, label=job.label) for job in jobs]
    queued = [
        TrainModel.caused_by(cause, run_id=run.id, job_id=job.id, kind=job.kind)
        for job in jobs
        if job.status == "queued"
    ]
    return [
        RunPlanned.caused_by(cause, run_id=run.id, jobs=facts, backtest=run.backtest is not None),
        *queued,
    ]
