"""The broker connection of a service: for ever reconnecting, settling, counting."""

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsRouter, PullSub
from faststream.nats.prometheus.provider import NatsMetricsSettingsProvider
from faststream.nats.security import NatsSecurity, NatsToken
from faststream.prometheus.middleware import PrometheusMiddleware
from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from shared.contracts.base import Event, Message
from shared.errors import TrainyardError, Unavailable
from shared.messaging.delivery import Settle
from shared.messaging.metrics import DeliveryMetrics
from shared.messaging.streams import REACTIONS
from shared.settings import CommonSettings

_ID = re.compile(r"^[0-9a-f]{32}$|^-$|^\d+$")
_STREAM = {name: JStream(name, declare=False) for name in ("EVT", "DLQ")}

log = structlog.get_logger()
Json = dict[str, JsonValue]
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
Asked = TypeVar("Asked", bound=Callable[..., Awaitable[Json]])


def masked(subject: str) -> str:
    """Return the subject with its ids replaced, fit for a metric label.

    >>> masked("evt.0123456789abcdef0123456789abcdef.-.dataset.0123456789abcdef0123456789abcdef.ready")
    'evt.*.*.dataset.*.ready'
    """
    return ".".join("*" if _ID.match(token) else token for token in subject.split("."))


class MaskedSubjects(NatsMetricsSettingsProvider):
    """Metric labels without ids."""

    def get_consume_attrs_from_message(self, msg: Any) -> Any:
        """Mask the subject of a consumed message."""
        attrs = super().get_consume_attrs_from_message(msg)
        attrs["destination_name"] = masked(attrs["destination_name"])
        return attrs

    def get_publish_destination_name_from_cmd(self, cmd: Any) -> str:
        """Mask the subject of a published message."""
        return masked(super().get_publish_destination_name_from_cmd(cmd))


def security_of(settings: CommonSettings) -> NatsSecurity | None:
    """Return the credentials the settings name."""
    if settings.nats_token:
        return NatsToken(settings.nats_token.get_secret_value())
    if settings.nats_user and settings.nats_password:
        from faststream.security import SASLPlaintext

        return SASLPlaintext(settings.nats_user, settings.nats_password.get_secret_value())  # type: ignore[return-value]  # accepted by NatsBroker, not a NatsSecurity
    return None


def make_broker(
    service: str,
    settings: CommonSettings,
    *,
    registry: CollectorRegistry,
    deliveries: DeliveryMetrics | None = None,
) -> NatsBroker:
    """Build the broker of one service; nothing connects before it is started."""
    counting = deliveries or DeliveryMetrics(service, registry)

    class SettleInTime(Settle):
        heartbeat_every = settings.ack_wait.total_seconds() / 3
        metrics = counting

    async def on_error(error: Exception) -> None:
        log.warning("broker error", reason=f"{type(error).__name__}: {error}")

    received: PrometheusMiddleware[Any, Any] = PrometheusMiddleware(
        settings_provider_factory=lambda _: MaskedSubjects(),
        registry=registry,
        app_name=service,
        metrics_prefix="trainyard",
    )
    return NatsBroker(
        settings.nats_url.split(","),
        name=service,
        security=security_of(settings),
        max_reconnect_attempts=-1,  # the default gives up after two minutes and leaves the service deaf
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=20,
        graceful_timeout=settings.drain.total_seconds(),
        inbox_prefix=f"_INBOX.{service}",
        error_cb=on_error,
        middlewares=[SettleInTime, received],
        logger=None,
    )


def answering(handler: Callable[..., Awaitable[Json]]) -> Callable[..., Awaitable[Json]]:
    """Wrap a handler so that its result, or the problem it raises, becomes the answer."""

    @functools.wraps(handler)
    async def answer(*args: Any, **kwargs: Any) -> Json:
        try:
            return {"ok": True, "result": await handler(*args, **kwargs)}
        except TrainyardError as error:
            return {"ok": False, "problem": error.problem().model_dump(mode="json")}

    return answer


@dataclass(eq=False)
class Reactions:
    """The reactions of one service: which handler answers which event, through which durable."""

    router: NatsRouter = field(default_factory=NatsRouter)

    def on(self, event: type[Event], *, durable: str, at_once: int = 1) -> Callable[[Handler], Handler]:
        """Register a handler for an event; the durable must be one that provisioning creates.

        With ``at_once`` so many of them are in hand together.
        """
        if (durable, event) not in REACTIONS:
            raise LookupError(f"{durable} for {event.__name__} is not in shared.messaging.streams.REACTIONS")
        return self.on_subject(event.pattern(), stream="EVT", durable=durable, at_once=at_once)

    def on_signal(self, message: type[Message]) -> Callable[[Handler], Handler]:
        """Register a handler of a message that is not kept: every replica hears it, or misses it."""

        def decorate(handler: Handler) -> Handler:
            self.router.subscriber(message.pattern(), no_reply=True, title=message.type)(handler)
            return handler

        return decorate

    def on_question(self, question: str) -> Callable[[Asked], Asked]:
        """Register who answers ``ask.<question>``: one replica of the service does, or nobody in time.

        The handler takes and returns JSON values; an error it raises on purpose is the answer, too.
        """
        service = question.split(".")[0]

        def decorate(handler: Asked) -> Asked:
            self.router.subscriber(f"ask.{question}", queue=f"answers-{service}", title=question)(
                answering(handler)
            )
            return handler

        return decorate

    def on_subject(
        self, subject: str, *, stream: Literal["EVT", "DLQ"], durable: str, at_once: int = 1
    ) -> Callable[[Handler], Handler]:
        """Register a handler of whatever a stream keeps on some subjects, undecoded."""

        def decorate(handler: Handler) -> Handler:
            self.router.subscriber(
                subject,
                stream=_STREAM[stream],
                durable=durable,
                pull_sub=PullSub(batch_size=1, timeout=5),
                inbox_prefix=f"_INBOX.{durable.split('-')[0]}.".encode(),  # the service's user hears no other
                ack_policy=AckPolicy.MANUAL,
                no_reply=True,
                max_workers=at_once,
                title=durable,
            )(handler)
            return handler

        return decorate


async def check_connection(broker: NatsBroker) -> None:
    """Raise ``Unavailable`` while the broker is not connected."""
    if not await broker.ping(timeout=1.0):
        raise Unavailable("not connected to the message broker")


async def connected(broker: NatsBroker) -> None:
    """Wait until the broker is connected for the first time, however long that takes."""
    while not await broker.ping(timeout=1.0):  # noqa: ASYNC110 - the broker offers no event to wait for
        await asyncio.sleep(0.05)
