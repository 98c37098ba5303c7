"""The form of a session as somebody left it: any page that opens the session shows the same."""

from fastapi import APIRouter
from pydantic import Field, JsonValue

from services.gateway.context import RecordsDep, Session
from services.gateway.http.wire import Answer, Wire
from services.gateway.problems import TooLarge
from shared.storage.rows import SessionRow

router = APIRouter(tags=["sessions"])
KEY = "page:draft"
_MAX_FIELDS = 500


class Draft(Wire):
    """What a form holds, by field; the gateway keeps it and reads nothing out of it."""

    draft: dict[str, JsonValue] = Field(default_factory=dict)


class DraftKept(Answer):
    """The form as it is kept."""

    draft: dict[str, JsonValue]


@router.get("/draft/{sid}")
async def get_draft(session: Session) -> DraftKept:
    """Return the form of the session as it was left; empty where nobody filled it."""
    kept = session.metadata.get(KEY)
    return DraftKept(draft=kept if isinstance(kept, dict) else {})


@router.put("/draft/{sid}")
async def keep_draft(body: Draft, records: RecordsDep, session: Session) -> DraftKept:
    """Keep the form of the session."""
    if len(body.draft) > _MAX_FIELDS:
        raise TooLarge(f"a form has at most {_MAX_FIELDS} fields", field="draft")
    metadata = {**session.metadata, KEY: body.draft}
    await records.update(SessionRow, session.id, {"metadata": metadata})
    return DraftKept(draft=body.draft)
