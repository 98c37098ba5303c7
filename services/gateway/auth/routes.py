"""API keys of programs."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

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


class Key(BaseModel):
    """A key without its text."""

    id: str
    name: str
    session_id: str | None = Field(serialization_alias="sessionId", description="the only one it opens")
    created_at: AwareDatetime = Field(serialization_alias="createdAt")
    expires_at: AwareDatetime | None = Field(serialization_alias="expiresAt")
    revoked_at: AwareDatetime | None = Field(serialization_alias="revokedAt")

    @classmethod
    def of(cls, row: ApiKeyRow) -> Self:
        """Return what is told of a stored key."""
        return cls(
            id=row.id, name=row.name, session_id=scope_of(row), created_at=row.created_at,
            expires_at=row.expires_at, revoked_at=row.revoked_at,
        )  # fmt: skip


class KeyMade(Answer):
    """A new key with its text, which is shown this once."""

    key: str
    data: Key


class Keys(Answer):
    """The caller's keys."""

    keys: list[Key]


class KeyRevoked(Answer):
    """A key that opens nothing any more."""

    data: Key


@router.post("/api-keys", status_code=201)
async def create(body: CreateKey, gateway: Here, who: Who) -> KeyMade:
    """Make a key; its text is in this answer and nowhere else."""
    scope = (await find_session(gateway, who, body.session_id)).id if body.session_id else None
    key, row = await create_key(
        gateway, who.user_id, name=body.name, session_id=scope, expires_at=body.expires_at
    )
    return KeyMade(key=key, data=Key.of(row))


@router.get("/api-keys")
async def list_keys(gateway: Here, who: Who) -> Keys:
    """Return the caller's keys, without their text."""
    rows = await gateway.service_records(who.user_id).select(ApiKeyRow, {"owner": who.user_id})
    return Keys(keys=[Key.of(row) for row in rows])


@router.delete("/api-keys/{key_id}")
async def revoke(key_id: str, gateway: Here, who: Who) -> KeyRevoked:
    """End a key now."""
    return KeyRevoked(data=Key.of(await revoke_key(gateway, who.user_id, key_id)))
