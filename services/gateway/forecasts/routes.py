"""Forecasts of the future: from the newest rows, with the champion or the best model, unless told."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, JsonValue

from services.gateway.context import ObjectsDep, RecordsDep, ServiceDep, Session, WorkersDep
from services.gateway.forecasts.chosen import for_forecasts
from services.gateway.forecasts.monitored import Monitoring
from services.gateway.forecasts.wire import (
    Forecast,
    ForecastOrder,
    Forecasts,
    ForecastSummary,
    Template,
    forecast_csv,
    list_csv,
    template_csv,
)
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.problems import NothingThere
from services.gateway.registry.versions import register, registry_of
from shared.storage.forecast_documents import forecast_document
from shared.storage.forecast_rows import ForecastRow
from shared.storage.records import Where
from shared.storage.verified import get_verified

router = APIRouter(tags=["forecasts"], route_class=IdempotentRoute)
Format = Annotated[Literal["json", "csv"], Query()]
AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "as `format` says"}
}
Model = Annotated[
    str, Query(max_length=255, description="a job id, a model's label, ``champion``, or ``best``")
]
RunName = Annotated[str | None, Query(max_length=64)]


@router.post("/forecast/{sid}")
async def forecast(
    body: ForecastOrder,
    records: RecordsDep,
    objects: ObjectsDep,
    workers: WorkersDep,
    service: ServiceDep,
    session: Session,
) -> Forecast:
    """Return time-stamped values in original units with intervals, and keep them.

    Values given under `future` make it a scenario: a child of the plain forecast, with the difference.
    """
    known = await registry_of(records, session)
    job = await for_forecasts(records, session, body.run_id, body.model, known=known)
    version = known.version_of(job) or await register(records, service, session, job)
    about: dict[str, JsonValue] = {
        "session_id": session.id, "job_id": job.id, "version": version.number, **body.question(),
    }  # fmt: skip
    kept = await workers.ask("trainer.forecast", about)
    if isinstance(document := kept.get("document"), dict):
        return Forecast.model_validate(document)
    return Forecast(**json.loads(await get_verified(objects, str(kept["key"]), kept.get("sha256"))))


@router.get("/forecast/{sid}/template", response_model=Template, responses=AS_CSV)
async def template(
    records: RecordsDep,
    workers: WorkersDep,
    session: Session,
    model: Model = "champion",
    run_id: RunName = None,
    at: AwareDatetime | None = None,
    format: Format = "json",
) -> Template | Response:
    """Return the stamps and columns a forecast needs that are known in advance, and which are missing."""
    job = await for_forecasts(records, session, run_id, model)
    about: dict[str, JsonValue] = {
        "session_id": session.id, "job_id": job.id, "at": at.isoformat() if at else None,
    }  # fmt: skip
    found = await workers.ask("trainer.template", about)
    if format == "csv":
        return _as_csv(template_csv(found), "template.csv")
    return Template(run_id=job.run_id, job_id=job.id, model=job.label, **found)


@router.get("/forecasts/{sid}", response_model=Forecasts, responses=AS_CSV)
async def list_forecasts(
    records: RecordsDep,
    session: Session,
    run_id: RunName = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
    format: Format = "json",
) -> Forecasts | Response:
    """Return the session's forecasts, newest first."""
    where: Where = {"session_id": session.id} | ({"run_id": run_id} if run_id else {})
    rows = await records.select(ForecastRow, where, order="-created_at", limit=limit, offset=offset)
    if format == "csv":
        return _as_csv(list_csv(rows), "forecasts.csv")
    count = await records.count(ForecastRow, where)
    return Forecasts(forecasts=[ForecastSummary.of(row) for row in rows], count=count)


@router.get("/forecasts/{sid}/monitoring")
async def monitoring(
    records: RecordsDep,
    workers: WorkersDep,
    session: Session,
    model: Annotated[
        str | None, Query(max_length=255, description="a job id, a label, best or champion")
    ] = None,
    run_id: RunName = None,
    last: Annotated[int, Query(ge=1, le=1000, description="newest scored forecasts per model")] = 30,
    drift_days: Annotated[float, Query(gt=0, le=3660, description="age of rows that count as new")] = 14,
) -> Monitoring:
    """Return how forecasts met their truth: rolling scores, coverage and skill, and the drift of inputs.

    All models that forecast are told; `model` names one. Scenarios do not count.
    """
    jobs = [] if model is None else [(await for_forecasts(records, session, run_id, model)).id]
    about: dict[str, JsonValue] = {
        "session_id": session.id, "last": last, "drift_days": drift_days, "job_ids": list(jobs),
    }  # fmt: skip
    return Monitoring(**await workers.ask("evaluator.monitoring", about))


@router.get("/forecasts/{sid}/{forecast_id}", response_model=Forecast, responses=AS_CSV)
async def read_forecast(
    forecast_id: str, records: RecordsDep, objects: ObjectsDep, session: Session, format: Format = "json"
) -> Forecast | Response:
    """Return one forecast as it was made."""
    row = await records.get(ForecastRow, forecast_id)
    if row is None or row.session_id != session.id:
        raise NothingThere("there is no such forecast in this session")
    document = await forecast_document(records, objects, row)
    if format == "csv":
        return _as_csv(forecast_csv(document), f"forecast-{row.id[:8]}.csv")
    return Forecast(**document)


def _as_csv(text: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
