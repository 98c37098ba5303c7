"""Publishing: every event is stored once, whoever says it however often."""

from dataclasses import dataclass
from typing import Protocol

import stamina
import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NoStreamResponseError

from shared import traces
from shared.cancellation import heeding
from shared.contracts.base import Event, Message
from shared.errors import Unavailable

_WRONG_LAST_SEQUENCE = (10071, 10164)
_TIMEOUT = 5.0
_ATTEMPTS = 4
_UNCONFIRMED = (APIError, NatsError, NoStreamResponseError, TimeoutError, ConnectionError)

log = structlog.get_logger()


class BrokerPublish(Protocol):
    """The one method of the broker that publishing needs."""

    async def publish(
        self,
        message: object,
        subject: str,
        headers: dict[str, str] | None = ...,
        *,
        correlation_id: str | None = ...,
        stream: str | None = ...,
        timeout: float | None = ...,
    ) -> object:
        """Publish one message."""
        ...


class BrokerAway(Unavailable):
    """The broker did not confirm a message in time; it may or may not have stored it."""

    code = "BROKER_UNAVAILABLE"


def headers_of(message: Message) -> dict[str, str]:
    """Return what travels beside the payload: identity, once-only condition, trace context.

    The session's id is the trace id of the W3C ``traceparent``.
    """
    if not isinstance(message, Event):
        return {}
    headers = {"Nats-Expected-Last-Subject-Sequence": "0", "content-type": "application/json"}
    if message.stream == "EVT":
        headers["Nats-Msg-Id"] = message.event_id
    headers["traceparent"] = traces.current(message.session_id)
    return headers


@dataclass(eq=False)
class Publisher:
    """Puts messages on their subjects."""

    _publisher: BrokerPublish

    async def publish(self, message: Message) -> bool:
        """Store an event or job once; return False if it was stored before.

        Raises
        ------
        BrokerAway
            If the broker did not confirm after several attempts under the same id.
        """
        heed = heeding()
        try:
            async for attempt in stamina.retry_context(
                _UNCONFIRMED, attempts=_ATTEMPTS, timeout=None, wait_initial=0.2, wait_jitter=0.2
            ):
                with attempt:
                    stored = await self._store(message)
                    heed()
                    return stored
        except _UNCONFIRMED as error:
            raise BrokerAway("the message broker does not answer", subject=message.subject()) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _store(self, message: Message) -> bool:
        """Ask once; False if the subject had its message already."""
        try:
            await self._publisher.publish(
                message,
                message.subject(),
                headers_of(message),
                correlation_id=getattr(message, "correlation_id", None),
                stream=message.stream,
                timeout=_TIMEOUT if message.stream else None,
            )
        except _UNCONFIRMED as error:
            if isinstance(error, APIError) and error.err_code in _WRONG_LAST_SEQUENCE:
                return False
            log.warning("publish not confirmed", subject=message.subject(), reason=repr(error))
            raise
        return True

    async def publish_all(self, messages: list[Message]) -> None:
        """Publish in order."""
        for message in messages:
            await self.publish(message)
