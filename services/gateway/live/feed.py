"""The gateway's own ear on the bus: every event once and in order, progress as it comes."""

import asyncio
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.gateway.live.history import StreamHistory, sequence
from services.gateway.live.hub import Hub
from services.gateway.live.messages import parse
from shared.cancellation import end, heeding
from shared.errors import Unavailable

_WATCH_EVERY = 1.0
_EVERY_SESSION = "*"

log = structlog.get_logger()


@dataclass(eq=False)
class Feed:
    """Hears the republished event stream and tells the hub.

    Core messages can be lost while the connection is away. Each carries its stream sequence, so a jump
    shows the loss and the stream fills it; after a reconnect the stream is asked even if nothing comes.
    """

    _client: Client
    _hub: Hub
    _history: StreamHistory
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: int = 0
    _watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen from now on."""
        async with self._order:  # what comes in meanwhile waits until the starting point is known
            await self._client.subscribe("live.evt.>", cb=self._on_event)
            await self._client.subscribe("prog.>", cb=self._on_progress)
            await self._client.flush()
            self._last = await self._history.last()
        self._watch = asyncio.create_task(self._watch_reconnects())

    async def stop(self) -> None:
        """Stop watching; the subscriptions end with the connection."""
        if self._watch:
            await end(self._watch)

    async def _on_event(self, message: Msg) -> None:
        number = sequence(message)
        async with self._order:
            if number > self._last + 1:
                await self._catch_up()
            if number > self._last:
                self._last = number
                if event := parse(message.subject.removeprefix("live."), message.data, seq=number):
                    self._hub.publish(event)

    async def _on_progress(self, message: Msg) -> None:
        if progress := parse(message.subject, message.data, seq=None):
            self._hub.publish(progress)

    async def _catch_up(self) -> None:
        """Tell what the stream holds beyond the last event heard."""
        try:
            async for event in self._history.since(_EVERY_SESSION, self._last):
                self._last = event.seq or self._last
                self._hub.publish(event)
        except Unavailable as error:
            log.warning("feed could not catch up, will try again", reason=error.message)

    async def _watch_reconnects(self) -> None:
        seen, heed = self._client.stats["reconnects"], heeding()
        while True:
            heed()
            await asyncio.sleep(_WATCH_EVERY)
            now = self._client.stats["reconnects"]
            if now == seen or not self._client.is_connected:
                continue
            async with self._order:
                await self._recover()
            seen = now

    async def _recover(self) -> None:
        try:
            newest = await self._history.last()
        except Unavailable as error:
            log.warning("feed could not ask the stream", reason=error.message)
            return
        if newest < self._last:
            log.warning("the event stream was made anew", newest=newest, heard=self._last)
            self._last = 0
        await self._catch_up()
