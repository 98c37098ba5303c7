"""API keys of programs."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from services.gateway.auth.api_keys import create_key, revoke_key, scope_of
from services.gateway.context import RecordsDep, ServiceDep, Who, find_session
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


class KeyFacts(BaseModel):
    """A key without its text."""

    id: str
    name: str
    sessionId: str | None = Field(description="the one session it opens; null = all of its owner's")  # noqa: N815
    createdAt: AwareDatetime  # noqa: N815
    expiresAt: AwareDatetime | None  # noqa: N815
    revokedAt: AwareDatetime | None  # noqa: N815


class KeyMade(Answer):
    """A new key."""

    key: str = Field(description="its text, told once")
    data: KeyFacts


class Keys(Answer):
    """The caller's keys."""

    keys: list[KeyFacts]


class KeyRevoked(Answer):
    """A key that opens nothing any more."""

    data: KeyFacts


@router.post("/api-keys", status_code=201)
async def create(body: CreateKey, records: RecordsDep, service: ServiceDep, who: Who) -> KeyMade:
    """Make a key; its text is in this answer and nowhere else."""
    scope = (await find_session(records, who, body.session_id)).id if body.session_id else None
    key, row = await create_key(
        service, who.user_id, name=body.name, session_id=scope, expires_at=body.expires_at
    )
    return KeyMade(key=key, data=_shown(row))


@router.get("/api-keys")
async def list_keys(service: ServiceDep, who: Who) -> Keys:
    """Return the caller's keys, without their text."""
    rows = await service.of_owner(who.user_id).records.select(ApiKeyRow, {"owner": who.user_id})
    return Keys(keys=[_shown(row) for row in rows])


@router.delete("/api-keys/{key_id}")
async def revoke(key_id: str, service: ServiceDep, who: Who) -> KeyRevoked:
    """End a key now."""
    return KeyRevoked(data=_shown(await revoke_key(service, who.user_id, key_id)))


def _shown(row: ApiKeyRow) -> KeyFacts:
    return KeyFacts(
        id=row.id,
        name=row.name,
        sessionId=scope_of(row),
        createdAt=row.created_at,
        expiresAt=row.expires_at,
        revokedAt=row.revoked_at,
    )
