"""Data sets and runs: asked for, watched, stopped."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import JsonValue

from services.gateway.context import (
    LiveChannel,
    LiveDep,
    ObjectsDep,
    RecordsDep,
    RunContext,
    RunDep,
    Session,
)
from services.gateway.datasets.configuration import (
    Configuration,
    check_size,
    completed,
    dataset_spec,
    load_session_data,
    saved_time_steps,
)
from services.gateway.datasets.violins import violin_plots
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import (
    refuse_unknown,
    remarks,
)
from services.gateway.models.wire import parameters
from services.gateway.problems import InvalidModelParams, wrong_field
from services.gateway.runs.answers import (
    CancelAnswer,
    DatasetsAsked,
    JobAsked,
    LogLine,
    Logs,
    RunEntry,
    Runs,
    RunStarted,
    RunStatus,
)
from services.gateway.runs.lifecycle import (
    cancel,
    cancel_datasets,
    find_finished_run,
    find_run,
    let_end,
    live_runs,
    newest_dataset,
    request_dataset,
    run_to_stop,
    start_run,
)
from services.gateway.runs.progress import IDLE, MonotoneProgress, RunView, step_of_log
from services.gateway.runs.wire import Cancel, GenerateDatasets, NamedDataset, RunAll, TrainModels
from services.gateway.settings import GatewaySettings
from shared.contracts.kinds import WIRE_NAMES, ModelSpec
from shared.contracts.plan import job_ids
from shared.contracts.specs import DatasetSpec, Split
from shared.storage.records import OneOf, Records, Where
from shared.storage.rows import DatasetRow, JobRow, LogRow, RunRow, SessionRow

router = APIRouter(tags=["runs"], route_class=IdempotentRoute)

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
Configurations = list[dict[str, JsonValue]] | dict[str, JsonValue]
_POLL = 0.2


@router.post("/generate-datasets/{sid}", status_code=202)
async def generate_datasets(
    sid: str,
    context: RunDep,
    objects: ObjectsDep,
    session: Session,
    body: GenerateDatasets | None = None,
    wait: Annotated[float, Query(ge=0, le=300, description="seconds to hold the answer")] = 0,
) -> DatasetsAsked:
    """Ask for data sets; with ``wait`` the answer comes when they are built, or time is up."""
    asked = body or GenerateDatasets()
    rows = []
    for name, spec in await _wanted(context.records, context.settings, session, asked):
        rows.append(await request_dataset(context, session, spec, name=name))
    if wait:
        rows = await _finished(context.records, rows, wait)
    assumed: list[str] = []  # time steps nobody said
    if not asked.dataset:
        steps = asked.configuration.time_steps or saved_time_steps(session)
        assumed = completed(await load_session_data(context.records, session), steps)[1]
    said = remarks(asked, warnings=[*asked.warnings(), *assumed])
    told: dict[str, Any] = {
        "session_id": sid, "dataset_ids": [row.id for row in rows], "dataset_count": len(rows), **said,
    }  # fmt: skip
    if any(row.status == "requested" for row in rows):
        return DatasetsAsked(status="processing", message="The data set is being built", **told)
    built = all(row.status == "ready" for row in rows)
    return DatasetsAsked(
        status="completed" if built else "failed",
        message="The data set is built" if built else "A data set could not be built",
        **told,
        n_dat=sum(n for row in rows if isinstance(n := row.report.get("n_windows"), int)),
        dropped={row.name or row.id: row.report.get("dropped") for row in rows},
        violin_plots=await violin_plots(objects, rows),
        problems=[row.problem for row in rows if row.problem],
    )


@router.post("/train-models/{sid}", status_code=202)
async def train_models(
    sid: str, body: TrainModels, context: RunDep, session: Session, idempotency_key: IdempotencyKey = None
) -> RunStarted:
    """Train models on a data set: the named one, or the session's newest, or one from its settings.

    A run of the session that is under way is a 409, unless it ends within three seconds (a setting).
    """
    await let_end(context.records, context.settings, session)
    return await begin_training(context, session, sid, body, key=idempotency_key)


async def begin_training(
    context: RunContext, session: SessionRow, sid: str, body: TrainModels, *, key: str | None
) -> RunStarted:
    """Start a run on the data set a request means."""
    unknown: list[str] = []
    models = body.specs(put_aside=unknown)
    dataset = await _dataset(context, session, body)
    started = await _start(context, session, sid, dataset, models, body, key)
    assumed = body.split.warnings() if body.split else ()
    return started.model_copy(update=remarks(body, ignored=unknown, warnings=assumed))


@router.post("/run/{sid}", status_code=202)
async def run(
    sid: str, body: RunAll, context: RunDep, session: Session, idempotency_key: IdempotencyKey = None
) -> RunStarted:
    """Build the data set and train the models on it."""
    refuse_unknown(body)
    models = body.specs()
    session_data = await load_session_data(context.records, session)
    configuration = body.configuration
    if body.split and configuration.split is None:
        configuration = configuration.model_copy(update={"split": body.split})
    spec = body.dataset or dataset_spec(session_data, configuration, holidays_of=None)
    check_size(context.settings, session_data, spec)
    dataset = await request_dataset(context, session, spec)
    started = await _start(context, session, sid, dataset, models, body, idempotency_key)
    steps = configuration.time_steps or saved_time_steps(session)
    assumed = [] if body.dataset else completed(session_data, steps)[1]
    return started.model_copy(update=remarks(warnings=assumed))


@router.post("/cancel/{sid}")
async def cancel_run(sid: str, context: RunDep, session: Session, body: Cancel | None = None) -> CancelAnswer:
    """Ask a run, or one job of it, to stop; without a live run, the building of the session's data sets."""
    asked = body or Cancel()
    alone = asked.run_id is None and asked.job_id is None and not await live_runs(context.records, session)
    if alone and (n_ended := await cancel_datasets(context.records, session)):
        return CancelAnswer(
            session_id=sid,
            run_id="",
            job_id=None,
            status="cancelling",
            message=f"{n_ended} data sets are no longer built",
            **remarks(asked),
        )
    found = await run_to_stop(context.records, session, asked.run_id)
    cancelled = await cancel(context, session, found, job_id=asked.job_id)
    return CancelAnswer(
        session_id=sid,
        run_id=found.id,
        job_id=asked.job_id,
        status="cancelling" if cancelled else "already_over",
        message="The run is asked to stop" if cancelled else "There is nothing left to stop",
        **remarks(asked),
    )


@router.get("/status/{sid}")
async def status(
    sid: str,
    records: RecordsDep,
    live: LiveDep,
    session: Session,
    request: Request,
    run_id: Annotated[str | None, Query()] = None,
) -> RunStatus:
    """Return how far a run is, by default the newest."""
    view = await run_view(records, live, session, run_id)
    monotone_progress: MonotoneProgress = request.app.state.monotone_progress
    told = view.wire(monotone_progress) if view else IDLE
    return RunStatus.model_validate({"session_id": sid, **told})


@router.get("/runs/{sid}")
async def list_runs(sid: str, records: RecordsDep, session: Session) -> Runs:
    """Return the session's runs, newest first, backtests among them."""
    rows = await records.select(RunRow, {"session_id": session.id}, order="-created_at")
    best = OneOf(tuple(row.best_job_id for row in rows if row.best_job_id))
    jobs = await records.select(JobRow, {"id": best}) if best.values else []
    labels = {job.id: job.label for job in jobs}
    shown = (await find_finished_run(records, session)).id if rows else None
    entries = [
        RunEntry(
            run_id=row.id,
            dataset_id=row.dataset_id,
            status="queued" if row.status == "waiting" else row.status,
            backtest_of=row.backtest_of,
            models=[WIRE_NAMES[spec.kind] for spec in row.models],
            metric=row.metric,
            best_model=labels.get(row.best_job_id or ""),
            reported=row.reported,
            shown=row.id == shown,
            created_at=row.created_at,
            started_at=row.started_at,
            completed_at=row.finished_at,
            problem=row.problem,
        )
        for row in rows
    ]
    return Runs(session_id=sid, runs=entries, count=len(entries))


@router.get("/logs/{sid}")
async def logs(
    records: RecordsDep,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    level: Annotated[Literal["debug", "info", "warning", "error", "critical"] | None, Query()] = None,
) -> Logs:
    """Return the newest lines about the session's work."""
    levels = ("debug", "info", "warning", "error", "critical")
    wanted = levels[levels.index(level) :] if level else levels
    where: Where = {"session_id": session.id, "level": OneOf(wanted)}
    rows = await records.select(LogRow, where, order="-created_at", limit=limit)
    told = ("level", "message", "details", "run_id", "job_id")
    lines = [
        LogLine(**{name: getattr(row, name) for name in told}, time=row.created_at, **step_of_log(row))
        for row in reversed(rows)
    ]
    return Logs(logs=lines, count=len(lines))


async def run_view(
    records: Records, live: LiveChannel, session: SessionRow, run_id: str | None = None
) -> RunView | None:
    """Return a run with its jobs and progress; None where the session has no run yet."""
    ordinary: Where = {"session_id": session.id, "backtest_of": None}
    if run_id is None and not await records.count(RunRow, ordinary):
        return None
    found = await find_run(records, session, run_id)
    jobs = await records.select(JobRow, {"run_id": found.id}, order="position")
    told = [] if found.finished_at else await live.history.progress(session.id, found.id)
    return RunView(found, jobs, {message.job_id: message for message in told if message.job_id})


async def _wanted(
    records: Records, settings: GatewaySettings, session: SessionRow, body: GenerateDatasets
) -> list[tuple[str, DatasetSpec]]:
    session_data = await load_session_data(records, session)
    base = body.configuration
    if body.split and base.split is None:
        base = base.model_copy(update={"split": body.split})
    named = body.datasets or [NamedDataset()]
    wanted = []
    for one in named:
        own = {name: getattr(one, name) or getattr(base, name) for name in Configuration.model_fields}
        spec = body.dataset or dataset_spec(session_data, Configuration.model_construct(**own))
        check_size(settings, session_data, spec)
        wanted.append((one.name, spec))
    return wanted


async def _finished(records: Records, rows: list[DatasetRow], seconds: float) -> list[DatasetRow]:
    """Wait until the data sets are built or have failed, at most so long."""
    end = asyncio.get_running_loop().time() + seconds
    while any(row.status == "requested" for row in rows) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(_POLL)
        rows = [await records.get(DatasetRow, row.id) or row for row in rows]
    return rows


async def _dataset(context: RunContext, session: SessionRow, body: TrainModels) -> DatasetRow:
    """Return the data set to train on; another split makes it another data set."""
    chosen = await newest_dataset(context.records, session)
    if body.dataset_id:
        named = await context.records.get(DatasetRow, body.dataset_id)
        chosen = named if named and named.session_id == session.id else None
        if chosen is None:
            raise wrong_field(InvalidModelParams, "dataset_id", "the session has no such data set")
    if chosen is None:
        session_data = await load_session_data(context.records, session)
        spec = dataset_spec(session_data, Configuration(split=body.split))
        check_size(context.settings, session_data, spec)
        return await request_dataset(context, session, spec)
    split = (
        body.split.split(chosen.spec.split if chosen.spec else Split()) if body.split else chosen.spec.split
    )
    if split == chosen.spec.split:
        return chosen
    spec = chosen.spec.model_copy(update={"split": split})
    return await request_dataset(context, session, spec, name=chosen.name)


async def _start(
    context: RunContext,
    session: SessionRow,
    sid: str,
    dataset: DatasetRow,
    models: Sequence[ModelSpec],
    asked: TrainModels,
    key: str | None,
) -> RunStarted:
    started = await start_run(
        context, session, dataset, models, metric=asked.metric, ensemble=asked.ensemble, key=key
    )
    jobs = [
        JobAsked.model_validate({"job_id": job_id, **parameters(spec)})
        for job_id, spec in zip(job_ids(started.id, started.models), started.models, strict=True)
    ]
    return RunStarted(session_id=sid, run_id=started.id, dataset_id=started.dataset_id, jobs=jobs)
