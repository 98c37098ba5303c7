"""Rows that arrive after the upload."""

import csv
import io
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, model_validator

from services.gateway.context import RecordsDep, Who, WorkersDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.problems import TooLarge
from services.gateway.uploads.file_routes import find_file

router = APIRouter(tags=["files"], route_class=IdempotentRoute)
MAX_TEXT = 900_000  # bytes of rows in one request: what a message to a worker carries
Cell = Annotated[str, Field(max_length=255)] | float | None


class NewRows(Wire):
    """New rows of a file, as CSV text with its header or as one mapping per row."""

    csv: str | None = Field(None, max_length=MAX_TEXT)
    rows: list[dict[str, Cell]] | None = Field(
        None, min_length=1, max_length=50_000, description="cells by column, the time column among them"
    )
    available_at: AwareDatetime | None = Field(
        None,
        validation_alias=spelled("available_at", "availableAt"),
        description="when the rows became known; default: now",
    )
    trust_values: bool = Field(
        False,
        validation_alias=spelled("trust_values", "trustValues"),
        description="take values of another size than all before",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.csv is None) == (self.rows is None):
            raise ValueError("send either csv or rows")
        return self

    def text(self) -> str:
        """Return the rows as CSV."""
        if self.csv is not None:
            return self.csv
        rows = self.rows or []
        names = list(dict.fromkeys(name for row in rows for name in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()


class ExtendedSeries(BaseModel):
    """A series as it is now."""

    series_id: str
    name: str
    statistics: dict[str, JsonValue]


class RowsAdded(Answer):
    """What a batch of rows changed; a batch that changes nothing makes no version."""

    version: int = Field(description="number of batches since the upload")
    n_new: int
    n_changed: int = Field(description="rows that were corrected")
    series: list[ExtendedSeries]


@router.post("/csv-files/{file_id}/rows")
async def add_rows(
    file_id: str, body: NewRows, records: RecordsDep, workers: WorkersDep, who: Who
) -> RowsAdded:
    """Extend a file's series without a new upload; of rows with one stamp the last that came holds."""
    file, _ = await find_file(records, who, file_id)
    text = body.text()
    if len(text.encode()) > MAX_TEXT:
        raise TooLarge(f"the rows have more than {MAX_TEXT:,} bytes", field="rows", limit_bytes=MAX_TEXT)
    about: dict[str, JsonValue] = {
        "session_id": file.session_id,
        "file_id": file.id,
        "csv": text,
        "available_at": body.available_at.isoformat() if body.available_at else None,
        "trust_values": body.trust_values,
    }
    found: dict[str, Any] = await workers.ask("ingest.rows", about)
    return RowsAdded(**found)
