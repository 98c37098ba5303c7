"""What was said before, read straight from the streams: no consumer per browser."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from services.gateway.live.messages import LiveMessage, parse
from shared.cancellation import heeding
from shared.messaging.publish import BrokerAway

BATCH = 256
_TIMEOUT = 5.0


class History(Protocol):
    """The past of a session."""

    def since(self, session_id: str, after: int) -> AsyncIterator[LiveMessage]:
        """Yield the session's events with a sequence number above ``after``, in order."""
        ...

    async def progress(self, session_id: str, run_id: str | None = None) -> list[LiveMessage]:
        """Return the newest progress of each job."""
        ...

    def progress_so_far(self, session_id: str, run_id: str) -> AsyncIterator[LiveMessage]:
        """Yield everything the jobs of a run told of their progress, in order."""
        ...

    async def last(self) -> int:
        """Return the newest sequence number of the event stream."""
        ...


@dataclass(eq=False)
class StreamHistory:
    """History by batched direct get."""

    _client: Client

    async def since(self, session_id: str, after: int) -> AsyncIterator[LiveMessage]:
        """Yield the session's events above a sequence number; ``*`` for every session's."""
        subject = f"evt.{session_id}.>"
        if after > await self.last():
            after = 0  # the stream is younger than what the client saw: tell it everything there is
        while True:
            batch = await self._direct("EVT", seq=after + 1, next_by_subj=subject, batch=BATCH)
            for message in batch:
                after = sequence(message)
                event = parse(stored_subject(message), message.data, seq=after)
                if event is not None:
                    yield event
            if len(batch) < BATCH:
                return

    async def progress(self, session_id: str, run_id: str | None = None) -> list[LiveMessage]:
        """Return the newest progress of each job."""
        subject = f"prog.{session_id}.{run_id or '*'}.*"
        found = await self._direct("PROG", multi_last=[subject])
        return [message for m in found if (message := parse(stored_subject(m), m.data, seq=None))]

    async def progress_so_far(self, session_id: str, run_id: str) -> AsyncIterator[LiveMessage]:
        """Yield everything the jobs of a run told of their progress, in order."""
        after, subject = 0, f"prog.{session_id}.{run_id}.*"
        while True:
            batch = await self._direct("PROG", seq=after + 1, next_by_subj=subject, batch=BATCH)
            for message in batch:
                after = sequence(message)
                if progress := parse(stored_subject(message), message.data, seq=None):
                    yield progress
            if len(batch) < BATCH:
                return

    async def last(self) -> int:
        """Return the newest sequence number of the event stream."""
        heed = heeding()
        try:
            answer = await self._client.request("$JS.API.STREAM.INFO.EVT", b"", timeout=_TIMEOUT)
        except (NatsError, TimeoutError) as error:
            raise BrokerAway("the message broker does not answer") from error
        heed()
        state = json.loads(answer.data).get("state", {})
        return int(state.get("last_seq", 0))

    async def _direct(self, stream: str, **request: Any) -> list[Msg]:
        heed = heeding()
        try:
            inbox = self._client.new_inbox()
            answers = await self._client.subscribe(inbox)
            try:
                await self._client.publish(
                    f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox
                )
                found = []
                while "Status" not in ((message := await answers.next_msg(_TIMEOUT)).headers or {}):
                    found.append(message)
                heed()
                return found
            finally:  # also when the client has left meanwhile: what is left over would hold up our own end
                await answers.unsubscribe()
        except (NatsError, TimeoutError) as error:
            raise BrokerAway("the message broker does not answer") from error


def sequence(message: Msg) -> int:
    """Return the stream sequence of a republished or directly read message."""
    return int((message.headers or {})["Nats-Sequence"])


def stored_subject(message: Msg) -> str:
    """Return the subject a directly read message was stored under."""
    return str((message.headers or {})["Nats-Subject"])
