"""How much a user may ask for in a minute, counted over all replicas by the broker's own counters."""

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.gateway.problems import Refused
from shared.contracts.problems import Category

Bucket = Literal["requests", "bytes"]
WINDOW_S = 60
_TIMEOUT = 1.0

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

    def refusal(self) -> TooManyRequests:
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


class OwnCounters:
    """Counters of this process alone; old windows are forgotten."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    async def add(self, name: str, amount: int) -> int:
        """Add to a counter and return its new value."""
        if len(self._counts) > 100_000:
            self._counts.clear()
        self._counts[name] += amount
        return self._counts[name]


class StreamCounters:
    """Counters in a memory stream of the broker: one message each, atomic, gone after two windows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._own = OwnCounters()  # while the broker or its stream is away each replica counts for itself

    async def add(self, name: str, amount: int) -> int:
        """Add to a counter and return its new value."""
        try:
            answer = await self._client.request(
                f"limit.{name}", b"", timeout=_TIMEOUT, headers={"Nats-Incr": f"+{amount}"}
            )
            return int(json.loads(answer.data)["val"])
        except (NatsError, TimeoutError, ConnectionError, KeyError, ValueError) as error:
            log.debug("counted by this replica alone", reason=type(error).__name__)
            return await self._own.add(name, amount)


class Limiter:
    """Spends a user's share."""

    def __init__(self, counters: Counters, *, requests: int, upload_bytes: int) -> None:
        self._counters = counters
        self._limits: dict[Bucket, int] = {"requests": requests, "bytes": upload_bytes}

    async def spend(self, user_id: str, bucket: Bucket, amount: int = 1) -> Quota:
        """Take from the user's share of this minute; the share says whether it is exceeded."""
        window, passed = divmod(time.time(), WINDOW_S)
        token = hashlib.sha256(user_id.encode()).hexdigest()[:32]  # user text never becomes a subject
        used = await self._counters.add(f"{bucket}.{token}.{int(window)}", amount)
        return Quota(self._limits[bucket], used, max(1, round(WINDOW_S - passed)))
