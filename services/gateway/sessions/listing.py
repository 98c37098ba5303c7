"""A user's sessions on one page, with what the start screen shows of each."""

from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from services.gateway.auth.identity import Identity
from services.gateway.auth.session_ids import dashed
from services.gateway.context import Gateway
from services.gateway.problems import ValidationFailed, wrong_field
from services.gateway.uploads.wire import settings_of
from shared.storage.records import Less, OneOf, Where
from shared.storage.rows import DatasetRow, FileRow, SessionRow

_MOMENT = TypeAdapter(AwareDatetime)


async def session_list(gateway: Gateway, who: Identity, *, limit: int, before: str | None) -> dict[str, Any]:
    """Return one page of the caller's sessions, newest first; ``next`` leads to the following page."""
    mine: Where = {"owner": who.user_id, **({"id": who.session_id} if who.session_id else {})}
    where: Where = {**mine, **({"created_at": Less(_moment(before))} if before else {})}
    rows = await gateway.records.select(SessionRow, where, order="-created_at", limit=limit + 1)
    page = rows[:limit]
    ids = OneOf(tuple(row.id for row in page))
    files = await gateway.records.select(FileRow, {"session_id": ids}) if page else []
    datasets = await gateway.records.select(DatasetRow, {"session_id": ids}) if page else []
    return {
        "sessions": [_entry(row, files, datasets) for row in page],
        "count": len(page),
        "total_count": await gateway.records.count(SessionRow, mine),
        "next": page[-1].created_at.isoformat() if len(rows) > limit else None,
    }


def _moment(text: str) -> Any:
    try:
        return _MOMENT.validate_python(text)
    except ValidationError:
        raise wrong_field(ValidationFailed, "before", "use the ``next`` of the previous page") from None


def _entry(session: SessionRow, files: list[FileRow], datasets: list[DatasetRow]) -> dict[str, Any]:
    own = [file for file in files if file.session_id == session.id]
    ready = [d for d in datasets if d.session_id == session.id and d.status == "ready"]
    return {
        "sessionId": session.metadata.get("client_id") or dashed(session.id),
        "sessionUuid": dashed(session.id),
        "sessionName": session.name,
        "status": "finalized" if session.finalized else "open",
        "createdAt": session.created_at,
        "lastUpdated": max([session.updated_at, *(file.updated_at for file in own)]),
        "fileCount": len(own),
        "finalized": session.finalized,
        "nDat": ready[-1].report.get("n_windows") if ready else None,
        "filesInfo": [
            {
                "id": file.id,
                "type": file.role,
                "file_name": file.file_name,
                "bezeichnung": settings_of(file, None).name or file.file_name.rsplit(".", 1)[0],
            }
            for file in own
        ],
    }


async def number_of_windows(gateway: Gateway, session: SessionRow) -> Any:
    """Return how many windows the session's newest data set has; None before there is one."""
    ready = await gateway.records.select(
        DatasetRow, {"session_id": session.id, "status": "ready"}, order="-created_at", limit=1
    )
    return ready[0].report.get("n_windows") if ready else None
