"""Sessions: opened, listed, named, finalized."""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

from services.gateway.auth.session_ids import dashed
from services.gateway.context import Here, Session, Who, ensure_session, find_session
from services.gateway.datasets.configuration import load_session_data, saved_time_info, saved_time_steps
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, SessionId, Wire, spelled
from services.gateway.problems import ConfirmationRequired
from services.gateway.sessions.cleanup import clean_up, delete_session
from services.gateway.sessions.listing import number_of_windows, session_list
from services.gateway.uploads.file_routes import records_of
from shared.contracts.base import new_id
from shared.storage.rows import FileRow, SessionRow

router = APIRouter(tags=["sessions"], route_class=JsonRoute)
Name = Annotated[str, Field(max_length=255)]


class InitSession(Wire):
    """A session to be opened; an id is made where none is sent."""

    session_id: SessionId | None = Field(
        None, validation_alias=spelled("sessionId", "uploadId", "session_id")
    )
    session_name: Name | None = Field(None, validation_alias=spelled("sessionName", "session_name"))
    metadata: dict[str, JsonValue] = {}
    time_info: TimeInfo | None = Field(None, validation_alias=spelled("timeInfo", "time_info"))
    time_steps: TimeSteps | None = Field(None, validation_alias=spelled("zeitschritte", "timeSteps"))
    files: list[dict[str, JsonValue]] = Field(default_factory=list, description="announced only; not kept")


class SessionOpened(Answer):
    """A session that is there now."""

    session_id: str = Field(serialization_alias="sessionId")
    session_uuid: str = Field(serialization_alias="sessionUuid")
    data: dict[str, Any]


@router.post("/init-session", responses={201: {"model": SessionOpened}})
async def init_session(body: InitSession, gateway: Here, who: Who, response: Response) -> SessionOpened:
    """Open a session, or return it if it is there."""
    text = body.session_id or dashed(who.session_id or new_id())
    session, created = await ensure_session(gateway, who, text, name=body.session_name or "")
    changes: dict[str, Any] = {}
    if body.session_name and not created:
        changes["name"] = body.session_name
    if body.metadata:
        changes["metadata"] = {**session.metadata, **body.metadata}
    if body.time_info:
        changes["time_info"] = body.time_info.model_dump(mode="json")
    if body.time_steps:
        changes["time_steps"] = body.time_steps.model_dump(mode="json")
    if changes:
        await gateway.records.update(SessionRow, session.id, changes)
    response.status_code = 201 if created else 200
    return _opened(text, session)


@router.post("/create-database-session", responses={201: {"model": SessionOpened}})
async def create_database_session(
    body: InitSession, gateway: Here, who: Who, response: Response
) -> SessionOpened:
    """Open a session (the earlier frontend's second name for it)."""
    return await init_session(body, gateway, who, response)


def _opened(text: str, session: SessionRow) -> SessionOpened:
    uuid = dashed(session.id)
    data = {"session_id": text, "uuid": uuid, "sessionUuid": uuid, "status": "initialized"}
    return SessionOpened(session_id=text, session_uuid=uuid, data=data)


@router.get("/get-session-uuid/{sid}")
async def get_session_uuid(sid: str, session: Session) -> Answer:
    """Return the canonical id behind an alias."""
    return Answer(data={"sessionUuid": dashed(session.id), "sessionId": sid})


@router.get("/list-sessions")
async def list_sessions(
    gateway: Here,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(description="the ``next`` of the previous page")] = None,
) -> Answer:
    """Return the caller's own sessions, newest first."""
    return Answer(**await session_list(gateway, who, limit=limit, before=before))


@router.get("/session/{sid}")
@router.get("/session/{sid}/database")
async def get_session(gateway: Here, session: Session) -> Answer:
    """Return the whole session."""
    session_data = await load_session_data(gateway, session)
    steps, info = saved_time_steps(session), saved_time_info(session)
    files = records_of(session_data)
    whole: dict[str, Any] = {
        "sessionId": session.metadata.get("client_id") or dashed(session.id),
        "sessionUuid": dashed(session.id),
        "sessionName": session.name,
        "status": "finalized" if session.finalized else "open",
        "finalized": session.finalized,
        "files": files,
        "timeInfo": info.german(),
        "timeFeatures": info.wire(),
        "zeitschritte": steps.german(),
        "timeSteps": steps.wire(),
        "n_dat": await number_of_windows(gateway, session),
        "total_files": len(session_data.files),
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
    }
    return Answer(session=whole, data=whole)


@router.get("/session-status/{sid}")
async def session_status(gateway: Here, session: Session) -> Answer:
    """Return how far the session's uploads are."""
    files = await gateway.records.select(FileRow, {"session_id": session.id})
    states = [file.status for file in files]
    if not states:
        status, message = "pending", "No file yet."
    elif "rejected" in states:
        status, message = "error", next(f.problem.message for f in files if f.problem)
    elif all(state == "ready" for state in states):
        status, message = "completed", f"{len(states)} files are checked."
    else:
        status, message = "processing", f"{states.count('ready')} of {len(states)} files are checked."
    progress = round(100 * states.count("ready") / len(states), 1) if states else 0.0
    return Answer(status=status, progress=progress, message=message, finalized=session.finalized)


class Finalize(Wire):
    """The end of uploading; more metadata may come along."""

    model_config = Wire.model_config | {"extra": "allow"}

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "uploadId", "session_id"))


@router.post("/finalize-session")
async def finalize_session(body: Finalize, gateway: Here, who: Who) -> Answer:
    """Mark the session as complete; everything else that was sent is kept as its metadata."""
    session = await find_session(gateway, who, body.session_id)
    metadata = {**session.metadata, **(body.model_extra or {})}
    await gateway.records.update(SessionRow, session.id, {"finalized": True, "metadata": metadata})
    n_files = await gateway.records.count(FileRow, {"session_id": session.id})
    data = {"session_id": body.session_id, "status": "finalized", "database_saved": True}
    return Answer(data=data, n_dat=await number_of_windows(gateway, session), file_count=n_files)


class Rename(Wire):
    """A session's new name."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    session_name: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        validation_alias=spelled("sessionName", "session_name")
    )


@router.post("/session-name-change")
async def rename(body: Rename, gateway: Here, who: Who) -> Answer:
    """Give the session another name."""
    session = await find_session(gateway, who, body.session_id)
    await gateway.records.update(SessionRow, session.id, {"name": body.session_name})
    return Answer(sessionId=body.session_id, sessionName=body.session_name)


class DeleteAll(Wire):
    """A request to delete everything must say that it means it."""

    confirm_delete_all: bool = Field(
        False, validation_alias=spelled("confirm_delete_all", "confirmDeleteAll")
    )


class CleanUp(Wire):
    """How old an unfinished upload must be."""

    max_age_hours: float = Field(
        24.0, ge=0, le=87_600, validation_alias=spelled("max_age_hours", "maxAgeHours")
    )


@router.post("/session/{sid}/delete")
async def delete(sid: str, gateway: Here, session: Session, force: bool = False) -> Answer:
    """Delete a session with its rows, bytes and queued jobs; ``force`` cancels a live run first."""
    return Answer(session_id=sid, deleted=await delete_session(gateway, session, force=force))


@router.post("/delete-all-sessions")
async def delete_all(gateway: Here, who: Who, body: DeleteAll | None = None, force: bool = False) -> Answer:
    """Delete every session of the caller."""
    if body is None or not body.confirm_delete_all:
        raise ConfirmationRequired("this deletes every session you have")
    mine = {"owner": who.user_id, **({"id": who.session_id} if who.session_id else {})}
    sessions = await gateway.records.select(SessionRow, mine)
    total: Counter[str] = Counter()
    for session in sessions:
        total.update(await delete_session(gateway, session, force=force))
    return Answer(deleted=dict(total), deleted_count=len(sessions))


@router.post("/cleanup")
async def cleanup(gateway: Here, who: Who, body: CleanUp | None = None) -> Answer:
    """Delete the caller's uploads that began long ago and never ended."""
    age = timedelta(hours=(body or CleanUp()).max_age_hours)
    cleaned = await clean_up(gateway, older_than=age, owner=who.user_id, session_id=who.session_id)
    return Answer(cleaned=cleaned)
