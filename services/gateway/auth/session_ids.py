"""Session ids: what clients may mint, and the one canonical id inside."""

import re
import uuid

from services.gateway.problems import BadId
from shared.contracts.base import derive

_MINTED = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def canonical(text: str, owner: str) -> str:
    """Return the canonical id of a session: UUID hex.

    Any other form is derived together with its owner, so two users who mint the same id have two
    sessions. A UUID is unique by itself, also as ``session_<uuid>``.

    >>> canonical("session_6F0D8A54-6f6b-5a0e-9d0a-7472616e7964", "me")
    '6f0d8a546f6b5a0e9d0a7472616e7964'
    >>> canonical("session_1700000000_ab12", "me") == canonical("session_1700000000_ab12", "you")
    False
    >>> canonical("../7", "me")
    Traceback (most recent call last):
    services.gateway.problems.BadId: not a session id: '../7'
    """
    bare = text.removeprefix("session_")
    if _HEX.fullmatch(bare):
        return uuid.UUID(bare).hex
    if _MINTED.fullmatch(text):
        return derive("session", owner, text)
    raise BadId(f"not a session id: {text[:80]!r}")


def possible(text: str, owner: str) -> tuple[str, ...]:
    """Return the ids a session of this owner may have under a text, the likeliest first.

    A UUID is a session's own id, or what its owner once opened it with: then, like the short form, it is
    derived together with the owner. So whoever opens a session under somebody else's UUID gets one of his
    own, and learns nothing.

    >>> len(possible("6f0d8a54-6f6b-5a0e-9d0a-7472616e7964", "me")), len(possible("session_1_a", "me"))
    (2, 1)
    """
    first = canonical(text, owner)
    opened = derive("session", owner, first)
    return (first, opened) if _HEX.fullmatch(text.removeprefix("session_")) else (first,)


def dashed(session_id: str) -> str:
    """Return the id in the usual spelling of UUIDs."""
    return str(uuid.UUID(session_id))
