"""How long a live connection lasts, and how many there may be."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from services.gateway.auth.identity import Verifier
from services.gateway.problems import Refused
from shared.contracts.problems import Category
from shared.errors import Unavailable

CHECK_EVERY_S = 3.0  # with the leeway of five seconds a token has, a connection outlives it by less than ten


class TooManySockets(Refused):
    """More live connections than one user, or all who have not signed in yet, may have."""

    status: ClassVar[int] = 429
    category = Category.RATE_LIMIT
    code = "TOO_MANY_SOCKETS"
    advice = ("Close connections that are not needed; one serves a whole session.",)


@dataclass(eq=False)
class SocketCounts:
    """The live connections of this process, by user, and those nobody has signed in on yet."""

    per_user: int = field(kw_only=True)
    anonymous: int = field(kw_only=True)
    _users: Counter[str] = field(default_factory=Counter)
    _unknown: int = 0

    @contextmanager
    def unknown(self) -> Iterator[None]:
        """Count a connection until its user is known."""
        if self._unknown >= self.anonymous:
            raise TooManySockets("too many connections are about to sign in")
        self._unknown += 1
        try:
            yield
        finally:
            self._unknown -= 1

    def enter(self, user_id: str) -> None:
        """Count a user's connection."""
        if self._users[user_id] >= self.per_user:
            raise TooManySockets(f"one user may have {self.per_user} live connections")
        self._users[user_id] += 1

    def leave(self, user_id: str) -> None:
        """Forget a user's connection."""
        self._users[user_id] -= 1
        if self._users[user_id] <= 0:
            del self._users[user_id]


async def credential_ended(verifier: Verifier, credential: str | None) -> str:
    """Wait until a credential is expired or revoked, and return the code that says so."""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await verifier.identify(credential)
        except Refused as error:
            return error.code
        except Unavailable:
            continue  # the store or the identity provider is away; nobody is thrown out for that
