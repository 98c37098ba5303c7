"""Settling: what happens to a message after its handler has spoken. The only place that acknowledges.

Order is always state, event, acknowledgement: the handler stores, the events it returns are published
here, and only then the message is acknowledged. A message that is not acknowledged is the outbox.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.message import StreamMessage
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import JsonValue, ValidationError

from shared import traces
from shared.cancellation import end
from shared.contracts.base import Message, derive
from shared.errors import InternalError, InvalidInput, SessionNotFound, Unavailable
from shared.messaging.metrics import DeliveryMetrics
from shared.messaging.publish import Publisher

MAX_FAILURES = 5  # unexpected errors of one message before it is a dead letter
_MAX_DELAY = 60.0
_LOG_KEYS = ("session_id", "run_id", "job_id", "file_id", "dataset_id", "event_id", "correlation_id")

log = structlog.get_logger()


class QuestionMalformed(InvalidInput):
    """A question on the bus that is no JSON, or lacks what it needs."""

    code = "QUESTION_MALFORMED"
    advice = ("Ask through the gateway, of the same version as the services.",)


def messages_in(result: object) -> list[Message]:
    """Return what a handler announced: nothing, one message, or several."""
    if isinstance(result, Message):
        return [result]
    if isinstance(result, Iterable) and not isinstance(result, str | bytes | dict):
        return [item for item in result if isinstance(item, Message)]
    return []


def _plain(text: str, *, most: int = 2_000) -> str:
    """Return text that every log and every store takes: no lone surrogates, no character 0, not endless."""
    return text[:most].encode("utf-8", "replace").decode().replace("\0", "?")


def retry_delay(n_delivered: int) -> float:
    """Return the seconds to wait before the next delivery: doubling, capped, with jitter."""
    return min(_MAX_DELAY, 0.5 * 2.0 ** min(n_delivered, 10)) * random.uniform(0.8, 1.2)


@asynccontextmanager
async def heartbeat(message: Msg, *, every: float) -> AsyncIterator[None]:
    """Tell the broker every few seconds that the message is being worked on."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            with suppress(NatsError, ConnectionError):
                await message.in_progress()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        await end(task)


def is_jetstream(message: Msg) -> bool:
    """Whether the message waits for an acknowledgement."""
    return str(getattr(message, "reply", "")).startswith("$JS.ACK.")


async def dead_letter(publish: Callable[..., Any], message: Msg, reason: str) -> None:
    """Copy a message nobody can handle to the dead letters, with its reason.

    ``publish`` is the broker's publish method; the copy's id follows from the message's place in its stream.
    """
    metadata = message.metadata
    letter = {
        "subject": message.subject,
        "stream": metadata.stream,
        "sequence": metadata.sequence.stream,
        "reason": reason,
        "payload": message.data.decode("utf-8", "replace").replace("\0", "\ufffd"),
    }
    await publish(
        json.dumps(letter).encode(),
        f"dlq.{metadata.stream}.{metadata.sequence.stream}",
        {"Nats-Msg-Id": derive("dlq", metadata.stream, str(metadata.sequence.stream))},
        stream="DLQ",
        timeout=5.0,
    )


async def settle(message: Msg, error: BaseException | None, *, on_dead: Callable[[str], Any]) -> str:
    """Acknowledge, hand back, or give up one message according to how its handler ended; return which."""
    n_delivered = message.metadata.num_delivered
    if error is None:
        await message.ack()
        return "acknowledged"
    if isinstance(error, asyncio.CancelledError):
        await asyncio.shield(message.nak())
        return "handed_back"
    if isinstance(error, Unavailable):
        log.warning("handed back", subject=message.subject, reason=error.message, n_delivered=n_delivered)
        await message.nak(delay=retry_delay(n_delivered))
        return "handed_back"
    if isinstance(
        error, SessionNotFound
    ):  # deleted while the work was under way: nobody waits for it any more
        log.warning("session deleted meanwhile", subject=message.subject)
        await message.ack()
        return "acknowledged"
    hopeless = isinstance(error, InvalidInput | ValidationError | RecursionError)  # the last: nested too deep
    if hopeless or n_delivered >= MAX_FAILURES:
        reason = _plain(f"{type(error).__name__}: {error}")
        log.error("dead letter", subject=message.subject, reason=reason, n_delivered=n_delivered)
        await on_dead(reason)
        await message.term()
        return "dead"
    log.error("handler failed", subject=message.subject, n_delivered=n_delivered, exc_info=error)
    await message.nak(delay=retry_delay(n_delivered))
    return "failed"


@asynccontextmanager
async def settling(
    message: Msg, publish: Callable[..., Any], *, every: float, metrics: DeliveryMetrics | None = None
) -> AsyncIterator[None]:
    """Do the work of one message in the body: heartbeat while it runs, settle when it ends.

    Errors are settled here and go no further, except cancellation.
    """
    error: BaseException | None = None
    try:
        with traces.span(f"work {message.metadata.consumer}", message.headers):
            async with heartbeat(message, every=every):
                yield
    except BaseException as caught:  # noqa: BLE001 - the last resort: settled below, cancellation raised again
        error = caught
    outcome = await settle(message, error, on_dead=lambda reason: dead_letter(publish, message, reason))
    if metrics:
        metrics.ended(message.metadata.consumer, outcome)
    if error is not None and not isinstance(error, Exception):
        raise error


class Settle(BaseMiddleware[Any, Any]):
    """Publishes what the handler returned, then settles the message."""

    heartbeat_every: float = 20.0
    metrics: DeliveryMetrics | None = None

    async def on_receive(self) -> None:
        """Bind who this message is about to every log line of its handling."""
        structlog.contextvars.clear_contextvars()
        with suppress(ValueError, RecursionError):
            body = json.loads(self.msg.data or b"{}")
            if isinstance(body, dict):
                known = {k: _plain(str(body[k]), most=64) for k in _LOG_KEYS if body.get(k)}
                structlog.contextvars.bind_contextvars(**known)

    async def consume_scope(self, call_next: Callable[..., Any], msg: StreamMessage[Any]) -> Any:
        """Run the handler under a heartbeat and publish the events it returns."""
        if not is_jetstream(self.msg):
            return await call_next(msg)
        name = f"handle {self.msg.metadata.consumer}"
        with traces.span(name, self.msg.headers):
            async with heartbeat(self.msg, every=self.heartbeat_every):
                said = messages_in(await call_next(msg))
                await Publisher(self.context.get("broker")).publish_all(said)
        for message in said if self.metrics else ():
            self.metrics.problems.count(getattr(message, "problem", None))  # type: ignore[union-attr]
        return None

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        """Settle; an error that is settled goes no further."""
        if not is_jetstream(self.msg):
            return await self._refuse(exc_val)
        broker = self.context.get("broker")
        outcome = await settle(
            self.msg, exc_val, on_dead=lambda why: dead_letter(broker.publish, self.msg, why)
        )
        if self.metrics:
            self.metrics.ended(self.msg.metadata.consumer, outcome)
        return isinstance(exc_val, Exception)

    async def _refuse(self, error: BaseException | None) -> bool:
        """Answer a question whose handler could not: whoever asked shall not wait for nothing."""
        if not isinstance(error, Exception):
            return False
        malformed = isinstance(error, ValidationError | json.JSONDecodeError | UnicodeError | RecursionError)
        if not malformed:
            log.error("question failed", subject=self.msg.subject, exc_info=error)
        if self.msg.reply:
            refusal = (
                QuestionMalformed("the question does not fit", fields=_fields(error))
                if malformed
                else InternalError("the question could not be answered")
            )
            problem = refusal.problem().model_dump(mode="json")
            with suppress(NatsError, ConnectionError):
                await self.msg.respond(json.dumps({"ok": False, "problem": problem}).encode())
        return True


def _fields(error: Exception) -> list[JsonValue]:
    """Return the names of the fields that do not fit, without what was sent."""
    if not isinstance(error, ValidationError):
        return []
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [".".join(str(part)[:80] for part in one["loc"][:12]) for one in found[:20]]
