"""Who listens to which session. Each client has a bounded subscription: one that is stuck delays nobody."""

import asyncio
from collections import OrderedDict, defaultdict
from dataclasses import KW_ONLY, dataclass, field

from services.gateway.live.messages import LiveMessage


@dataclass(eq=False)
class Subscription:
    """What one client has still to be told.

    Events queue up to a limit; of progress only the newest per job waits, so a slow client is behind in
    detail but not in truth. Past the limit the subscription is ``overflowed`` for good: the client comes back
    with the last sequence number it saw.
    """

    _limit: int
    _n_events: int = 0
    _waiting: OrderedDict[int | str, LiveMessage] = field(default_factory=OrderedDict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: LiveMessage) -> int:
        """Add a message, never waiting; return how many events an overflow has just dropped."""
        if self.overflowed.is_set():
            return 0
        dropped = 0
        if message.seq is None:
            self._waiting[message.topic] = message.after(self._waiting.get(message.topic))
            self._waiting.move_to_end(message.topic)
        elif self._n_events < self._limit:
            self._n_events += 1
            self._waiting[self._n_events] = message
        else:
            dropped = self._n_events + 1
            self._waiting.clear()
            self.overflowed.set()
        self._wake.set()
        return dropped

    async def take(self) -> list[LiveMessage]:
        """Wait for messages and return all of them in the order they came, of progress the newest."""
        await self._wake.wait()
        self._wake.clear()
        taken = [*self._waiting.values()]
        self._waiting.clear()
        self._n_events = 0
        return taken


@dataclass(eq=False)
class Hub:
    """The subscriptions of every session with a listener."""

    _: KW_ONLY
    limit: int
    n_overflows: int = 0
    n_dropped: int = 0
    _subscriptions: defaultdict[str, set[Subscription]] = field(default_factory=lambda: defaultdict(set))

    def __len__(self) -> int:
        return sum(len(known) for known in self._subscriptions.values())

    def subscribe(self, session_id: str) -> Subscription:
        """Start listening to a session."""
        subscription = Subscription(self.limit)
        self._subscriptions[session_id].add(subscription)
        return subscription

    def unsubscribe(self, session_id: str, subscription: Subscription) -> None:
        """Stop listening."""
        known = self._subscriptions.get(session_id, set())
        known.discard(subscription)
        if not known:
            self._subscriptions.pop(session_id, None)

    def publish(self, message: LiveMessage) -> None:
        """Put a message in every subscription of its session."""
        for subscription in self._subscriptions.get(message.session_id, ()):
            dropped = subscription.put(message)
            self.n_overflows += dropped > 0
            self.n_dropped += dropped
