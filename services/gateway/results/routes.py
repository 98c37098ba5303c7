"""Outcomes of runs: scores, tables, the archive."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field, JsonValue

from services.gateway.context import Gateway, Here, Session
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.problems import NothingThere
from services.gateway.results.archive import archive_of, report_state
from services.gateway.results.outcome import Outcome
from services.gateway.results.scale import Scale
from services.gateway.runs.lifecycle import find_run, newest_dataset
from services.gateway.runs.progress import MonotoneProgress
from services.gateway.runs.routes import run_view
from shared.contracts.base import derive
from shared.contracts.metrics import METRICS
from shared.storage.rows import DatasetRow, JobRow, ResultRow, SessionRow, TableRow

router = APIRouter(tags=["results"], route_class=IdempotentRoute)
RunId = Annotated[str | None, Query(description="default: the newest run")]
ScaleIn = Annotated[Scale, Query(description="units of the output, or its training standard deviations")]
API = "/api/training"


async def outcome(gateway: Gateway, session: SessionRow, run_id: str | None) -> Outcome:
    """Load a run with everything that is known of its models."""
    run = await find_run(gateway, session, run_id)
    jobs = await gateway.records.select(JobRow, {"run_id": run.id}, order="position")
    results = await gateway.records.select(ResultRow, {"run_id": run.id})
    dataset = await gateway.records.get(DatasetRow, run.dataset_id)
    return Outcome(run, dataset, jobs, {row.id: row for row in results})


@router.get("/results/{sid}")
@router.get("/get-training-results/{sid}")
async def results(
    sid: str, gateway: Here, session: Session, run_id: RunId = None, scale: ScaleIn = "original"
) -> Answer:
    """Return the scores of a run and its leaderboard.

    ``scale=standard`` tells ``evaluation_metrics`` and ``best_model`` in training standard deviations.
    """
    found = await outcome(gateway, session, run_id)
    return Answer(**_told(sid, found, scale))


def _told(sid: str, found: Outcome, scale: Scale = "original") -> dict[str, Any]:
    best = found.best(scale)
    query = f"?run_id={found.run.id}"
    return {
        "session_id": sid,
        "run_id": found.run.id,
        "dataset_id": found.run.dataset_id,
        "status": "queued" if found.run.status == "waiting" else found.run.status,
        "evaluation_metrics": found.metrics(scale),
        "scale": scale,
        "metrics": [asdict(metric) for metric in METRICS],
        "best_model": best,
        "model_comparison": found.comparison(),
        "leaderboard": found.run.verdict,
        "models": found.models(),
        "summary": found.summary(),
        "report": report_state(found.run, any_scored=bool(found.results)),
        "problem": found.run.problem.model_dump(mode="json") if found.run.problem else None,
        "links": {
            "download": f"{API}/results/{sid}/download{query}",
            "visualizations": f"{API}/visualizations/{sid}{query}",
            "evaluation_tables": f"{API}/evaluation-tables/{sid}{query}",
            "models": f"{API}/list-models-database/{sid}{query}",
        },
    }


@router.get("/results-summary/{sid}")
async def results_summary(sid: str, gateway: Here, session: Session) -> Answer:
    """Return what the screen needs after a reload: data set, run and outcome, as far as there are any."""
    view = await run_view(gateway, session)
    dataset = await newest_dataset(gateway, session)
    told = _told(sid, await outcome(gateway, session, view.run.id)) if view else None
    return Answer(
        session_id=sid,
        dataset={"dataset_id": dataset.id, "status": dataset.status, "report": dataset.report}
        if dataset
        else None,
        status=view.wire(MonotoneProgress()) if view else {"status": "idle", "progress": 0.0, "jobs": []},
        results=told,
        evaluation_metrics=told["evaluation_metrics"] if told else {},
        best_model=told["best_model"] if told else None,
    )


@router.get("/results/{sid}/download", response_class=StreamingResponse)
async def download(gateway: Here, session: Session, run_id: RunId = None) -> StreamingResponse:
    """Return everything of a run as a zip: metrics, tables, plots, models, scalers, configuration.

    It is the evaluator's archive, from whose arrays every number follows. It is written after the run has
    finished; a request that comes before waits for it.
    """
    run = await find_run(gateway, session, run_id)
    archive = await archive_of(gateway, run)
    return await stored_file(gateway, archive, f"trainyard-{run.id[:8]}.zip", "application/zip")


async def stored_file(gateway: Gateway, key: str, name: str, media_type: str) -> StreamingResponse:
    """Return an object as a download."""
    size = await gateway.objects.size(key)
    if size is None:
        raise NothingThere(f"{name} is not there (yet)")
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    pieces: AsyncIterator[bytes] = gateway.objects.stream(key)
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


@router.get("/evaluation-tables/{sid}")
async def evaluation_tables(
    gateway: Here, session: Session, run_id: RunId = None, scale: ScaleIn = "original"
) -> Answer:
    """Return the scores of the best model on each averaging level, as a whole and per step.

    With ``scale=standard`` they are in training standard deviations; ``undefined`` says what has no meaning
    there, and why.
    """
    found = await outcome(gateway, session, run_id)
    return Answer(run_id=found.run.id, **found.tables(scale))


class SaveTables(Wire):
    """Evaluation tables as they were shown."""

    df_eval: dict[str, JsonValue]
    df_eval_ts: dict[str, JsonValue]
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    model_id: str | None = Field(None, validation_alias=spelled("model_id", "modelId", "model"))


@router.post("/save-evaluation-tables/{sid}")
async def save_evaluation_tables(body: SaveTables, gateway: Here, session: Session) -> Answer:
    """Keep evaluation tables as they were shown."""
    run = await find_run(gateway, session, body.run_id)
    row_id = derive("table", run.id, body.model_id or "shown")
    content: dict[str, JsonValue] = {"df_eval": body.df_eval, "df_eval_ts": body.df_eval_ts}
    row = TableRow(
        id=row_id,
        owner=session.owner,
        session_id=session.id,
        run_id=run.id,
        name="evaluation",
        content=content,
    )
    if not await gateway.records.insert([row]):
        await gateway.records.update(TableRow, row_id, {"content": content})
    return Answer(saved=True, run_id=run.id)
