"""Who is asking: the value every check of ownership rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from services.gateway.problems import Refused
from shared.contracts.problems import Category

LOCAL_USER = "local"


@dataclass(frozen=True)
class Identity:
    """A user; ``session_id`` narrows a machine client to one session.

    ``token`` goes along to a database that decides by itself what the user sees.
    """

    user_id: str
    session_id: str | None = None
    token: str | None = field(default=None, repr=False)


class MissingAuthorization(Refused):
    """No token came with the request."""

    status = 401
    category = Category.AUTH
    code = "MISSING_AUTHORIZATION"
    advice = ("Sign in and send the access token: Authorization: Bearer <token>.",)


class InvalidToken(Refused):
    """A token that is not one of ours, or not for users."""

    status = 401
    category = Category.AUTH
    code = "INVALID_TOKEN"
    advice = ("Sign in again and send the new access token.",)


class ExpiredToken(InvalidToken):
    """A token whose time is over."""

    code = "EXPIRED_TOKEN"
    advice = ("Refresh the access token and send the request again.",)


class Verifier(Protocol):
    """Turns a credential into an identity."""

    async def identify(self, credential: str | None) -> Identity:
        """Return who the credential belongs to; raise one of the errors above."""
        ...


class EverybodyIsLocal:
    """The verifier of a gateway without an identity provider."""

    async def identify(self, credential: str | None) -> Identity:
        """Return the one local user."""
        return Identity(LOCAL_USER)


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header, or an ``X-API-Key``.

    Of another scheme it is the whole header, which is no token: that answer is clearer than "none came".

    >>> bearer({"authorization": "Bearer abc"}), bearer({"authorization": "Basic abc"}), bearer({})
    ('abc', 'Basic abc', None)
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key") or headers.get("authorization") or None
