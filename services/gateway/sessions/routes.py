"""Sessions: opened, listed, named, finalized."""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

from services.gateway.auth.session_ids import dashed
from services.gateway.context import (
    ObjectsDep,
    RecordsDep,
    RunDep,
    Session,
    Who,
    ensure_session,
    find_session,
)
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Earlier, SessionId, Wire, remarks, spelled
from services.gateway.problems import ConfirmationRequired
from services.gateway.sessions.answers import (
    AllDeleted,
    Cleaned,
    DeletedData,
    DeletedDetails,
    DeletedSummary,
    Finalized,
    FinalizedData,
    NamedSession,
    OpenedData,
    Renamed,
    SessionDeletedAnswer,
    SessionOpened,
    SessionUuid,
    UploadsState,
    UuidAnswer,
)
from services.gateway.sessions.cleanup import clean_up, delete_session
from services.gateway.sessions.listing import SessionList, WholeSession, n_dat_of, session_list, whole_session
from services.gateway.sessions.metadata import with_metadata
from shared.contracts.base import new_id
from shared.storage import keys
from shared.storage.rows import FileRow, SessionRow

router = APIRouter(tags=["sessions"], route_class=JsonRoute)
Name = Annotated[str, Field(max_length=255)]


class InitSession(Earlier):
    """A session to be opened; an id is made where none is sent."""

    session_id: SessionId | None = Field(
        None, validation_alias=spelled("sessionId", "uploadId", "session_id")
    )
    session_name: Name | None = Field(None, validation_alias=spelled("sessionName", "session_name"))
    metadata: dict[str, JsonValue] = {}
    time_info: TimeInfo | None = Field(None, validation_alias=spelled("timeInfo", "time_info"))
    time_steps: TimeSteps | None = Field(None, validation_alias=spelled("zeitschritte", "timeSteps"))
    files: list[dict[str, JsonValue]] = Field(default_factory=list, description="announced only; not kept")


@router.post("/init-session", responses={201: {"model": SessionOpened}})
async def init_session(body: InitSession, records: RecordsDep, who: Who, response: Response) -> SessionOpened:
    """Open a session, or return it if it is there."""
    text = body.session_id or dashed(who.session_id or new_id())
    session, created = await ensure_session(
        records, who, text, name=body.session_name or "", ours=body.session_id is None
    )
    changes: dict[str, Any] = {}
    if body.session_name and not created:
        changes["name"] = body.session_name
    if body.metadata:
        changes["metadata"] = with_metadata(session, body.metadata)
    if body.time_info:
        changes["time_info"] = body.time_info.model_dump(mode="json")
    if body.time_steps:
        changes["time_steps"] = body.time_steps.model_dump(mode="json")
    if changes:
        await records.update(SessionRow, session.id, changes)
    response.status_code = 201 if created else 200
    assumed = body.time_info.warnings() if body.time_info else ()
    uuid = dashed(session.id)
    return SessionOpened(
        session_id=text,
        session_uuid=uuid,
        message="The session is open",
        data=OpenedData(session_id=text, uuid=uuid, session_uuid=uuid, directory=keys.session(session.id)),
        **remarks(body, warnings=assumed),
    )


@router.post("/create-database-session", responses={201: {"model": SessionOpened}})
async def create_database_session(
    body: InitSession, records: RecordsDep, who: Who, response: Response
) -> SessionOpened:
    """Open a session (the earlier frontend's second name for it)."""
    return await init_session(body, records, who, response)


@router.get("/get-session-uuid/{sid}")
async def get_session_uuid(sid: str, session: Session) -> UuidAnswer:
    """Return the canonical id behind an alias."""
    return UuidAnswer(data=SessionUuid(session_uuid=dashed(session.id), session_id=sid))


@router.get("/list-sessions")
async def list_sessions(
    records: RecordsDep,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(description="the ``next`` of the previous page")] = None,
) -> SessionList:
    """Return the caller's own sessions, newest first."""
    return await session_list(records, who, limit=limit, before=before)


@router.get("/session/{sid}")
@router.get("/session/{sid}/database")
async def get_session(records: RecordsDep, session: Session) -> WholeSession:
    """Return the whole session."""
    whole = await whole_session(records, session)
    return WholeSession(session=whole, data=whole)


@router.get("/session-status/{sid}")
async def session_status(records: RecordsDep, session: Session) -> UploadsState:
    """Return how far the session's uploads are."""
    files = await records.select(FileRow, {"session_id": session.id})
    states = [file.status for file in files]
    status: Literal["pending", "processing", "completed", "error"]
    if not states:
        status, message = "pending", "No file yet."
    elif "rejected" in states:
        status, message = "error", next(f.problem.message for f in files if f.problem)
    elif all(state == "ready" for state in states):
        status, message = "completed", f"{len(states)} files are checked."
    else:
        status, message = "processing", f"{states.count('ready')} of {len(states)} files are checked."
    progress = round(100 * states.count("ready") / len(states), 1) if states else 0.0
    return UploadsState(status=status, progress=progress, message=message, finalized=session.finalized)


class Finalize(Wire):
    """The end of uploading; more metadata may come along."""

    model_config = Wire.model_config | {"extra": "allow"}

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "uploadId", "session_id"))


@router.post("/finalize-session")
async def finalize_session(body: Finalize, records: RecordsDep, who: Who) -> Finalized:
    """Mark the session as complete; everything else that was sent is kept as its metadata."""
    session, _ = await ensure_session(records, who, body.session_id)
    metadata = with_metadata(session, body.model_extra or {})
    await records.update(SessionRow, session.id, {"finalized": True, "metadata": metadata})
    return Finalized(
        session_id=body.session_id,
        message="The session is finalized",
        data=FinalizedData(session_id=body.session_id),
        n_dat=await n_dat_of(records, session),
        file_count=await records.count(FileRow, {"session_id": session.id}),
    )


class Rename(Earlier):
    """A session's new name."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    session_name: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        validation_alias=spelled("sessionName", "session_name")
    )


@router.post("/session-name-change")
async def rename(body: Rename, records: RecordsDep, who: Who) -> Renamed:
    """Give the session another name."""
    session = await find_session(records, who, body.session_id)
    await records.update(SessionRow, session.id, {"name": body.session_name})
    return Renamed(
        session_id=body.session_id,
        session_name=body.session_name,
        message="The session has its new name",
        data=NamedSession(session_id=body.session_id, session_name=body.session_name),
        **remarks(body),
    )


class DeleteAll(Earlier):
    """A request to delete everything must say that it means it."""

    confirm_delete_all: bool = Field(
        False, validation_alias=spelled("confirm_delete_all", "confirmDeleteAll")
    )


class CleanUp(Earlier):
    """How old an unfinished upload must be."""

    max_age_hours: float = Field(
        24.0, ge=0, le=87_600, validation_alias=spelled("max_age_hours", "maxAgeHours")
    )


@router.post("/session/{sid}/delete")
async def delete(
    sid: str, context: RunDep, objects: ObjectsDep, session: Session, force: bool = False
) -> SessionDeletedAnswer:
    """Delete a session with its rows, bytes and queued jobs; ``force`` cancels a live run first."""
    counts = await delete_session(context, objects, session, force=force)
    rows = {table: n for table, n in counts.items() if table != "objects"}
    return SessionDeletedAnswer(
        session_id=sid,
        message="The session is deleted",
        deleted=counts,
        data=DeletedData(
            session_id=sid, deleted_from_database=rows, local_files_deleted=counts.get("objects", 0)
        ),
    )


@router.post("/delete-all-sessions")
async def delete_all(
    context: RunDep, objects: ObjectsDep, who: Who, body: DeleteAll | None = None, force: bool = False
) -> AllDeleted:
    """Delete every session of the caller."""
    if body is None or not body.confirm_delete_all:
        raise ConfirmationRequired("this deletes every session you have")
    mine = {"owner": who.user_id, **({"id": who.session_id} if who.session_id else {})}
    sessions = await context.records.select(SessionRow, mine)
    total: Counter[str] = Counter()
    for session in sessions:
        total.update(await delete_session(context, objects, session, force=force))
    rows = {table: n for table, n in total.items() if table != "objects"}
    return AllDeleted(
        message=f"{len(sessions)} sessions are deleted",
        deleted=dict(total),
        deleted_count=len(sessions),
        summary=DeletedSummary(
            database_records_deleted=sum(rows.values()), storage_files_deleted=total["objects"]
        ),
        details=DeletedDetails(deleted_counts=rows, storage_deleted={"objects": total["objects"]}),
        **remarks(body),
    )


@router.post("/cleanup")
async def cleanup(records: RecordsDep, objects: ObjectsDep, who: Who, body: CleanUp | None = None) -> Cleaned:
    """Delete the caller's uploads that began long ago and never ended."""
    age = timedelta(hours=(body or CleanUp()).max_age_hours)
    n = await clean_up(records, objects, older_than=age, owner=who.user_id, session_id=who.session_id)
    return Cleaned(cleaned=n, message=f"{n} unfinished uploads are deleted", **remarks(body))
