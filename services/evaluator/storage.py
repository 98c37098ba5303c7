"""The evaluator's results, verdicts and reports over the ledger and the object store."""

import asyncio
import json
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import JsonValue

from services.evaluator.core.scores import Scores
from services.evaluator.core.user_log import Level
from services.evaluator.plots import expected_plots
from services.evaluator.ports import RunState, ScoringContext
from shared.contracts.base import Event, derive, utc_now
from shared.contracts.problems import Problem
from shared.errors import InvalidInput
from shared.scoring.forecasts import Forecast
from shared.storage.codecs import bytes_to_arrays
from shared.storage.connect import Storage
from shared.storage.datasets import fetch_dataset, ready_dataset
from shared.storage.rows import (
    LIVE_RUN,
    DatasetRow,
    JobRow,
    LogRow,
    ResultRow,
    RunRow,
    RunStatus,
    SessionRow,
)
from shared.storage.verified import get_verified
from shared.windows.dataset import Dataset
from shared.windows.folds import parts_of

_KEPT = 8


class FilesMissing(InvalidInput):
    """A finished job lacks a file every job stores."""

    code = "JOB_FILES_MISSING"


@dataclass(eq=False)
class LedgerResults:
    """Finished models and their scores."""

    _storage: Storage
    _contexts: OrderedDict[tuple[object, ...], ScoringContext] = field(default_factory=OrderedDict)

    async def job(self, job_id: str) -> JobRow | None:
        return await self._storage.records.get(JobRow, job_id)

    async def forecast(self, job: JobRow) -> Forecast:
        content = await self._file(job, "forecasts.npz")
        return await asyncio.to_thread(lambda: Forecast.from_arrays(bytes_to_arrays(content)))

    async def history(self, job: JobRow) -> dict[str, list[float]]:
        stored: dict[str, list[float]] = json.loads(await self._file(job, "history.json"))
        return stored

    async def _file(self, job: JobRow, name: str) -> bytes:
        file = job.files.get(name)
        if not isinstance(file, dict):
            raise FilesMissing(f"the job stored no {name}", job_id=job.id)
        return await get_verified(
            self._storage.of_owner(job.owner).objects, str(file["key"]), str(file["sha256"])
        )

    async def scoring_context(self, job: JobRow) -> ScoringContext:
        trained_on = (job.dataset_id, job.backtest and job.backtest.train)
        if trained_on not in self._contexts:
            dataset = await self.dataset(job)
            self._contexts[trained_on] = await asyncio.to_thread(_scoring_context_of, dataset)
            while len(self._contexts) > _KEPT:
                self._contexts.popitem(last=False)
        return self._contexts[trained_on]

    async def save(
        self, job: JobRow, validation: Scores, test: Scores, folds: Sequence[Scores] = ()
    ) -> ResultRow:
        headline = {f"validation_{k}": v for k, v in validation.headline().items()} | test.headline()
        scores: dict[str, JsonValue] = {"validation": validation.to_json(), "test": test.to_json()}
        if folds:
            scores["folds"] = [fold.to_json() for fold in folds]
        row = ResultRow(
            id=job.id,
            owner=job.owner,
            session_id=job.session_id,
            run_id=job.run_id,
            label=job.label,
            kind=job.kind,
            scores=scores,
            headline=headline,
        )
        await self._storage.of_owner(job.owner).records.insert([row])
        return row

    async def run(self, run_id: str) -> RunRow | None:
        return await self._storage.records.get(RunRow, run_id)

    async def dataset(self, job: JobRow) -> Dataset:
        row = await ready_dataset(self._storage.of_owner(job.owner), job.dataset_id)
        with tempfile.TemporaryDirectory(prefix="trainyard-dataset-") as scratch:
            await fetch_dataset(self._storage.of_owner(job.owner), row, Path(scratch))
            dataset = await asyncio.to_thread(Dataset.open, Path(scratch))  # its maps outlive the names
        if job.backtest is None:
            return dataset
        return await asyncio.to_thread(dataset.divided, parts_of(job.backtest, dataset.n_windows))


def _scoring_context_of(dataset: Dataset) -> ScoringContext:
    layout = dataset.layout
    steps = max(1, layout.output_steps - 1)
    return ScoringContext(
        names=tuple(column.name for column in layout.outputs),
        delta_minutes=tuple(
            (column.end - column.start) * 60 / steps or layout.stride for column in layout.outputs
        ),
        offset_hours=tuple(layout.offsets(column, layout.output_steps) for column in layout.outputs),
        timezone=dataset.spec.calendar.timezone,
        y_train=tuple(dataset.training_values(k) for k in range(len(layout.outputs))),
    )


@dataclass(eq=False)
class LedgerVerdicts:
    """Runs to be closed."""

    _storage: Storage

    async def state(self, run_id: str) -> RunState | None:
        run = await self._storage.records.get(RunRow, run_id)
        if run is None:
            return None
        mine = self._storage.of_owner(run.owner).records
        jobs = await mine.select(JobRow, {"run_id": run_id}, order="position")
        results = await mine.select(ResultRow, {"run_id": run_id})
        models, trials = ([job for job in jobs if (job.trial is None) == own] for own in (True, False))
        dataset = await mine.get(DatasetRow, run.dataset_id) if run.status == "waiting" else None
        unbuilt = dataset.problem if dataset and dataset.status == "failed" else None
        return RunState(run, models, {row.id: row for row in results}, trials, unbuilt)

    async def close(
        self,
        run: RunRow,
        status: RunStatus,
        *,
        verdict: Mapping[str, JsonValue],
        best_job_id: str | None,
        problem: Problem | None,
    ) -> RunRow:
        changes = {
            "status": status,
            "verdict": verdict,
            "best_job_id": best_job_id,
            "problem": problem,
            "finished_at": utc_now(),
        }
        mine = self._storage.of_owner(run.owner).records
        for live in LIVE_RUN:
            closed = await mine.update(RunRow, run.id, changes, expect={"status": live})
            if closed:
                jobs = await mine.select(JobRow, {"run_id": run.id}, order="position")
                scored = {row.id for row in await mine.select(ResultRow, {"run_id": run.id})}
                await mine.insert(expected_plots(closed, jobs, scored))
                return closed
        return await mine.get(RunRow, run.id) or run

    async def waiting_for(self, dataset_id: str) -> list[RunRow]:
        return await self._storage.records.select(RunRow, {"dataset_id": dataset_id, "status": "waiting"})


@dataclass(eq=False)
class LedgerChronicle:
    """Lines for users in the ledger."""

    _storage: Storage

    async def note(self, event: Event, level: Level, sentence: str) -> None:
        session = await self._storage.records.get(SessionRow, event.session_id)
        if session is None:
            return
        line = LogRow(
            id=derive("log", event.event_id),
            owner=session.owner,
            session_id=session.id,
            run_id=event.run_id,
            job_id=getattr(event, "job_id", None),
            level=level,
            message=sentence,
            details={"event": event.type},
            created_at=event.time,
        )
        await self._storage.of_owner(session.owner).records.insert([line])


@dataclass(eq=False)
class StoredMessages:
    """Messages of the broker's streams."""

    _js: JetStreamContext

    async def read(self, stream: str, sequence: int) -> tuple[str, str] | None:
        try:
            message = await self._js.get_msg(stream, sequence)
        except NotFoundError:
            return None
        return message.subject or "", (message.data or b"").decode("utf-8", "replace")

    async def remove(self, stream: str, sequence: int) -> None:
        await self._js.delete_msg(stream, sequence)
