"""The shell every worker service wears: broker, health port, globals for its handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from faststream import ContextRepo
from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker
from prometheus_client import CollectorRegistry

from shared.messaging.broker import Reactions, check_connection, make_broker
from shared.messaging.metrics import DeliveryMetrics
from shared.runtime.health import Check, Health
from shared.runtime.system_metrics import service_registry
from shared.settings import CommonSettings


@dataclass(frozen=True)
class ServiceParts:
    """What a service is made of while it lives.

    ``collaborators`` are the handlers' arguments by name, ``checks`` the entries of ``/readyz``;
    ``before_stop`` runs on shutdown while the broker is still connected.
    """

    collaborators: Mapping[str, object]
    checks: Mapping[str, Check]
    before_stop: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True)
class Instruments:
    """What a service counts with."""

    registry: CollectorRegistry
    deliveries: DeliveryMetrics


Lifespan = Callable[[NatsBroker, Instruments], AbstractAsyncContextManager[ServiceParts]]


def worker_app(
    name: str, settings: CommonSettings, reactions: Reactions | Sequence[Reactions], lifespan: Lifespan
) -> AsgiFastStream:
    """Build a worker service.

    Parameters
    ----------
    lifespan
        Called with the broker, not yet connected, and what the service counts with; yields its parts.
    """
    registry = service_registry(name)
    health = Health(name, registry)
    deliveries = DeliveryMetrics(name, registry)
    broker = make_broker(name, settings, registry=registry, deliveries=deliveries)
    for part in [reactions] if isinstance(reactions, Reactions) else reactions:
        broker.include_router(part.router)
    before_stop: list[Callable[[], Awaitable[None]]] = []

    @asynccontextmanager
    async def life(context: ContextRepo) -> AsyncIterator[None]:
        async with lifespan(broker, Instruments(registry, deliveries)) as parts:
            for key, value in parts.collaborators.items():
                context.set_global(key, value)
            health.checks.update({"broker": partial(check_connection, broker), **parts.checks})
            if parts.before_stop is not None:
                before_stop.append(parts.before_stop)
            yield

    async def stop() -> None:
        for hook in before_stop:
            await hook()

    return AsgiFastStream(
        broker,
        lifespan=life,
        on_shutdown=[stop],
        logger=None,
        asgi_routes=[(path, health) for path in ("/healthz", "/readyz", "/metrics")],
    )
