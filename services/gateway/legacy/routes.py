"""Paths only the earlier frontend knows: older views of a run, its forecast settings, its health page."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from pydantic import AwareDatetime, BaseModel, Field, JsonValue
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

from services.gateway.auth.api_keys import create_key
from services.gateway.context import (
    LiveDep,
    ObjectsDep,
    RecordsDep,
    RunDep,
    ServiceDep,
    Session,
    Who,
)
from services.gateway.datasets.configuration import load_session_data, saved_time_info, saved_time_steps
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, Earlier, EarlierAnswer, remarks, spelled
from services.gateway.legacy.paths import ONLINE
from services.gateway.models.files import model_files
from services.gateway.problems import RunNotFound
from services.gateway.results.routes import outcome
from services.gateway.runs.answers import RunStarted, RunStatus
from services.gateway.runs.phases import STEPS
from services.gateway.runs.routes import IdempotencyKey, begin_training, status
from services.gateway.runs.wire import TrainModels
from services.gateway.sessions.answers import AllDeleted
from services.gateway.sessions.routes import DeleteAll, delete_all
from services.gateway.uploads.file_routes import records_of
from shared.contracts.base import utc_now
from shared.storage.records import Records
from shared.storage.rows import SessionRow

router = APIRouter(tags=["earlier frontend"], route_class=IdempotentRoute)
secret = APIRouter(tags=["earlier frontend"], route_class=JsonRoute)  # a key is told once
outside = APIRouter(tags=["health"])
VERSION = "1"


class Online(BaseModel):
    """That the gateway answers."""

    status: Literal["online"] = "online"
    message: str = "Trainyard is running"
    version: str = VERSION
    timestamp: AwareDatetime
    port: int | None
    env: Literal["local", "production"]


@outside.get("/health")
async def health() -> dict[str, str]:
    """Tell that the process lives, in the earlier word."""
    return {"status": "ok"}


@outside.get(ONLINE)
async def online(request: Request) -> Online:
    """Tell what answers here; programs that ask for JSON at ``/`` get this, too."""
    single = request.app.state.gateway.settings.single_user
    return Online(timestamp=utc_now(), port=request.url.port, env="local" if single else "production")


class Alive(BaseModel):
    """That the gateway answers, and to whom."""

    status: Literal["alive"] = "alive"
    session_id: str
    user_id: str


@outside.get("/api/keepalive/{sid}")
async def keepalive(sid: str, who: Who) -> Alive:
    """Tell that the gateway answers; whether there is such a session is not said."""
    return Alive(session_id=sid[:128], user_id=who.user_id)


@router.get("/progress/{sid}")
async def progress(
    sid: str, records: RecordsDep, live: LiveDep, session: Session, request: Request
) -> RunStatus:
    """Return the same as ``/status``."""
    return await status(sid, records, live, session, request, None)


class RunMetrics(Answer):
    """The test scores of a run by data set and model."""

    session_id: str
    run_id: str
    metrics: dict[str, dict[str, dict[str, float | None]]]
    model_performance: dict[str, Any]


@router.get("/metrics/{sid}")
@router.get("/comprehensive-evaluation/{sid}")
async def metrics(sid: str, records: RecordsDep, session: Session) -> RunMetrics:
    """Return the test scores of the newest run that finished with models."""
    found = await outcome(records, session, None)
    return RunMetrics(
        session_id=sid,
        run_id=found.run.id,
        metrics=found.metrics(),
        model_performance=found.performance(),
    )


class PipelineStep(BaseModel):
    """One of the seven phases."""

    number: int
    name: str
    status: Literal["pending", "running", "completed"]


class Pipeline(Answer):
    """The seven phases of the newest run."""

    session_id: str
    status: str
    progress: float
    total_steps: int
    phases: list[PipelineStep]


@router.get("/pipeline-overview/{sid}")
async def pipeline(
    sid: str, records: RecordsDep, live: LiveDep, session: Session, request: Request
) -> Pipeline:
    """Return how far each of the seven phases is."""
    now = await status(sid, records, live, session, request, None)
    going = now.status in ("queued", "running")
    phases = [
        PipelineStep(
            number=number,
            name=name,
            status="completed"
            if number <= now.completed_steps
            else "running"
            if going and number == now.completed_steps + 1
            else "pending",
        )
        for number, name in enumerate(STEPS, start=1)
    ]
    return Pipeline(
        session_id=sid, status=now.status, progress=now.progress, total_steps=len(STEPS), phases=phases
    )


@router.post("/start-complete-pipeline/{sid}", status_code=202)
async def start_pipeline(
    sid: str, context: RunDep, session: Session, body: TrainModels, idempotency_key: IdempotencyKey = None
) -> RunStarted:
    """Start the same as ``/train-models``: the data set is built from the session's settings if need be."""
    return await begin_training(context, session, sid, body, key=idempotency_key)


class ForecastConfig(Answer):
    """What a forecast of a session is made from."""

    session_id: str
    files: list[dict[str, JsonValue]]
    time_info: dict[str, JsonValue]
    zeitschritte: dict[str, JsonValue]
    models: list[dict[str, Any]]


@router.get("/forecast-config/{sid}")
async def forecast_config(sid: str, records: RecordsDep, session: Session) -> ForecastConfig:
    """Return files, settings and stored models of a session."""
    return ForecastConfig(
        session_id=sid,
        files=records_of(await load_session_data(records, session)),
        time_info=saved_time_info(session).german(),
        zeitschritte=saved_time_steps(session).german(),
        models=await stored_models(records, session),
    )


async def stored_models(records: Records, session: SessionRow) -> list[dict[str, Any]]:
    """Return the stored models of the newest finished run, or none."""
    try:
        found = await outcome(records, session, None)
    except RunNotFound:
        return []
    return [file.wire(found.dataset_name) for file in model_files(found.jobs)]


class SaveForecastConfig(Earlier):
    """Where the inputs of forecasts come from."""

    features: list[dict[str, JsonValue]] = Field(max_length=500)
    zeitzone: str | None = Field(None, max_length=64, validation_alias=spelled("zeitzone", "timezone"))


class ForecastConfigSaved(EarlierAnswer):
    """Forecast settings that are kept."""

    session_id: str
    updated_files: int
    message: str


_EXTERN = "data_source Extern: this system calls no weather service; upload forecasts as a file instead"


@router.post("/save-forecast-config/{sid}")
async def save_forecast_config(
    sid: str, body: SaveForecastConfig, records: RecordsDep, session: Session
) -> ForecastConfigSaved:
    """Keep where the inputs of forecasts come from, with the session's metadata."""
    kept: dict[str, JsonValue] = {"features": list[JsonValue](body.features), "zeitzone": body.zeitzone}
    metadata = {**session.metadata, "forecast_config": kept}
    await records.update(SessionRow, session.id, {"metadata": metadata})
    extern = any(feature.get("data_source") == "Extern" for feature in body.features)
    return ForecastConfigSaved(
        session_id=sid,
        updated_files=len(body.features),
        message="The settings are kept",
        **remarks(body, warnings=[_EXTERN] if extern else []),
    )


class ApiParameters(Answer):
    """Parameters of weather services; this system calls none."""

    parameters: list[dict[str, str]]
    message: str


@router.get("/api-parameters")
async def api_parameters(
    who: Who, api_source: Annotated[str | None, Query(max_length=64)] = None
) -> ApiParameters:
    """Return the parameters of weather services that can be asked: none, forecasts come as files."""
    return ApiParameters(parameters=[], message="no weather service is called; upload forecasts as files")


class SessionKey(Earlier):
    """A key for one session."""

    name: Annotated[str, Field(max_length=255)] = ""
    expires_in_days: Annotated[float, Field(gt=0, le=36_500)] | None = None


class SessionKeyMade(EarlierAnswer):
    """A key; its text is in this answer and nowhere else."""

    key: str
    key_id: str
    name: str
    prefix: str
    expires_at: AwareDatetime | None


@secret.post("/api-keys/{sid}", status_code=201)
async def create_session_key(
    sid: str, service: ServiceDep, who: Who, session: Session, body: SessionKey | None = None
) -> SessionKeyMade:
    """Make a key that opens this session only."""
    asked = body or SessionKey()
    expires = utc_now() + timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    key, row = await create_key(
        service, who.user_id, name=asked.name, session_id=session.id, expires_at=expires
    )
    return SessionKeyMade(
        key=key, key_id=row.id, name=row.name, prefix=key[:12], expires_at=row.expires_at, **remarks(asked)
    )


class FormRoute(JsonRoute):
    """A route for a form, beside one of the same path for JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only what is sent as a form."""
        sent = dict(scope.get("headers", ())).get(b"content-type", b"")
        is_form = sent.startswith((b"application/x-www-form-urlencoded", b"multipart/form-data"))
        return super().matches(scope) if is_form else (Match.NONE, {})


forms = APIRouter(tags=["earlier frontend"], route_class=FormRoute)


@forms.post("/delete-all-sessions", include_in_schema=False)
async def delete_all_by_form(
    context: RunDep,
    objects: ObjectsDep,
    who: Who,
    confirm_delete_all: Annotated[bool, Form()] = False,
    force: bool = False,
) -> AllDeleted:
    """Delete every session of the caller, confirmed by a form."""
    return await delete_all(context, objects, who, DeleteAll(confirm_delete_all=confirm_delete_all), force)
