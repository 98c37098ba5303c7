"""Data sets and runs: asked for, watched, stopped."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field, JsonValue

from services.gateway.context import Gateway, Here, Session
from services.gateway.datasets.configuration import Configuration, check_size, dataset_spec, load_session_data
from services.gateway.datasets.violins import violin_plots
from services.gateway.datasets.wire import SplitIn
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, YesNo, spelled
from services.gateway.models.wire import parameters, parse_models
from services.gateway.problems import InvalidModelParams, wrong_field
from services.gateway.runs.lifecycle import (
    cancel,
    find_run,
    newest_dataset,
    request_dataset,
    run_to_stop,
    start_run,
)
from services.gateway.runs.progress import MonotoneProgress, RunView
from shared.contracts.kinds import ModelSpec
from shared.contracts.metrics import RankingMetric
from shared.contracts.specs import DatasetSpec, Split
from shared.storage.records import OneOf, Where
from shared.storage.rows import DatasetRow, JobRow, LogRow, RunRow, SessionRow

router = APIRouter(tags=["runs"], route_class=IdempotentRoute)

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
Configurations = list[dict[str, JsonValue]] | dict[str, JsonValue]
MOST_MODELS = 100  # of one run
_POLL = 0.2


class NamedDataset(Configuration):
    """A data set of its own name; what it leaves out comes from the request's configuration."""

    name: str = Field("", max_length=255)


class GenerateDatasets(Wire):
    """Which data sets to build; without a configuration the session's saved settings are used."""

    configuration: Configuration = Configuration()
    datasets: list[NamedDataset] = Field(default_factory=list, max_length=20)
    dataset: DatasetSpec | None = Field(None, description="a whole data set in typed form instead")


class TrainModels(Wire):
    """Which models to train, in one of three spellings."""

    models: list[dict[str, JsonValue]] | None = Field(
        None, max_length=MOST_MODELS, description="typed model specs"
    )
    configurations: Configurations | None = Field(
        None,
        max_length=MOST_MODELS,
        validation_alias=spelled("modelConfigurations", "model_configurations"),
    )
    parameters: dict[str, JsonValue] | None = Field(
        None, validation_alias=spelled("model_parameters", "modelParameters")
    )
    split: SplitIn | None = Field(None, validation_alias=spelled("training_split", "trainingSplit", "split"))
    dataset_id: str | None = Field(None, validation_alias=spelled("dataset_id", "datasetId"))
    metric: RankingMetric = "rmse"
    ensemble: YesNo = Field(
        True, description="whether the average of the models, weighted on validation, is one more model"
    )

    def specs(self) -> tuple[ModelSpec, ...]:
        """Return the models that are asked for."""
        asked: Sequence[dict[str, JsonValue]] | dict[str, JsonValue] | None
        asked = self.models or self.configurations or ([self.parameters] if self.parameters else None)
        if asked is None:
            raise wrong_field(InvalidModelParams, "modelConfigurations", "name at least one model")
        return parse_models(asked)


class RunAll(TrainModels):
    """Data set and models in one request."""

    configuration: Configuration = Configuration()
    dataset: DatasetSpec | None = Field(None, description="a whole data set in typed form instead")


class RunStarted(Answer):
    """A run that was written down and asked for."""

    status: str = "training_started"
    session_id: str
    run_id: str
    dataset_id: str
    jobs: list[dict[str, Any]]


@router.post("/generate-datasets/{sid}", status_code=202)
async def generate_datasets(
    sid: str,
    gateway: Here,
    session: Session,
    body: GenerateDatasets | None = None,
    wait: Annotated[float, Query(ge=0, le=300, description="seconds to hold the answer")] = 0,
) -> Answer:
    """Ask for data sets; with ``wait`` the answer comes when they are built, or time is up."""
    asked = body or GenerateDatasets()
    rows = []
    for name, spec in await _wanted(gateway, session, asked):
        rows.append(await request_dataset(gateway, session, spec, name=name))
    if wait:
        rows = await _finished(gateway, rows, wait)
    ids = [row.id for row in rows]
    if any(row.status == "requested" for row in rows):
        return Answer(status="processing", session_id=sid, dataset_ids=ids)
    return Answer(
        status="completed" if all(row.status == "ready" for row in rows) else "failed",
        session_id=sid,
        dataset_ids=ids,
        dataset_count=len(rows),
        n_dat=sum(_number(row.report.get("n_windows")) for row in rows),
        dropped={row.name or row.id: row.report.get("dropped") for row in rows},
        violin_plots=await violin_plots(gateway, rows),
        problems=[row.problem.model_dump(mode="json") for row in rows if row.problem],
    )


@router.post("/train-models/{sid}", status_code=202)
async def train_models(
    sid: str, body: TrainModels, gateway: Here, session: Session, idempotency_key: IdempotencyKey = None
) -> RunStarted:
    """Train models on a data set: the named one, or the session's newest, or one from its settings."""
    return await begin_training(gateway, session, sid, body, key=idempotency_key)


async def begin_training(
    gateway: Gateway, session: SessionRow, sid: str, body: TrainModels, *, key: str | None
) -> RunStarted:
    """Start a run on the data set a request means."""
    models = body.specs()
    dataset = await _dataset(gateway, session, body)
    return await _start(gateway, session, sid, dataset, models, body, key)


@router.post("/run/{sid}", status_code=202)
async def run(
    sid: str, body: RunAll, gateway: Here, session: Session, idempotency_key: IdempotencyKey = None
) -> RunStarted:
    """Build the data set and train the models on it."""
    models = body.specs()
    session_data = await load_session_data(gateway, session)
    configuration = body.configuration
    if body.split and configuration.split is None:
        configuration = configuration.model_copy(update={"split": body.split})
    spec = body.dataset or dataset_spec(session_data, configuration)
    check_size(gateway, session_data, spec)
    dataset = await request_dataset(gateway, session, spec)
    return await _start(gateway, session, sid, dataset, models, body, idempotency_key)


class Cancel(Wire):
    """What to stop: a run (the live one by default), or one job of it."""

    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    job_id: str | None = Field(None, validation_alias=spelled("job_id", "jobId"))


@router.post("/cancel/{sid}")
async def cancel_run(sid: str, gateway: Here, session: Session, body: Cancel | None = None) -> Answer:
    """Ask a run, or one job of it, to stop."""
    asked = body or Cancel()
    found = await run_to_stop(gateway, session, asked.run_id)
    cancelled = await cancel(gateway, session, found, job_id=asked.job_id)
    status = "cancelling" if cancelled else "already_over"
    return Answer(session_id=sid, run_id=found.id, job_id=asked.job_id, status=status)


@router.get("/status/{sid}")
async def status(
    sid: str, gateway: Here, session: Session, request: Request, run_id: Annotated[str | None, Query()] = None
) -> Answer:
    """Return how far a run is, by default the newest."""
    view = await run_view(gateway, session, run_id)
    if view is None:
        idle: dict[str, Any] = {"run_id": None, "status": "idle", "progress": 0.0, "jobs": []}
        absent = ("current_step", "phase", "eta_seconds", "started_at", "completed_at")
        return Answer(session_id=sid, **idle, **dict.fromkeys(absent))
    monotone_progress: MonotoneProgress = request.app.state.monotone_progress
    return Answer(session_id=sid, **view.wire(monotone_progress))


@router.get("/logs/{sid}")
async def logs(
    gateway: Here,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    level: Annotated[Literal["debug", "info", "warning", "error", "critical"] | None, Query()] = None,
) -> Answer:
    """Return the newest lines about the session's work."""
    levels = ("debug", "info", "warning", "error", "critical")
    wanted = levels[levels.index(level) :] if level else levels
    where: Where = {"session_id": session.id, "level": OneOf(wanted)}
    rows = await gateway.records.select(LogRow, where, order="-created_at", limit=limit)
    lines = [row.model_dump(mode="json", include={"level", "message", "details", "run_id", "job_id"})
             | {"time": row.created_at} for row in reversed(rows)]  # fmt: skip
    return Answer(logs=lines, count=len(lines))


async def run_view(gateway: Gateway, session: SessionRow, run_id: str | None = None) -> RunView | None:
    """Return a run with its jobs and progress; None where the session has no run yet."""
    ordinary: Where = {"session_id": session.id, "backtest_of": None}
    if run_id is None and not await gateway.records.count(RunRow, ordinary):
        return None
    found = await find_run(gateway, session, run_id)
    jobs = await gateway.records.select(JobRow, {"run_id": found.id}, order="position")
    told = [] if found.finished_at else await gateway.history.progress(session.id, found.id)
    return RunView(found, jobs, {message.job_id: message for message in told if message.job_id})


async def _wanted(
    gateway: Gateway, session: SessionRow, body: GenerateDatasets
) -> list[tuple[str, DatasetSpec]]:
    session_data = await load_session_data(gateway, session)
    base = body.configuration
    named = body.datasets or [NamedDataset()]
    wanted = []
    for one in named:
        own = {name: getattr(one, name) or getattr(base, name) for name in Configuration.model_fields}
        spec = body.dataset or dataset_spec(session_data, Configuration.model_construct(**own))
        check_size(gateway, session_data, spec)
        wanted.append((one.name, spec))
    return wanted


async def _finished(gateway: Gateway, rows: list[DatasetRow], seconds: float) -> list[DatasetRow]:
    """Wait until the data sets are built or have failed, at most so long."""
    end = asyncio.get_running_loop().time() + seconds
    while any(row.status == "requested" for row in rows) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(_POLL)
        rows = [await gateway.records.get(DatasetRow, row.id) or row for row in rows]
    return rows


async def _dataset(gateway: Gateway, session: SessionRow, body: TrainModels) -> DatasetRow:
    """Return the data set to train on; another split makes it another data set."""
    chosen = await newest_dataset(gateway, session)
    if body.dataset_id:
        named = await gateway.records.get(DatasetRow, body.dataset_id)
        chosen = named if named and named.session_id == session.id else None
        if chosen is None:
            raise wrong_field(InvalidModelParams, "dataset_id", "the session has no such data set")
    if chosen is None:
        session_data = await load_session_data(gateway, session)
        spec = dataset_spec(session_data, Configuration(split=body.split))
        check_size(gateway, session_data, spec)
        return await request_dataset(gateway, session, spec)
    split = (
        body.split.split(chosen.spec.split if chosen.spec else Split()) if body.split else chosen.spec.split
    )
    if split == chosen.spec.split:
        return chosen
    spec = chosen.spec.model_copy(update={"split": split})
    return await request_dataset(gateway, session, spec, name=chosen.name)


async def _start(
    gateway: Gateway,
    session: SessionRow,
    sid: str,
    dataset: DatasetRow,
    models: Sequence[ModelSpec],
    asked: TrainModels,
    key: str | None,
) -> RunStarted:
    started = await start_run(
        gateway, session, dataset, models, metric=asked.metric, ensemble=asked.ensemble, key=key
    )
    jobs = [{"job_id": None, **parameters(spec)} for spec in started.models]
    return RunStarted(session_id=sid, run_id=started.id, dataset_id=started.dataset_id, jobs=jobs)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
