"""The port to the ledger: typed rows, written once per cause, changed only by compare-and-set."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.base import utc_now

Scalar = str | int | float | bool | datetime | None


@dataclass(frozen=True)
class Less:
    """Condition: the column is less than the value."""

    value: Scalar


@dataclass(frozen=True)
class OneOf:
    """Condition: the column equals one of the values."""

    values: tuple[Scalar, ...]


Condition = Scalar | Less | OneOf
Where = Mapping[str, Condition]


class Row(BaseModel):
    """One row of the ledger. ``revision`` counts its changes; ``id`` is derived from what caused it."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    table: ClassVar[str]
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = ()
    durable: ClassVar[bool] = True  # False: until the next durable row is written a power cut may take it

    id: str
    owner: str
    revision: int = 0
    created_at: AwareDatetime = Field(default_factory=utc_now)
    updated_at: AwareDatetime = Field(default_factory=utc_now)

    def changed(self, **changes: object) -> Self:
        """Return a validated copy with changes, as the ledger would store it next."""
        return self.model_validate({**self.model_dump(), **changes})


R = TypeVar("R", bound=Row)


class Records(Protocol):
    """Rows of any table. Errors: ``Unavailable`` when the store is away; nothing else for valid calls."""

    async def insert(self, rows: Sequence[Row]) -> int:
        """Store rows whose id is new, ignore the others; return how many were new."""
        ...

    async def get(self, kind: type[R], row_id: str) -> R | None:
        """Return one row, or None."""
        ...

    async def select(
        self,
        kind: type[R],
        where: Where,
        *,
        order: str = "created_at",
        limit: int | None = None,
        offset: int = 0,
    ) -> list[R]:
        """Return all matching rows (however many), ordered; a leading ``-`` in ``order`` means descending."""
        ...

    async def update(
        self, kind: type[R], row_id: str, changes: Mapping[str, object], *, expect: Where | None = None
    ) -> R | None:
        """Change one row if it still matches ``expect``; return the new row, or None if it did not."""
        ...

    async def delete(self, kind: type[Row], where: Where) -> int:
        """Delete all matching rows; return how many."""
        ...

    async def count(self, kind: type[Row], where: Where) -> int:
        """Return how many rows match."""
        ...

    async def ping(self) -> None:
        """Raise ``Unavailable`` if the store does not answer."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


async def each_row(records: Records, table: type[R], where: Where, *, page: int = 200) -> AsyncIterator[R]:
    """Yield rows by id, page by page: no page holds the event loop for long."""
    offset = 0
    while rows := await records.select(table, where, order="id", limit=page, offset=offset):
        for row in rows:
            yield row
        if len(rows) < page:
            return
        offset += page
