"""What the trainer does when a run can be planned, or shall stop."""

import asyncio
from typing import Annotated

import structlog
from faststream import Context

from services.trainer.core.kinds import KINDS
from services.trainer.core.planning import plan_jobs
from services.trainer.core.search import decide
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
    SessionDeleted,
    TrainingRequested,
    TrainModel,
)
from shared.contracts.kinds import ENSEMBLE
from shared.messaging.broker import Reactions
from shared.queueing.release import FairRelease, order_for
from shared.storage.announcements import model_done
from shared.storage.rows import RunRow

planning, fitting = Reactions(), Reactions()
log = structlog.get_logger()


@planning.on(TrainingRequested, durable="trainer-training-requested")
async def plan_requested(
    event: TrainingRequested, runs: Annotated[Runs, Context()], turns: Annotated[FairRelease, Context()]
) -> list[Message]:
    """Plan a run if its data set is ready; otherwise ``dataset.ready`` will."""
    run = await runs.ready(event.run_id or "")
    return await _plan(event, run, runs, turns) if run else []


@planning.on(DatasetReady, durable="trainer-dataset-ready")
async def plan_waiting(
    event: DatasetReady, runs: Annotated[Runs, Context()], turns: Annotated[FairRelease, Context()]
) -> list[Message]:
    """Plan every run that waited for this data set."""
    waiting = await runs.waiting_for(event.dataset_id)
    return [message for run in waiting for message in await _plan(event, run, runs, turns)]


@planning.on(ModelDone, durable="trainer-model-done")
async def go_on_searching(
    event: ModelDone, runs: Annotated[Runs, Context()], turns: Annotated[FairRelease, Context()]
) -> list[Message]:
    """Ask for a search's next trials, or for its winner, when a trial has ended."""
    return await _search(event, event.run_id or "", runs, turns) if event.trial is not None else []


@planning.on(CancelRequested, durable="trainer-cancel-requested")
async def cancel_queued(
    event: CancelRequested, runs: Annotated[Runs, Context()], turns: Annotated[FairRelease, Context()]
) -> list[Message]:
    """End what has not started; what runs is told by ``cancel.now`` and by its row."""
    ended = await runs.cancel_queued(event.run_id or "", event.job_id)
    done: list[Message] = [model_done(event, job) for job in ended]
    freed = await turns.of(ended[0].owner, (job.kind for job in ended)) if ended else []
    return done + [order_for(job) for job in freed]


@planning.on(SessionDeleted, durable="trainer-session-deleted")
async def fill_up(_: SessionDeleted, turns: Annotated[FairRelease, Context()]) -> list[TrainModel]:
    """Let others have the places in the queue that jobs of a deleted session had."""
    return [order_for(job) for job in await turns.everybody()]


@fitting.on_signal(CancelNow)
async def cancel_running(signal: CancelNow, job_loop: Annotated[JobLoop, Context()]) -> None:
    """End the fit in hand if it is meant."""
    job_loop.cancel(run_id=signal.run_id or "", job_id=signal.job_id)


async def _plan(event: Event, run: RunRow, runs: Runs, turns: FairRelease) -> list[Message]:
    jobs = await runs.plan(run, plan_jobs(run))
    log.info("run planned", run_id=run.id, n_jobs=len(jobs))
    cause = event.model_copy(update={"correlation_id": run.correlation_id or event.correlation_id})
    facts = [JobFacts(job_id=job.id, kind=job.kind, label=job.label) for job in jobs if job.trial is None]
    released = {job.id: job for job in await turns.of(run.owner, (job.kind for job in jobs))}
    said_before = [job for job in jobs if job.status == "queued" and job.released_at is not None]
    return [
        RunPlanned.caused_by(cause, run_id=run.id, jobs=facts, backtest=run.backtest is not None),
        *(order_for(job) for job in (*released.values(), *said_before)),
        *await _search(cause, run.id, runs, turns),
    ]


async def _search(event: Event, run_id: str, runs: Runs, turns: FairRelease) -> list[Message]:
    """Bring every search of a run as far as its rows allow; done twice, it asks for the same."""
    messages: list[Message] = []
    for model, trials in await runs.searches(run_id):
        assert model.kind != ENSEMBLE  # nobody asks for one
        decision = await asyncio.to_thread(decide, model, trials, KINDS[model.kind].space)
        await runs.try_out(decision.jobs)
        ended = None
        if decision.winner:
            changes = {"status": "queued", "spec": decision.winner, "notes": decision.notes}
            ended = await runs.end_search(model, changes)
        elif decision.problem:
            ended = await runs.end_search(model, {"status": "failed", "problem": decision.problem})
        if ended:
            log.info("search ended", job_id=model.id, status=ended.status)
        if ended and ended.status == "failed":
            messages.append(model_done(event, ended))
        messages += [order_for(job) for job in await turns.of(model.owner, (model.kind,))]
    return messages
