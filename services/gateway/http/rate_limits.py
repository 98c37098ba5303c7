"""How much a user may ask for in a minute, counted over all replicas by the broker's own counters."""

import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, Literal, Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.gateway.problems import Refused
from shared.contracts.problems import Category

Bucket = Literal["requests", "bytes", "chunks"]
WINDOW_S = 60
_TIMEOUT = 1.0
_MOST_COUNTERS = 20_000
_REMEMBERED = 300.0

log = structlog.get_logger()


class TooManyRequests(Refused):
    """The user's share of this minute is used up."""

    status: ClassVar[int] = 429
    category = Category.RATE_LIMIT
    code = "RATE_LIMIT_EXCEEDED"
    advice = ("Wait as long as Retry-After says; live events come over one WebSocket without polling.",)

    def __init__(self, message: str, *, headers: dict[str, str]) -> None:
        super().__init__(message, retry_after_seconds=int(headers["Retry-After"]))
        self.headers = headers


@dataclass(frozen=True)
class Quota:
    """What a user has used of a minute."""

    limit: int
    used: int
    reset_s: int

    @property
    def exceeded(self) -> bool:
        """Whether more was asked for than there is."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """Return the share as the usual headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.reset_s),
        }

    def error(self) -> TooManyRequests:
        """Return the error of an exceeded share."""
        return TooManyRequests(
            f"more than {self.limit:,} per minute",
            headers={**self.headers(), "Retry-After": str(self.reset_s)},
        )


class Counters(Protocol):
    """Counters everybody shares."""

    async def add(self, name: str, amount: int) -> int:
        """Add to a counter and return its new value."""
        ...


@dataclass(eq=False)
class OwnCounters:
    """Counters of this process alone; those of windows long over are forgotten."""

    _counts: dict[str, tuple[int, float]] = field(default_factory=dict)

    async def add(self, name: str, amount: int) -> int:
        """Add to a counter and return its new value."""
        now = time.monotonic()
        if len(self._counts) > _MOST_COUNTERS:
            self._counts = {n: c for n, c in self._counts.items() if now - c[1] < 2 * WINDOW_S}
        value = self._counts.get(name, (0, now))[0] + amount
        self._counts[name] = (value, now)
        return value


@dataclass(eq=False)
class StreamCounters:
    """Counters in a memory stream of the broker: one message each, atomic, gone after two windows."""

    _client: Client
    # While the broker or its stream is away each replica counts for itself.
    _own: OwnCounters = field(default_factory=OwnCounters)

    async def add(self, name: str, amount: int) -> int:
        """Add to a counter and return its new value."""
        try:
            answer = await self._client.request(
                f"limit.{name}", b"", timeout=_TIMEOUT, headers={"Nats-Incr": f"{amount:+d}"}
            )
            return int(json.loads(answer.data)["val"])
        except (NatsError, TimeoutError, ConnectionError, KeyError, ValueError) as error:
            log.debug("counted by this replica alone", reason=type(error).__name__)
            return await self._own.add(name, amount)


@dataclass(eq=False)
class Limiter:
    """Spends a user's share of any sixty seconds: of this minute, and of the last as far as it still counts.

    The last minute counts in proportion to what of it lies within sixty seconds, so that the turn of a minute
    gives nobody two shares at once. What is refused is given back.
    """

    _counters: Counters
    _: KW_ONLY
    requests: int
    upload_bytes: int
    chunks: int = 6_000

    async def spend(self, user_id: str, bucket: Bucket, amount: int = 1) -> Quota:
        """Take from the user's share; the quota says whether it is exceeded."""
        window, passed = divmod(time.time(), WINDOW_S)
        token = hashlib.sha256(user_id.encode()).hexdigest()[:32]  # user text never becomes a subject
        current, last = (f"{bucket}.{token}.{int(window) - n}" for n in (0, 1))
        of_last = await self._counters.add(last, 0) * (1 - passed / WINDOW_S)
        used = int(of_last) + await self._counters.add(current, amount)
        limits = {"requests": self.requests, "bytes": self.upload_bytes, "chunks": self.chunks}
        quota = Quota(limits[bucket], used, max(1, round(WINDOW_S - passed)))
        if quota.exceeded:
            await self._counters.add(current, -amount)
        return quota


@dataclass(eq=False)
class FailedTokens:
    """How many refused tokens each address has sent lately, and which credentials were good.

    Past the limit only credentials that were accepted a moment ago are looked at: guessing is slowed down,
    and who shares the address with a guesser goes on working.
    """

    per_minute: int = field(kw_only=True)
    _failed: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)  # tokens left, when
    _good: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def check(self, address: str, credential: str | None) -> None:
        """Raise ``TooManyRequests`` if the address has used up its failures and the credential is unknown."""
        accepted = self._good.get(_key(credential), -_REMEMBERED)
        if self._left(address) >= 1 or time.monotonic() - accepted < _REMEMBERED:
            return
        headers = {"Retry-After": str(max(1, round(WINDOW_S / self.per_minute)))}
        raise TooManyRequests("too many refused tokens came from this address", headers=headers)

    def failed(self, address: str) -> None:
        """Count a refused token."""
        self._failed[address] = (max(0.0, self._left(address) - 1), time.monotonic())
        self._failed.move_to_end(address)
        while len(self._failed) > _MOST_COUNTERS:
            self._failed.popitem(last=False)

    def accepted(self, credential: str | None) -> None:
        """Remember a good credential for a while, as its hash."""
        self._good[_key(credential)] = time.monotonic()
        self._good.move_to_end(_key(credential))
        while len(self._good) > _MOST_COUNTERS:
            self._good.popitem(last=False)

    def _left(self, address: str) -> float:
        left, at = self._failed.get(address, (float(self.per_minute), time.monotonic()))
        return min(float(self.per_minute), left + (time.monotonic() - at) * self.per_minute / WINDOW_S)


def _key(credential: str | None) -> str:
    return hashlib.sha256((credential or "").encode("utf-8", "replace")).hexdigest()
