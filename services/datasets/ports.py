"""What the datasets service needs from outside."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from shared.contracts.problems import Problem
from shared.errors import InvalidInput
from shared.series.series import Series
from shared.storage.rows import DatasetRow
from shared.windows.dataset import Dataset


class BuildCancelled(InvalidInput):
    """Nobody waits for the data set any more: its run was cancelled, or it was deleted."""

    code = "BUILD_CANCELLED"
    advice = ("Start the run again.",)


@dataclass(frozen=True)
class Product:
    """A built data set: the folder to keep, and what a user is told about it."""

    folder: Path
    report: dict[str, JsonValue]


class Datasets(Protocol):
    """Data sets somebody asked for."""

    async def load(self, dataset_id: str) -> DatasetRow | None:
        """Return the row, or None when it was deleted."""
        ...

    async def series(self, order: DatasetRow) -> Mapping[str, Series]:
        """Return the series the spec names, by id; raise ``SeriesGone`` for one that is not there."""
        ...

    async def series_of(self, session_id: str, series_ids: Collection[str]) -> Mapping[str, Series]:
        """Return series of a session by id; raise ``SeriesGone`` for one that is not there."""
        ...

    async def reused(self, order: DatasetRow) -> DatasetRow | None:
        """Mark the data set ready with the content of its twin: one of the same session, if there is one."""
        ...

    async def unwanted(self, order: DatasetRow) -> bool:
        """Tell whether nobody waits for it any more: it was deleted, or its runs are asked to stop."""
        ...

    async def save(self, order: DatasetRow, product: Product) -> DatasetRow:
        """Store the folder and mark the data set ready; raise ``BuildCancelled`` if nobody wants it now."""
        ...

    async def forget(self, session_id: str, dataset_id: str) -> None:
        """Remove what lies of a data set that was deleted."""
        ...

    async def crashed(self, order: DatasetRow) -> int:
        """Count that the process building it crashed; return how often it has."""
        ...

    async def fail(self, order: DatasetRow, problem: Problem) -> None:
        """Mark the data set failed, with the reason."""
        ...

    async def open(self, session_id: str, dataset_id: str) -> Dataset:
        """Return a ready data set of a session; raise ``DatasetGone`` if there is none."""
        ...

    async def save_arrays(
        self, session_id: str, dataset_id: str, dataset: Dataset, *, scaled: bool
    ) -> tuple[str, str]:
        """Store X and Y of all windows, scaled or in original units; return the object's key and digest."""
        ...
