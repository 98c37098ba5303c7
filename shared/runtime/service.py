"""The shell every worker service wears: broker, health port, globals for its handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from faststream import ContextRepo
from faststream.asgi import AsgiFastStream, AsgiResponse
from faststream.asgi import get as route
from faststream.nats import NatsBroker
from prometheus_client import CollectorRegistry

from shared.errors import Unavailable
from shared.messaging.broker import Reactions, make_broker
from shared.runtime.health import Check, json_response, metrics_response, readiness
from shared.settings import CommonSettings


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class ServiceParts:
    """What a service is made of while it lives.

    ``collaborators`` are the handlers' arguments by name, ``checks`` the entries of ``/readyz``;
    ``before_stop`` runs on shutdown while the broker is still connected.
    """

    collaborators: Mapping[str, object]
    checks: Mapping[str, Check]
    before_stop: Callable[[], Awaitable[None]] = _nothing


Lifespan = Callable[[NatsBroker, CollectorRegistry], AbstractAsyncContextManager[ServiceParts]]


def worker_app(
    name: str, settings: CommonSettings, reactions: Reactions | Sequence[Reactions], lifespan: Lifespan
) -> AsgiFastStream:
    """Build a worker service.

    Parameters
    ----------
    lifespan
        Called with the broker, not yet connected, and the metrics registry; yields the service's parts.
    """
    registry = CollectorRegistry()
    broker = make_broker(name, settings, registry=registry)
    for part in (reactions,) if isinstance(reactions, Reactions) else reactions:
        broker.include_router(part.router)
    checks: dict[str, Check] = {}
    before_stop: list[Callable[[], Awaitable[None]]] = []

    async def broker_check() -> None:
        if not await broker.ping(timeout=1.0):
            raise Unavailable("not connected to the message broker")

    @asynccontextmanager
    async def life(context: ContextRepo) -> AsyncIterator[None]:
        async with lifespan(broker, registry) as parts:
            for key, value in parts.collaborators.items():
                context.set_global(key, value)
            checks.update({"broker": broker_check, **parts.checks})
            before_stop.append(parts.before_stop)
            yield

    async def stop() -> None:
        for hook in before_stop:
            await hook()

    @route
    async def healthz(scope: object) -> AsgiResponse:
        return json_response({"status": "alive", "service": name})

    @route
    async def readyz(scope: object) -> AsgiResponse:
        ready, states = await readiness(checks)
        return json_response({"ready": ready and bool(checks), **states}, status=200 if ready else 503)

    @route
    async def metrics(scope: object) -> AsgiResponse:
        return metrics_response(registry)

    return AsgiFastStream(
        broker,
        lifespan=life,
        on_shutdown=[stop],
        logger=None,
        asgi_routes=[("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)],
    )
