"""Outcomes of runs: scores, tables, the archive."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field, JsonValue

from services.gateway.auth.session_ids import dashed
from services.gateway.context import LiveDep, ObjectsDep, RecordsDep, Session, SettingsDep
from services.gateway.datasets.violins import violins_of
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Earlier, remarks, spelled
from services.gateway.problems import NothingThere
from services.gateway.results.answers import (
    DatasetState,
    ResultRecord,
    Results,
    Summary,
    Tables,
    TablesSaved,
)
from services.gateway.results.archive import archive_of, report_state
from services.gateway.results.outcome import Outcome
from services.gateway.results.scale import Scale
from services.gateway.runs.answers import RunStatus, RunWord
from services.gateway.runs.lifecycle import find_finished_run, newest_dataset
from services.gateway.runs.progress import IDLE, MonotoneProgress, workflow_phase
from services.gateway.runs.routes import run_view
from services.gateway.sessions.listing import n_dat_of
from shared.contracts.base import derive, utc_now
from shared.contracts.kinds import WIRE_NAMES
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.rows import DatasetRow, JobRow, ResultRow, RunRow, SessionRow, TableRow
from shared.storage.verified import digest_in, require_intact

router = APIRouter(tags=["results"], route_class=IdempotentRoute)
RunId = Annotated[str | None, Query(description="default: the newest run that finished with models")]
ScaleIn = Annotated[Scale, Query(description="units of the output, or its training standard deviations")]
API = "/api/training"


async def outcome(records: Records, session: SessionRow, run_id: str | None) -> Outcome:
    """Load a run with everything that is known of its models."""
    run = await find_finished_run(records, session, run_id)
    jobs = await records.select(JobRow, {"run_id": run.id}, order="position")
    jobs = [job for job in jobs if job.trial is None]
    results = await records.select(ResultRow, {"run_id": run.id})
    dataset = await records.get(DatasetRow, run.dataset_id)
    return Outcome(run, dataset, jobs, {row.id: row for row in results})


@router.get("/results/{sid}")
@router.get("/get-training-results/{sid}")
async def results(
    sid: str, records: RecordsDep, session: Session, run_id: RunId = None, scale: ScaleIn = "original"
) -> Results:
    """Return the scores of a run and its leaderboard.

    ``scale=standard`` tells ``evaluation_metrics`` and ``best_model`` in training standard deviations.
    """
    return _told(sid, await outcome(records, session, run_id), scale)


def _told(sid: str, found: Outcome, scale: Scale = "original") -> Results:
    run, summary = found.run, found.summary()
    query = f"?run_id={run.id}"
    status: RunWord = "queued" if run.status == "waiting" else run.status
    problem = run.problem.message if run.problem else None
    return Results(
        session_id=sid,
        run_id=run.id,
        dataset_id=run.dataset_id,
        dataset_name=found.dataset_name,
        status=status,
        message=problem or f"Training {status}",
        evaluation_metrics=found.metrics(scale),
        model_performance=found.performance(),
        scale=scale,
        best_model=found.best(scale),
        model_comparison=found.comparison(),
        leaderboard=run.verdict,
        models=found.models(),
        summary=summary,
        report=report_state(run, any_scored=bool(found.results)),
        problem=run.problem,
        n_dat=summary["n_windows"],
        created_at=run.created_at,
        completed_at=run.finished_at,
        results=[_record(found, status)],
        count=1,
        links={
            "download": f"{API}/results/{sid}/download{query}",
            "visualizations": f"{API}/visualizations/{sid}{query}",
            "evaluation_tables": f"{API}/evaluation-tables/{sid}{query}",
            "models": f"{API}/list-models-database/{sid}{query}",
        },
    )


def _record(found: Outcome, status: RunWord) -> ResultRecord:
    best, split = found.best_job(), found.dataset.spec.split if found.dataset else None
    return ResultRecord(
        id=found.run.id,
        session_id=dashed(found.run.session_id),
        status=status,
        created_at=found.run.created_at,
        updated_at=found.run.updated_at,
        results_metadata={
            "model_type": WIRE_NAMES[best.kind] if best else None,
            "dataset_count": 1,
            "training_split": split.model_dump(mode="json") if split else None,
        },
        results={"evaluation_metrics": found.metrics(), "best_model": found.best()},
    )


@router.get("/results-summary/{sid}")
async def results_summary(sid: str, records: RecordsDep, live: LiveDep, session: Session) -> Summary:
    """Return what the screen needs after a reload: data set, run and outcome, as far as there are any."""
    view = await run_view(records, live, session)
    dataset = await newest_dataset(records, session)
    found = await outcome(records, session, None) if view else None
    told = _told(sid, found) if found else None
    scored = found is not None and bool(found.results)
    names = [name for name, _, _ in violins_of(dataset)] if dataset else []
    return Summary(
        session_id=sid,
        n_dat=await n_dat_of(records, session),
        workflow_phase=workflow_phase(view, dataset, scored=scored),
        has_training_results=scored,
        has_trained_model=found is not None and any(job.status == "finished" for job in found.jobs),
        model_count=sum(job.status == "finished" for job in found.jobs) if found else 0,
        has_violin_plots=bool(names),
        violin_plot_types=names,
        dataset=DatasetState(
            dataset_id=dataset.id,
            status=dataset.status,
            report={name: value for name, value in dataset.report.items() if name != "files"},
        )
        if dataset
        else None,
        status=RunStatus.model_validate(
            {"session_id": sid, **(view.wire(MonotoneProgress()) if view else IDLE)}
        ),
        results=told,
        evaluation_metrics=told.evaluation_metrics if told else {},
        best_model=told.best_model if told else None,
    )


@router.get("/results/{sid}/download", response_class=StreamingResponse)
async def download(
    records: RecordsDep,
    objects: ObjectsDep,
    live: LiveDep,
    settings: SettingsDep,
    session: Session,
    run_id: RunId = None,
) -> StreamingResponse:
    """Return everything of a run as a zip: metrics, tables, plots, models, scalers, configuration.

    It is the evaluator's archive, from whose arrays every number follows. It is written after the run has
    finished; a request that comes before waits for it.
    """
    run = await find_finished_run(records, session, run_id)
    archive = await archive_of(records, objects, live, settings, run)
    name, run = f"trainyard-{run.id[:8]}.zip", await records.get(RunRow, run.id) or run
    return await stored_file(objects, archive, name, "application/zip", digest_in(run.verdict, "archive"))


async def stored_file(
    objects: Objects, key: str, name: str, media_type: str, sha256: str | None
) -> StreamingResponse:
    """Return an object as a download, after it was found to be what was stored.

    Raises
    ------
    NothingThere, ObjectDamaged
    """
    size = await objects.size(key)
    if size is None:
        raise NothingThere(f"{name} is not there (yet)")
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    if sha256 is not None:
        await require_intact(objects, key, sha256)
        headers["x-content-sha256"] = sha256
    pieces: AsyncIterator[bytes] = objects.stream(key)
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


@router.get("/evaluation-tables/{sid}")
async def evaluation_tables(
    sid: str,
    records: RecordsDep,
    session: Session,
    run_id: RunId = None,
    scale: ScaleIn = "original",
    model_id: Annotated[str | None, Query(max_length=255, description="a job's id or label")] = None,
    job_id: Annotated[str | None, Query(max_length=64, description="the same, by id")] = None,
) -> Tables:
    """Return the scores of a model, by default the best, on each averaging level, as a whole and per step.

    With ``scale=standard`` they are in training standard deviations; ``undefined`` says what has no meaning
    there, and why.
    """
    found = await outcome(records, session, run_id)
    chosen = model_id or job_id
    if chosen and found.scored(chosen) is None:
        raise NothingThere("this run has no scored model of that id or label", model_id=chosen[:64])
    tables = found.tables(scale, model=chosen)
    if tables["model"] is None:
        raise NothingThere("no model of this run is scored yet", run_id=found.run.id)
    return Tables.model_validate({"session_id": sid, "run_id": found.run.id, **tables})


class SaveTables(Earlier):
    """Evaluation tables as they were shown."""

    df_eval: dict[str, JsonValue]
    df_eval_ts: dict[str, JsonValue]
    model_type: str | None = Field(None, max_length=255, validation_alias=spelled("model_type", "modelType"))
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    model_id: str | None = Field(None, validation_alias=spelled("model_id", "modelId", "model", "job_id"))


@router.post("/save-evaluation-tables/{sid}")
async def save_evaluation_tables(
    sid: str, body: SaveTables, records: RecordsDep, session: Session
) -> TablesSaved:
    """Keep evaluation tables as they were shown, one set per model."""
    run = await find_finished_run(records, session, body.run_id)
    row_id = derive("table", run.id, body.model_id or body.model_type or "shown")
    content: dict[str, JsonValue] = {
        "df_eval": body.df_eval, "df_eval_ts": body.df_eval_ts, "model_type": body.model_type,
    }  # fmt: skip
    row = TableRow(
        id=row_id,
        owner=session.owner,
        session_id=session.id,
        run_id=run.id,
        name="evaluation",
        content=content,
    )
    if not await records.insert([row]):
        await records.update(TableRow, row_id, {"content": content})
    return TablesSaved(
        session_id=sid, run_id=run.id, message="The tables are saved", saved_at=utc_now(), **remarks(body)
    )
