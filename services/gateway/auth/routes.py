"""API keys of programs."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from services.gateway.auth.api_keys import create_key, revoke_key, scope_of
from services.gateway.context import Here, Who, find_session
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, SessionId, Wire, spelled
from shared.storage.rows import ApiKeyRow

router = APIRouter(tags=["api keys"], route_class=JsonRoute)


class CreateKey(Wire):
    """A key to be made."""

    name: Annotated[str, Field(max_length=255)] = ""
    session_id: SessionId | None = Field(
        None, validation_alias=spelled("sessionId", "session_id"), description="the only session it opens"
    )
    expires_at: AwareDatetime | None = Field(None, validation_alias=spelled("expiresAt", "expires_at"))


@router.post("/api-keys", status_code=201)
async def create(body: CreateKey, gateway: Here, who: Who) -> Answer:
    """Make a key; its text is in this answer and nowhere else."""
    scope = (await find_session(gateway, who, body.session_id)).id if body.session_id else None
    key, row = await create_key(
        gateway, who.user_id, name=body.name, session_id=scope, expires_at=body.expires_at
    )
    return Answer(key=key, data=_shown(row))


@router.get("/api-keys")
async def list_keys(gateway: Here, who: Who) -> Answer:
    """Return the caller's keys, without their text."""
    rows = await gateway.service_records(who.user_id).select(ApiKeyRow, {"owner": who.user_id})
    return Answer(keys=[_shown(row) for row in rows])


@router.delete("/api-keys/{key_id}")
async def revoke(key_id: str, gateway: Here, who: Who) -> Answer:
    """End a key now."""
    return Answer(data=_shown(await revoke_key(gateway, who.user_id, key_id)))


def _shown(row: ApiKeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "sessionId": scope_of(row),
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "revokedAt": row.revoked_at,
    }
