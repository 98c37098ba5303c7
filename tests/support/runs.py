"""A run in a real ledger, at whatever moment a test needs it, and a post that remembers what was said."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from services.evaluator.core.scores import score
from services.trainer.core.planning import plan_jobs
from shared.contracts.base import Message, derive, new_id
from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.messaging.publish import Publisher
from shared.queueing.release import FairRelease
from shared.scoring.forecasts import PartForecast
from shared.storage.connect import Storage, open_embedded
from shared.storage.rows import DatasetRow, JobRow, ResultRow, RunRow, SessionRow

SPEC = DatasetSpec(
    series=(
        SeriesSpec(series_id="s", name="load", role="input", horizon=Horizon(start=-5, end=0)),
        SeriesSpec(series_id="s", name="load", role="output", horizon=Horizon(start=1, end=3)),
    ),
    input_steps=6,
    output_steps=3,
    stride=60,
)
LEASE = timedelta(seconds=30)


class Heard:
    """Stands for the broker's publish method: keeps subjects, refuses what it has heard before."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, message: object, subject: str, *_: object, **__: object) -> None:
        assert isinstance(message, Message)
        self.messages.append(message)

    @property
    def types(self) -> list[str]:
        return [message.type for message in self.messages]

    def post(self) -> Publisher:
        return Publisher(self)


async def ledger(folder: Path) -> Storage:
    return await open_embedded(folder)


def turns_of(storage: Storage) -> FairRelease:
    """Return what releases waiting jobs, as the services have it."""
    return FairRelease(storage, least=2, weights={})


async def planned_run(storage: Storage, **changes: object) -> tuple[RunRow, list[JobRow]]:
    """Store a running run with its jobs queued."""
    session = SessionRow(id=new_id(), owner="ada")
    dataset = DatasetRow(id=new_id(), owner="ada", session_id=session.id, spec=SPEC, status="ready")
    run = RunRow(
        id=new_id(),
        owner="ada",
        session_id=session.id,
        dataset_id=dataset.id,
        models=(LinearSpec(), DenseSpec(), DenseSpec(layers=(8,))),
        status="running",
    ).changed(**changes)
    jobs = list(plan_jobs(run))
    for rows in ([session], [dataset], [run], jobs):
        await storage.records.insert(rows)
    return run, jobs


async def end_jobs(storage: Storage, jobs: Sequence[JobRow], status: str) -> list[JobRow]:
    """Give jobs an end, as their replicas would."""
    ended = [await storage.records.update(JobRow, job.id, {"status": status}) for job in jobs]
    return [job for job in ended if job is not None]


def result_of(job: JobRow, rmse: float) -> ResultRow:
    """Return scores with one number that matters."""
    return ResultRow(
        id=job.id,
        owner=job.owner,
        session_id=job.session_id,
        run_id=job.run_id,
        label=job.label,
        kind=job.kind,
        scores=scores_json(rmse),
        headline={"rmse": rmse},
    )


def scores_json(rmse: float) -> dict[str, JsonValue]:
    """Return validation and test scores of forecasts that are off by a constant."""
    truth = np.arange(60.0).reshape(20, 3, 1)
    part = PartForecast(np.arange(20) * 3_600_000_000_000, truth, truth + rmse)
    scores = score(part, y_train=[np.arange(50.0)], delta_minutes=[60.0], names=["load"]).to_json()
    return {"validation": scores, "test": scores}


def job_id(run: RunRow, position: int) -> str:
    """Return the id the planner derives."""
    return derive("job", run.id, str(position))
