"""Keys for programs: shown once, kept as a hash, revocable, expiring, at will for one session only."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from services.gateway.auth.identity import ExpiredToken, Identity, InvalidToken, Verifier
from shared.contracts.base import new_id, utc_now
from shared.errors import NotFound
from shared.storage.connect import Storage
from shared.storage.records import Records
from shared.storage.rows import ApiKeyRow

PREFIX = "ty_"
_ANY_SESSION = "all"


class KeyNotFound(NotFound):
    """The user has no such key."""

    code = "KEY_NOT_FOUND"


def hashed(key: str) -> str:
    """Return what is kept of a key. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def scope_of(row: ApiKeyRow) -> str | None:
    """Return the one session a key is for; None = all of its owner's. It stands in the row's id."""
    scope = row.id.partition(".")[0]
    return None if scope == _ANY_SESSION else scope


async def create_key(
    service: Storage, owner: str, *, name: str, session_id: str | None, expires_at: datetime | None
) -> tuple[str, ApiKeyRow]:
    """Make a key; its text is returned this once."""
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=f"{session_id or _ANY_SESSION}.{new_id()}",
        owner=owner,
        name=name,
        key_sha256=hashed(key),
        expires_at=expires_at,
    )
    await service.of_owner(owner).records.insert([row])
    return key, row


async def revoke_key(service: Storage, owner: str, key_id: str) -> ApiKeyRow:
    """End a key now."""
    records = service.of_owner(owner).records
    row = await records.update(ApiKeyRow, key_id, {"revoked_at": utc_now()})
    if row is None:
        raise KeyNotFound("there is no such key", key_id=key_id[:80])
    return row


@dataclass(eq=False)
class KeyVerifier:
    """Tells API keys from access tokens and verifies each its own way."""

    _records: Records
    _tokens: Verifier

    async def identify(self, credential: str | None) -> Identity:
        """Return whose key or token it is."""
        if credential is None or not credential.startswith(PREFIX):
            return await self._tokens.identify(credential)
        found = await self._records.select(ApiKeyRow, {"key_sha256": hashed(credential)}, limit=1)
        if not found or found[0].revoked_at is not None:
            raise InvalidToken("this API key is not valid")
        row = found[0]
        if row.expires_at is not None and row.expires_at <= utc_now():
            raise ExpiredToken("this API key has expired")
        return Identity(row.owner, session_id=scope_of(row))
