"""A user's sessions: on one page, and each as a whole, as the start screen shows them."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from services.gateway.auth.identity import Identity
from services.gateway.auth.session_ids import dashed
from services.gateway.datasets.configuration import load_session_data, saved_time_info, saved_time_steps
from services.gateway.http.wire import Answer
from services.gateway.problems import ValidationFailed, wrong_field
from services.gateway.uploads.file_routes import records_of
from services.gateway.uploads.wire import settings_of
from shared.storage.records import Less, OneOf, Records, Where
from shared.storage.rows import LIVE_RUN, DatasetRow, FileRow, RunRow, SeriesRow, SessionRow

_MOMENT = TypeAdapter(AwareDatetime)
Stage = Literal["uploading", "configuring", "processing", "completed", "failed"]


class ListedFile(BaseModel):
    """A file in the list of sessions."""

    id: str
    type: str
    file_name: str
    bezeichnung: str


class ListedSession(BaseModel):
    """A session in the list."""

    session_id: str = Field(serialization_alias="sessionId")
    session_uuid: str = Field(serialization_alias="sessionUuid")
    session_name: str = Field(serialization_alias="sessionName")
    status: Literal["open", "finalized"]
    created_at: AwareDatetime = Field(serialization_alias="createdAt")
    last_updated: AwareDatetime = Field(serialization_alias="lastUpdated")
    file_count: int = Field(serialization_alias="fileCount")
    finalized: bool
    n_dat: int | None = Field(serialization_alias="nDat", description="windows, or before them rows")
    zeitschritte_count: int = Field(serialization_alias="zeitschritteCount")
    time_info_count: int = Field(serialization_alias="timeInfoCount")
    files_info: list[ListedFile] = Field(serialization_alias="filesInfo")


class DocumentedSession(BaseModel):
    """A session as the system documents list it."""

    id: str
    session_id: str
    status: Stage
    created_at: AwareDatetime
    n_dat: int | None
    metadata: dict[str, JsonValue]


class DocumentedList(BaseModel):
    """Sessions as the system documents list them."""

    sessions: list[DocumentedSession]
    count: int


class SessionList(Answer):
    """One page of a user's sessions."""

    sessions: list[ListedSession]
    count: int
    total_count: int
    next: str | None = Field(description="``before`` of the following page; null on the last one")
    data: DocumentedList


class WholeSession(Answer):
    """A session with its files and settings, twice: ``session`` and ``data`` are the same."""

    session: dict[str, Any]
    data: dict[str, Any]


async def session_list(records: Records, who: Identity, *, limit: int, before: str | None) -> SessionList:
    """Return one page of the caller's sessions, newest first; ``next`` leads to the following page."""
    mine: Where = {"owner": who.user_id, **({"id": who.session_id} if who.session_id else {})}
    where: Where = {**mine, **({"created_at": Less(_moment(before))} if before else {})}
    rows = await records.select(SessionRow, where, order="-created_at", limit=limit + 1)
    page = rows[:limit]
    ids = {"session_id": OneOf(tuple(row.id for row in page))}
    files = await records.select(FileRow, ids) if page else []
    series = await records.select(SeriesRow, ids) if page else []
    datasets = await records.select(DatasetRow, ids) if page else []
    runs = await records.select(RunRow, ids, order="created_at") if page else []
    shown, documented = [], []
    for row in page:
        own = [file for file in files if file.session_id == row.id]
        built = [d for d in datasets if d.session_id == row.id and d.status == "ready"]
        n_dat = _n_dat(built, [one for one in series if one.session_id == row.id])
        stage = stage_of(own, [run for run in runs if run.session_id == row.id])
        shown.append(_entry(row, own, n_dat))
        documented.append(
            DocumentedSession(
                id=dashed(row.id), session_id=client_id(row), status=stage, created_at=row.created_at,
                n_dat=n_dat, metadata=row.metadata,
            )
        )  # fmt: skip
    return SessionList(
        sessions=shown,
        count=len(page),
        total_count=await records.count(SessionRow, mine),
        next=page[-1].created_at.isoformat() if len(rows) > limit else None,
        data=DocumentedList(sessions=documented, count=len(documented)),
    )


def _moment(text: str) -> Any:
    try:
        return _MOMENT.validate_python(text)
    except ValidationError:
        raise wrong_field(ValidationFailed, "before", "use the ``next`` of the previous page") from None


def client_id(session: SessionRow) -> str:
    """Return the session's id as its client spelled it."""
    text = session.metadata.get("client_id")
    return text if isinstance(text, str) else dashed(session.id)


def stage_of(files: list[FileRow], runs: list[RunRow]) -> Stage:
    """Return how far a session is, in the five words of the system documents; runs oldest first."""
    ordinary = [run for run in runs if run.backtest_of is None]
    if any(run.status in LIVE_RUN for run in runs):
        return "processing"
    if any(run.status == "completed" for run in ordinary):
        return "completed"
    if ordinary:
        return "failed" if ordinary[-1].status == "failed" else "configuring"
    if any(file.status == "rejected" for file in files):
        return "failed"
    return "configuring" if files and all(file.status == "ready" for file in files) else "uploading"


def _entry(session: SessionRow, own: list[FileRow], n_dat: int | None) -> ListedSession:
    return ListedSession(
        session_id=client_id(session),
        session_uuid=dashed(session.id),
        session_name=session.name,
        status="finalized" if session.finalized else "open",
        created_at=session.created_at,
        last_updated=max([session.updated_at, *(file.updated_at for file in own)]),
        file_count=len(own),
        finalized=session.finalized,
        n_dat=n_dat,
        zeitschritte_count=1 if session.time_steps else 0,
        time_info_count=1 if session.time_info else 0,
        files_info=[
            ListedFile(
                id=file.id,
                type=file.role,
                file_name=file.file_name,
                bezeichnung=settings_of(file, None).name or file.file_name.rsplit(".", 1)[0],
            )
            for file in own
        ],
    )


async def n_dat_of(records: Records, session: SessionRow) -> int | None:
    """Return how many windows the newest data set has; before there is one, the rows of all files."""
    built = await records.select(
        DatasetRow, {"session_id": session.id, "status": "ready"}, order="-created_at", limit=1
    )
    return _n_dat(built, await records.select(SeriesRow, {"session_id": session.id}))


def _n_dat(built: list[DatasetRow], series: list[SeriesRow]) -> int | None:
    if built:
        windows = built[-1].report.get("n_windows")
        return windows if isinstance(windows, int) else None
    rows: dict[str, int] = {}
    for row in series:  # several columns of a file have the same rows
        n = row.statistics.get("n")
        rows[row.file_id] = max(rows.get(row.file_id, 0), n if isinstance(n, int) else 0)
    return sum(rows.values()) if rows else None


async def whole_session(records: Records, session: SessionRow) -> dict[str, Any]:
    """Return a session with its files and settings, under both generations' names."""
    session_data = await load_session_data(records, session)
    steps, info = saved_time_steps(session), saved_time_info(session)
    files = records_of(session_data)
    runs = await records.select(RunRow, {"session_id": session.id}, order="created_at")
    metadata = {name: value for name, value in session.metadata.items() if not name.startswith("deleted:")}
    n_files = len(session_data.files)
    for told in files:
        told |= {"name": told["fileName"], "modified": told["updatedAt"]}
    return {
        "sessionId": client_id(session),
        "session_id": client_id(session),
        "sessionUuid": dashed(session.id),
        "uuid": dashed(session.id),
        "databaseSessionId": dashed(session.id),
        "sessionName": session.name,
        "status": "finalized" if session.finalized else "open",
        "stage": stage_of([*session_data.files.values()], runs),
        "finalized": session.finalized,
        "metadata": metadata,
        "files": files,
        "timeInfo": info.german(),
        "timeFeatures": info.wire(),
        "zeitschritte": steps.german(),
        "timeSteps": steps.wire(),
        "n_dat": await n_dat_of(records, session),
        "total_files": n_files,
        "file_count": n_files,
        "createdAt": session.created_at,
        "created_at": session.created_at,
        "updatedAt": session.updated_at,
        "updated_at": session.updated_at,
        "lastUpdated": max([session.updated_at, *(f.updated_at for f in session_data.files.values())]),
    }
