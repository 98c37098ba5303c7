"""The work queue as a replica sees it: one job at a time, from the kinds it serves.

FastStream's pull subscribers each fetch on their own, so a replica that serves several kinds would hold
a job of every kind while it works on one. Here nothing is fetched before the replica is free.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from shared.cancellation import heeding
from shared.contracts.kinds import Kind
from shared.messaging.streams import work_consumer

_ONE_NOW = b'{"batch": 1, "no_wait": true}'
_IDLE = 0.25

log = structlog.get_logger()


class WorkQueue:
    """Pulls jobs of several kinds, taking turns among the kinds that have work."""

    def __init__(self, client: Client, kinds: Sequence[Kind], *, idle: float = _IDLE) -> None:
        self._client = client
        self._kinds = deque(kinds)
        self._idle = idle

    async def next_job(self) -> Msg:
        """Wait for the next job of any served kind; acknowledging it is the caller's duty."""
        while True:
            heed = heeding()
            for _ in range(len(self._kinds)):
                kind = self._kinds[0]
                self._kinds.rotate(-1)
                message = await self._take(kind)
                if message is not None:
                    return message  # whoever takes it hands it back if it was cancelled meanwhile
                heed()
            await asyncio.sleep(self._idle)

    async def _take(self, kind: Kind) -> Msg | None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.JOBS.{work_consumer(kind)}"
        try:
            # A job arrives under its own subject: only an inbox of its own finds it again.
            message = await self._client.request(subject, _ONE_NOW, timeout=2.0, old_style=True)
        except (NatsError, NoRespondersError, TimeoutError, ConnectionError) as error:
            log.debug("work queue does not answer", kind=kind, reason=type(error).__name__)
            await asyncio.sleep(self._idle)
            return None
        has_work = (message.headers or {}).get("Status") is None
        return message if has_work else None
