"""Sessions as a start screen lists them, and one session as a screen opens it: one request each."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from services.gateway.auth.session_ids import dashed
from services.gateway.context import LiveDep, RecordsDep, Session, Who
from services.gateway.datasets.configuration import SessionData, load_session_data
from services.gateway.http.wire import Answer
from services.gateway.sessions.draft_routes import KEY
from services.gateway.uploads.file_routes import files_of
from shared.contracts.problems import Problem
from shared.demo_data import is_there
from shared.storage.records import OneOf, Where
from shared.storage.rows import LIVE_RUN, FileRow, JobRow, ResultRow, RunRow, SessionRow

router = APIRouter(tags=["sessions"])
Stage = Literal["empty", "data", "running", "done", "failed"]
Sort = Literal["newest", "oldest", "name", "changed"]


class SessionCard(BaseModel):
    """A session in the list of a start screen."""

    session_id: str
    name: str
    created_at: AwareDatetime
    changed_at: AwareDatetime
    stage: Stage
    n_files: int
    n_runs: int
    best_label: str | None = Field(description="best model of the newest completed run")


class SessionCards(Answer):
    """A stretch of the caller's sessions."""

    sessions: list[SessionCard]
    total: int = Field(description="sessions that match")
    offset: int
    demo: bool = Field(description="whether this platform has data to try it with")


class RunCard(BaseModel):
    """A run in a session's list of runs, newest first."""

    run_id: str
    number: int = Field(description="counted from 1 in the order of their start, backtests included")
    backtest_of: str | None
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    dataset_id: str
    metric: str
    models: list[str] = Field(description="labels of the models that were asked for")
    best_job_id: str | None
    best_label: str | None
    best_score: float | None = Field(description="of the best model on test, in ``metric``")
    skill: float | None = Field(description="of the best model against seasonal naive, on test")
    problem: Problem | None


class Workspace(Answer):
    """A session as a screen opens it; events after ``last_seq`` tell what changes from here on."""

    last_seq: int
    session_id: str
    name: str
    created_at: AwareDatetime
    files: list[dict[str, Any]]
    draft: dict[str, JsonValue]
    runs: list[RunCard]


@router.get("/sessions")
async def sessions(
    records: RecordsDep,
    who: Who,
    search: Annotated[str, Query(max_length=200, description="part of a name")] = "",
    sort: Sort = "newest",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> SessionCards:
    """Return the caller's sessions whose name has the words of ``search``, sorted, from ``offset`` on."""
    mine: Where = {"owner": who.user_id, **({"id": who.session_id} if who.session_id else {})}
    rows = await records.select(SessionRow, mine, order="-created_at")
    words = search.casefold().split()
    found = [row for row in rows if all(word in row.name.casefold() for word in words)]
    page = _sorted(found, sort)[offset : offset + limit]
    ids: Where = {"session_id": OneOf(tuple(row.id for row in page))}
    files = await records.select(FileRow, ids) if page else []
    runs = await records.select(RunRow, ids, order="created_at") if page else []
    winners = tuple(run.best_job_id for run in runs if run.best_job_id)
    jobs = await records.select(JobRow, {"id": OneOf(winners)}) if winners else []
    labels = {job.id: job.label for job in jobs}
    cards = []
    for row in page:
        own_files = [file for file in files if file.session_id == row.id]
        own_runs = [run for run in runs if run.session_id == row.id]
        moments = [run.finished_at or run.created_at for run in own_runs]
        best = [run.best_job_id for run in own_runs if run.backtest_of is None and run.best_job_id]
        cards.append(
            SessionCard(
                session_id=dashed(row.id),
                name=row.name,
                created_at=row.created_at,
                changed_at=max([row.updated_at, *(file.updated_at for file in own_files), *moments]),
                stage=_stage(own_files, own_runs),
                n_files=len(own_files),
                n_runs=len(own_runs),
                best_label=labels.get(best[-1]) if best else None,
            )
        )
    return SessionCards(sessions=cards, total=len(found), offset=offset, demo=is_there())


def _sorted(rows: list[SessionRow], sort: Sort) -> list[SessionRow]:
    match sort:
        case "newest":
            return rows
        case "oldest":
            return rows[::-1]
        case "name":
            return sorted(rows, key=lambda row: row.name.casefold())
        case "changed":
            return sorted(rows, key=lambda row: row.updated_at, reverse=True)


def _stage(files: list[FileRow], runs: list[RunRow]) -> Stage:
    if any(run.status in LIVE_RUN for run in runs):
        return "running"
    if any(run.status == "completed" for run in runs):
        return "done"
    if runs and runs[-1].status == "failed":
        return "failed"
    return "data" if files else "empty"


@router.get("/workspace/{sid}")
async def workspace(records: RecordsDep, live: LiveDep, session: Session) -> Workspace:
    """Return a session with its files, its form and its runs, as of ``last_seq``."""
    last_seq = await live.history.last()  # before the rows: what changes meanwhile is told again
    session_data: SessionData = await load_session_data(records, session)
    runs = await records.select(RunRow, {"session_id": session.id}, order="created_at")
    ids = tuple(run.best_job_id for run in runs if run.best_job_id)
    scored = await records.select(ResultRow, {"id": OneOf(ids)}) if ids else []
    results = {row.id: row for row in scored}
    draft = session.metadata.get(KEY)
    cards = [run_card(run, number, results) for number, run in enumerate(runs, start=1)]
    return Workspace(
        last_seq=last_seq,
        session_id=dashed(session.id),
        name=session.name,
        created_at=session.created_at,
        files=files_of(session_data),
        draft=draft if isinstance(draft, dict) else {},
        runs=cards[::-1],
    )


def run_card(run: RunRow, number: int, results: dict[str, ResultRow]) -> RunCard:
    """Return a run as the list shows it."""
    best = results.get(run.best_job_id or "")
    rows = run.verdict.get("rows")
    mine = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    winner = next((row for row in mine if row.get("job_id") == run.best_job_id), {})
    skill = winner.get("skill")
    return RunCard(
        run_id=run.id,
        number=number,
        backtest_of=run.backtest_of,
        status="queued" if run.status == "waiting" else run.status,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        dataset_id=run.dataset_id,
        metric=run.metric,
        models=[spec.kind for spec in run.models],
        best_job_id=run.best_job_id,
        best_label=best.label if best else None,
        best_score=best.headline.get(run.metric) if best else None,
        skill=float(skill) if isinstance(skill, int | float) else None,
        problem=run.problem,
    )
