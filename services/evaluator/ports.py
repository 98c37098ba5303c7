"""What the evaluator needs from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from services.evaluator.core.scores import Scores
from services.evaluator.core.user_log import Level
from shared.contracts.base import Event
from shared.contracts.kinds import ENSEMBLE
from shared.contracts.problems import Problem
from shared.scoring.forecasts import Forecast
from shared.series.arrays import Float64
from shared.storage.rows import JobRow, ResultRow, RunRow, RunStatus
from shared.windows.dataset import Dataset


@dataclass(frozen=True)
class ScoringContext:
    """What scores are measured against: per output its name, spacing and training values."""

    names: tuple[str, ...]
    delta_minutes: tuple[float, ...]
    offset_hours: tuple[Float64, ...]
    y_train: tuple[Float64, ...]
    timezone: str


class Results(Protocol):
    """Finished models and their scores."""

    async def job(self, job_id: str) -> JobRow | None:
        """Return a job's row, or None when it was deleted."""
        ...

    async def run(self, run_id: str) -> RunRow | None:
        """Return a run's row, or None when it was deleted."""
        ...

    async def dataset(self, job: JobRow) -> Dataset:
        """Return the data set a job was fitted on, in the parts it was fitted on."""
        ...

    async def forecast(self, job: JobRow) -> Forecast:
        """Return the forecasts a finished job stored."""
        ...

    async def history(self, job: JobRow) -> dict[str, list[float]]:
        """Return the curves of a finished job's fit."""
        ...

    async def scoring_context(self, job: JobRow) -> ScoringContext:
        """Return what the job's data set says about its outputs."""
        ...

    async def save(
        self, job: JobRow, validation: Scores, test: Scores, folds: Sequence[Scores] = ()
    ) -> ResultRow:
        """Store the scores once, under the job's id; ``folds`` are those of a job that forecasts several."""
        ...


@dataclass(frozen=True)
class RunState:
    """A run with all its models' jobs, the results there are, and the trials of its searches."""

    run: RunRow
    jobs: Sequence[JobRow]
    results: Mapping[str, ResultRow]
    trials: Sequence[JobRow] = ()
    unbuilt: Problem | None = None  # why there will be no data set for a run that waits for one

    def is_over(self) -> bool:
        """Whether every job has ended and every finished one has its scores."""
        ended = all(job.status in ("finished", "failed", "cancelled") for job in (*self.jobs, *self.trials))
        scored = all(job.id in self.results for job in self.jobs if job.status == "finished")
        return bool(self.jobs) and ended and scored

    def ensemble(self) -> JobRow | None:
        """Return the average of the run's models, once it is made."""
        return next((job for job in self.jobs if job.kind == ENSEMBLE), None)


class Verdicts(Protocol):
    """Runs to be closed."""

    async def state(self, run_id: str) -> RunState | None:
        """Return a run's state, or None when it was deleted."""
        ...

    async def close(
        self,
        run: RunRow,
        status: RunStatus,
        *,
        verdict: Mapping[str, JsonValue],
        best_job_id: str | None,
        problem: Problem | None,
    ) -> RunRow:
        """Close a live run by compare-and-set; return the row as it is, whoever closed it."""
        ...

    async def waiting_for(self, dataset_id: str) -> list[RunRow]:
        """Return the runs that wait for a data set."""
        ...


class Ensembles(Protocol):
    """Averages of runs' models."""

    async def make(self, state: RunState) -> JobRow:
        """Store the average of a run's models as one more finished job, once.

        Raises ``InvalidInput``, which says why, where there is nothing to average.
        """
        ...


class UserLog(Protocol):
    """What a user may read about a session."""

    async def note(self, event: Event, level: Level, sentence: str) -> None:
        """Keep one line, once per event; nothing when the session is gone."""
        ...
