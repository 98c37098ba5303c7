"""What the trainer needs from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from shared.contracts.backtest import BacktestPart
from shared.contracts.data_contract import SeriesContract
from shared.contracts.problems import Problem
from shared.storage.forecast_rows import ForecastRow
from shared.storage.rows import JobRow, RunRow


class Runs(Protocol):
    """Runs to be planned."""

    async def ready(self, run_id: str) -> RunRow | None:
        """Return a waiting run whose data set is ready, or None."""
        ...

    async def waiting_for(self, dataset_id: str) -> list[RunRow]:
        """Return the runs that wait for a data set."""
        ...

    async def plan(self, run: RunRow, jobs: Sequence[JobRow]) -> list[JobRow]:
        """Write the jobs down once and mark the run as running; return the jobs as the ledger has them."""
        ...

    async def searches(self, run_id: str) -> list[tuple[JobRow, list[JobRow]]]:
        """Return the jobs of a run that wait for a search, each with its trials."""
        ...

    async def try_out(self, jobs: Sequence[JobRow]) -> None:
        """Write trials down once."""
        ...

    async def end_search(self, model: JobRow, changes: Mapping[str, object]) -> JobRow | None:
        """Change a job that waits for its search; None when it waits no more."""
        ...

    async def cancel_queued(self, run_id: str, job_id: str | None) -> list[JobRow]:
        """Mark what has not started as cancelled, flag what has; return the rows that ended by it."""
        ...


class Checkpoints(Protocol):
    """Where an unfinished fit stood, for whichever attempt is next."""

    async def begin(self, job: JobRow) -> Path:
        """Return the local file a fit goes on from, if it is there, and writes after every epoch."""
        ...

    async def keep(self, job: JobRow) -> None:
        """See to it that other replicas have the file as it is now; failing to is no error."""
        ...

    async def forget(self, job: JobRow) -> None:
        """Remove what an ended job kept."""
        ...


@dataclass(frozen=True)
class Product:
    """What a fit leaves behind: a folder of files, and facts about it."""

    folder: Path
    seconds: float
    notes: dict[str, JsonValue]


class Jobs(Protocol):
    """Jobs of the work queue, fenced by their attempt."""

    async def claim(self, job_id: str) -> JobRow | None:
        """Take the job for a new attempt, or return it as it is when it has ended; None when deleted.

        Raises ``LeaseHeld`` while another replica works on it.
        """
        ...

    async def renew(self, job: JobRow) -> JobRow | None:
        """Extend the lease; return the row, or None when this attempt has lost the job."""
        ...

    async def dataset_folder(self, job: JobRow) -> Path:
        """Return a local folder with the job's data set."""
        ...

    async def contract(self, job: JobRow) -> tuple[SeriesContract, ...]:
        """Return how the series of the job's data set are read."""
        ...

    async def finish(self, job: JobRow, product: Product) -> JobRow | None:
        """Store the product and mark the job finished; None when this attempt has lost the job."""
        ...

    async def end(self, job: JobRow, status: str, problem: Problem | None) -> JobRow | None:
        """Mark the job failed or cancelled; None when this attempt has lost the job."""
        ...

    async def give_back(self, job: JobRow, *, failed: bool) -> JobRow | None:
        """Queue the job again, counting a failure if it was one; None when this attempt has lost the job."""
        ...


@dataclass(frozen=True)
class LocalModel:
    """A stored model on this machine: its folder, and the hash its passport must have.

    The members of an average lie beside it. ``backtest`` names the folds a model was fitted for, if any.
    """

    folder: Path
    passport_sha256: str | None
    backtest: BacktestPart | None = None


@dataclass(frozen=True)
class StoredObject:
    """Where a file of a model lies in the object store."""

    key: str
    size_bytes: int
    sha256: str


class Models(Protocol):
    """Stored models. Each method raises ``ModelGone`` if the session has no such finished job."""

    async def local(self, session_id: str, job_id: str) -> LocalModel:
        """Fetch the files of a model."""
        ...

    async def of(self, job: JobRow) -> LocalModel:
        """Fetch the files of a finished job's model."""
        ...

    async def fetch_dataset(self, session_id: str, job_id: str, folder: Path) -> None:
        """Write the data set a model was fitted on into a folder; raise ``DatasetGone`` if it was deleted."""
        ...

    async def keep_importance(
        self, session_id: str, job_id: str, seed: int, answer: Mapping[str, JsonValue]
    ) -> None:
        """Store what was measured about a model, so that it need not be measured again."""
        ...

    async def find(self, session_id: str, job_id: str, name: str) -> StoredObject | None:
        """Return where a file of a model lies, or None if there is no such file."""
        ...

    async def add(self, session_id: str, job_id: str, path: Path) -> StoredObject:
        """Store one more file beside a model's own."""
        ...


@dataclass(frozen=True)
class ForecastOrder:
    """What a forecast of the future rests on, on this machine: the model's data set and the newest rows.

    ``rows`` are files by series id, ``versions`` the hashes of their rows; ``zone`` is the data's clock, and
    ``contract`` says how the series are read now.
    """

    job: JobRow
    dataset: Path
    rows: dict[str, Path]
    versions: dict[str, str]
    zone: str
    contract: tuple[SeriesContract, ...] = ()


class Forecasts(Protocol):
    """Forecasts of the future, kept in the ledger."""

    async def order(self, session_id: str, job_id: str, *, as_of: str | None) -> ForecastOrder:
        """Fetch what a forecast rests on; raise ``ModelNotFound`` or ``DatasetNotFound`` if it is gone."""
        ...

    async def keep(
        self,
        order: ForecastOrder,
        document: Mapping[str, JsonValue],
        asked: Mapping[str, JsonValue],
        parent_id: str | None,
        version: int | None = None,
    ) -> tuple[ForecastRow, dict[str, JsonValue]]:
        """Store a forecast under the id that follows from model, rows and question.

        Returns
        -------
        row, document
            As they are kept: those of the first time it was asked.
        """
        ...

    async def keep_backcast(self, job: JobRow, path: Path) -> str:
        """Store what a model would have forecast in the past in place of what was there; return its key."""
        ...
