"""Rows of forecasts of the future, and of the values that arrive for them later."""

from typing import ClassVar

from pydantic import AwareDatetime, JsonValue

from shared.contracts.kinds import JobKind
from shared.storage.records import Row


class ForecastRow(Row):
    """One forecast of the future; its id follows from model, rows and what was asked.

    ``parent_id`` is the plain forecast a scenario differs from. ``scores`` are those of ``n_scored`` values
    whose truth has arrived.
    """

    table: ClassVar[str] = "forecasts"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("session_id", "created_at"), ("session_id", "scored", "last_time"), ("run_id",), ("job_id",),
    )  # fmt: skip

    session_id: str
    run_id: str
    job_id: str
    kind: JobKind
    label: str
    version: int | None = None
    passport_sha256: str | None = None
    reference_time: AwareDatetime
    last_time: AwareDatetime
    parent_id: str | None = None
    object_key: str | None = None  # None: a row of its own keeps the document
    sha256: str | None = None  # rows of earlier releases have none
    asked: dict[str, JsonValue] = {}
    scored: bool = False
    n_scored: int = 0
    scores: dict[str, JsonValue] = {}


class ForecastDocumentRow(Row):
    """The document of the forecast with the same id, as JSON; that forecast's row says when it is safe."""

    table: ClassVar[str] = "forecast_documents"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",),)
    durable: ClassVar[bool] = False

    session_id: str
    content: str


class RowBatchRow(Row):
    """Rows that came for a file after its upload; its id follows from the file and the version."""

    table: ClassVar[str] = "row_batches"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("file_id", "version"), ("session_id",))

    session_id: str
    file_id: str
    version: int
    available_at: AwareDatetime
    n_rows: int
    n_new: int
    n_changed: int
    object_key: str
    sha256: str | None = None  # rows of earlier releases have none
