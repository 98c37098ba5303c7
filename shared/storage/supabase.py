"""One Supabase project: its address, whom a call speaks for, and what its failures mean."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

import httpx
import stamina
from pydantic import SecretStr

from shared.contracts.problems import Category
from shared.errors import Conflict, InvalidInput, SessionNotFound, Unavailable
from shared.storage.columns import NotStorable
from supabase import AsyncClient, AsyncClientOptions

T = TypeVar("T")

_TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=20)


class SupabaseUnavailable(Unavailable):
    """Supabase does not answer for now."""

    code = "SUPABASE_UNAVAILABLE"
    advice = ("Try again in a moment; if it stays, look at the project's status page.",)


class SchemaOutdated(Unavailable):
    """The project's tables are older than this program."""

    code = "SCHEMA_OUTDATED"
    advice = ("Apply the migrations of supabase/migrations to the project.",)


class AccessDenied(InvalidInput):
    """The token is not valid, or not for this."""

    code = "ACCESS_DENIED"
    category = Category.AUTH
    advice = ("Sign in again.",)


class NoPublishableKey(InvalidInput):
    """Users cannot be served: a key that must stay on the server would speak for them."""

    code = "NO_PUBLISHABLE_KEY"
    advice = ("Set the project's publishable (or anon) key beside the secret one.",)


@dataclass(frozen=True)
class RetryPolicy:
    """How often a call is tried, and the pause before the second try; it doubles from there."""

    attempts: int = 3
    pause_s: float = 0.25

    NONE: ClassVar["RetryPolicy"]

    async def call(self, once: Callable[[int], Awaitable[T]]) -> T:
        """Run ``once(attempt)`` until it does not raise ``SupabaseUnavailable``."""
        # Jitter, so that services which failed together do not return together.
        tries = stamina.retry_context(
            SupabaseUnavailable,
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.pause_s / 2,
            wait_jitter=self.pause_s,
        )
        async for attempt in tries:
            with attempt:
                return await once(attempt.num - 1)
        raise AssertionError("unreachable: the last attempt returns or raises")


RetryPolicy.NONE = RetryPolicy(attempts=1)


@dataclass(frozen=True)
class Project:
    """Where the project is and which keys we have. Holds no connection."""

    url: str
    secret_key: SecretStr
    publishable_key: SecretStr | None = None

    def user_headers(self, token: str) -> dict[str, str]:
        """Return what makes a call a user's: the database decides.

        The secret key is no fallback: a call that lost its token would pass as a service's.
        """
        if self.publishable_key is None:
            raise NoPublishableKey("users cannot be served without the publishable key")
        key = self.publishable_key.get_secret_value()
        return {"apikey": key, "Authorization": f"Bearer {token}"}


def key_headers(key: str) -> dict[str, str]:
    """Return the headers of an API key: new keys stand alone, old ones are tokens too.

    >>> key_headers("sb_secret_x")
    {'apikey': 'sb_secret_x'}
    >>> key_headers("eyJ.eyJ.x")["Authorization"]
    'Bearer eyJ.eyJ.x'
    """
    if key.startswith("sb_"):
        return {"apikey": key}
    return {"apikey": key, "Authorization": f"Bearer {key}"}


def open_http() -> httpx.AsyncClient:
    """Open the one connection pool of a process; whom a call speaks for is in its own headers."""
    return httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, http2=False)


def client_for(http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> AsyncClient:
    """Return the project's client for one identity: never sign in with it, never give it another token.

    All identities share one pool of connections; the headers alone say whom a call speaks for.
    """
    options = AsyncClientOptions(
        httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
    )
    client = AsyncClient(url, headers["apikey"], options)
    # The package would send a new kind of key as a token as well, which the project refuses.
    client.options.headers = dict(headers)
    return client


def unreachable(error: httpx.HTTPError) -> SupabaseUnavailable:
    """Say that a call got no answer; what it asked for may have happened all the same."""
    return SupabaseUnavailable("Supabase did not answer", reason=type(error).__name__)


def refusal(code: str) -> Exception:
    """Return what an answer's error code means: PostgREST's, Postgres' SQLSTATE, or a bare HTTP status.

    The answer's own text stays behind: it names tables and values that are nobody's business.
    """
    match code:
        case "42501":
            return AccessDenied("the database does not allow this", reason=code)
        case "401" | "403" | "PGRST301" | "PGRST302" | "PGRST303":
            return AccessDenied("the access token is not accepted", reason=code)
        case "23503":
            return SessionNotFound("the session does not exist")
        case "23505":
            return Conflict("a row like this exists already", reason=code)
        case "42P01" | "42703" | "PGRST202" | "PGRST204" | "PGRST205":
            return SchemaOutdated("the tables are older than this program", reason=code)
        case "23502" | "23514" | "54000":
            return NotStorable("the database refused a value", reason=code)
        case _ if len(code) == 5 and code.startswith("22"):
            return NotStorable("the database cannot keep a value", reason=code)
        case _:
            return SupabaseUnavailable("Supabase could not answer", reason=code)
