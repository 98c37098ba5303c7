"""What the trainer does when a run can be planned, or shall stop."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import structlog
from faststream import Context
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.trainer.child.protocol import ExplainTask, ExportTask, PredictTask
from services.trainer.child.warm import WarmChild
from services.trainer.core.planning import plan_jobs
from services.trainer.job_loop import JobLoop
from services.trainer.ports import Models, Runs
from services.trainer.questions import read_forecasts, write_windows
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

planning, fitting, answering = Reactions(), Reactions(), Reactions()
Json = dict[str, JsonValue]


class PredictQuestion(BaseModel):
    """What the gateway asks about a model of a session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    input_data: JsonValue


class ExportQuestion(BaseModel):
    """What the gateway asks for a model in a format that is made on request only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    format: str = Field(default="h5", pattern=r"^[a-z0-9]{1,16}$")


class ImportanceQuestion(BaseModel):
    """What the gateway asks about the inputs of a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    seed: int = 0


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


@answering.on_question("trainer.predict")
async def predict(
    question: PredictQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Forecast windows in original units with a stored model, in the child process."""
    model = await models.local(question.session_id, question.job_id)
    with tempfile.TemporaryDirectory(prefix="trainyard-predict-") as scratch:
        windows, output = Path(scratch) / "windows.npz", Path(scratch) / "forecast.npz"
        await asyncio.to_thread(write_windows, question.input_data, windows)
        outcome = await worker.predict(
            PredictTask(
                model=model.folder, passport_sha256=model.passport_sha256, windows=windows, output=output
            )
        )
        forecasts: JsonValue = await asyncio.to_thread(read_forecasts, output)
    return {"predictions": forecasts, "n_windows": outcome.n_windows, "seconds": outcome.seconds}


@answering.on_question("trainer.export")
async def export(
    question: ExportQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Say where a model lies in a format; what is asked for the first time is made in the child and kept."""
    session_id, job_id, name = question.session_id, question.job_id, f"model.{question.format}"
    stored = await models.find(session_id, job_id, name)
    if stored is None:
        model = await models.local(session_id, job_id)
        with tempfile.TemporaryDirectory(prefix="trainyard-export-") as scratch:
            output = Path(scratch) / name
            await worker.export(
                ExportTask(
                    model=model.folder,
                    passport_sha256=model.passport_sha256,
                    format=question.format,
                    output=output,
                )
            )
            stored = await models.add(session_id, job_id, output)
    return {"key": stored.key, "size_bytes": stored.size_bytes, "sha256": stored.sha256}


@answering.on_question("trainer.importance")
async def importance(
    question: ImportanceQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Measure which inputs a stored model relies on, in the child process, and keep the answer."""
    session_id, job_id, seed = question.session_id, question.job_id, question.seed
    model = await models.local(session_id, job_id)
    with tempfile.TemporaryDirectory(prefix="trainyard-explain-") as scratch:
        await models.fetch_dataset(session_id, job_id, Path(scratch))
        outcome = await worker.explain(
            ExplainTask(
                model=model.folder,
                passport_sha256=model.passport_sha256,
                dataset=Path(scratch),
                backtest=model.backtest,
                seed=seed,
            )
        )
    answer: Json = outcome.model_dump(mode="json", exclude={"said"})
    await models.keep_importance(session_id, job_id, seed, answer)
    return answer


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
