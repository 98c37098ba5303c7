"""Data sets before they are built, data sets that are, and the series they are cut from, as numbers."""

import json
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, JsonValue

from services.gateway.context import ObjectsDep, RecordsDep, Session, SettingsDep, WorkersDep
from services.gateway.datasets.configuration import (
    Configuration,
    check_size,
    dataset_spec,
    load_session_data,
)
from services.gateway.http.wire import Answer, Wire
from services.gateway.problems import NothingThere
from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import DatasetRow, SeriesRow
from shared.storage.verified import digest_in, get_verified

router = APIRouter(tags=["configuration"])


class PartSpan(BaseModel):
    """One part of a data set on the time axis, by the reference times of its windows."""

    part: Literal["train", "validation", "test"]
    n: int
    first_ms: int | None
    last_ms: int | None


class Violin(BaseModel):
    """How the values of one column are spread, in its unit; an empty density = all values are equal."""

    label: str
    role: Literal["input", "output"]
    n_values: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    mean: float
    std: float
    grid: list[float]
    density: list[float]


class PreviewRequest(Wire):
    """The data set somebody thinks of, typed or as a configuration."""

    configuration: Configuration = Configuration()
    dataset: DatasetSpec | None = Field(None, description="a whole data set in typed form instead")


class Preview(Answer):
    """What a data set would be."""

    n_windows: int
    n_train: int
    n_validation: int
    n_test: int
    parts: list[PartSpan]
    dropped: dict[str, Any]
    findings: list[Problem]
    violins: list[Violin]


class DatasetSummary(BaseModel):
    """A data set somebody asked for, and what became of it."""

    dataset_id: str
    name: str
    status: Literal["requested", "ready", "failed"]
    spec: DatasetSpec
    n_windows: int | None
    n_train: int | None
    n_validation: int | None
    n_test: int | None
    dropped: dict[str, Any] | None
    findings: list[Problem]
    violins: list[Violin]
    problem: Problem | None


class DatasetAnswer(Answer):
    """One data set of the session."""

    dataset: DatasetSummary


class SeriesExcerpt(Answer):
    """A stretch of a series, thinned for a chart: extremes stay, a null stands where values are missing."""

    series_id: str
    name: str
    times: list[int] = Field(description="Unix milliseconds")
    values: list[float | None]
    n: int = Field(description="rows between the two times")
    thinned: bool


@router.post("/preview/{sid}")
async def preview(
    body: PreviewRequest, records: RecordsDep, workers: WorkersDep, settings: SettingsDep, session: Session
) -> Preview:
    """Tell what a data set would be: windows, parts, drops, warnings, distributions. Nothing is stored."""
    session_data = await load_session_data(records, session)
    spec = body.dataset or dataset_spec(session_data, body.configuration)
    check_size(settings, session_data, spec)
    about: dict[str, JsonValue] = {"session_id": session.id, "spec": spec.model_dump(mode="json")}
    return Preview(**await workers.ask("datasets.preview", about))


@router.get("/datasets/{sid}/{dataset_id}")
async def dataset(
    dataset_id: str, records: RecordsDep, objects: ObjectsDep, session: Session
) -> DatasetAnswer:
    """Return a data set with its settings, its counts, its warnings, and its distributions as numbers."""
    row = await records.get(DatasetRow, dataset_id)
    if row is None or row.session_id != session.id:
        raise NothingThere("the session has no such data set", dataset_id=dataset_id[:64])
    violins: Any = []
    if row.object_key is not None:
        digest = digest_in(row.report.get("files"), "violins.json")
        with suppress(ObjectNotFound):
            violins = json.loads(await get_verified(objects, f"{row.object_key}/violins.json", digest))
    counts = {name: row.report.get(name) for name in ("n_windows", "n_train", "n_validation", "n_test")}
    summary = {
        "dataset_id": row.id,
        "name": row.name,
        "status": row.status,
        "spec": row.spec,
        **counts,
        "dropped": row.report.get("dropped"),
        "findings": row.report.get("findings") or [],
        "violins": violins,
        "problem": row.problem,
    }
    return DatasetAnswer(dataset=DatasetSummary.model_validate(summary))


@router.get("/series/{sid}/{series_id}")
async def series(
    series_id: str,
    records: RecordsDep,
    workers: WorkersDep,
    session: Session,
    from_ms: Annotated[int | None, Query(description="Unix milliseconds; default: its beginning")] = None,
    to_ms: Annotated[int | None, Query(description="Unix milliseconds; default: its end")] = None,
    points: Annotated[int, Query(ge=10, le=20_000, description="about how many values")] = 2_000,
) -> SeriesExcerpt:
    """Return the values of a series between two times, thinned for a chart."""
    row = await records.get(SeriesRow, series_id)
    if row is None or row.session_id != session.id:
        raise NothingThere("the session has no such series", series_id=series_id[:64])
    about: dict[str, JsonValue] = {
        "session_id": session.id,
        "series_id": row.id,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "points": points,
    }
    return SeriesExcerpt(series_id=row.id, name=row.name, **await workers.ask("datasets.series", about))
