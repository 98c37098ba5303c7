"""Wiring of the gateway: settings in, one ASGI app out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from http import HTTPStatus

import httpx
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.gateway.auth import routes as keys
from services.gateway.auth.api_keys import KeyVerifier
from services.gateway.auth.identity import EverybodyIsLocal, Verifier
from services.gateway.auth.sockets import SocketCounts
from services.gateway.auth.tokens import KeySet, TokenVerifier
from services.gateway.context import Admission, Gateway, LiveChannel
from services.gateway.datasets import routes as datasets
from services.gateway.forecasts import routes as forecasts
from services.gateway.http import health
from services.gateway.http.access import require_access, within_scope
from services.gateway.http.compression import CompressionMiddleware
from services.gateway.http.direct_body import DirectProtocol
from services.gateway.http.json_bodies import carries_json
from services.gateway.http.local_metrics import LocalMetrics
from services.gateway.http.metrics import LiveCollector, MetricsMiddleware
from services.gateway.http.middleware import API, AdmissionMiddleware, SecurityMiddleware, problem_response
from services.gateway.http.openapi import describe
from services.gateway.http.rate_limits import FailedTokens, Limiter, StreamCounters
from services.gateway.http.requests import HEADER as REQUEST_ID
from services.gateway.http.requests import RequestMiddleware
from services.gateway.legacy import routes as legacy
from services.gateway.legacy.paths import EarlierPaths
from services.gateway.legacy.socketio import add_socketio
from services.gateway.live.feed import Feed
from services.gateway.live.history import StreamHistory
from services.gateway.live.hub import Hub
from services.gateway.models import environment
from services.gateway.models import routes as models
from services.gateway.plans.quotas import EverythingAllowed, TablePlans
from services.gateway.problems import (
    NotJson,
    ValidationFailed,
    WrongContentType,
    envelope,
    fields_of,
    http_problem,
    sentence,
)
from services.gateway.registry import manifest_routes
from services.gateway.registry import routes as registry_routes
from services.gateway.results import data_routes as data
from services.gateway.results import plot_routes as plots
from services.gateway.results import routes as results
from services.gateway.runs import backtest_routes as backtests
from services.gateway.runs import routes as runs
from services.gateway.runs.progress import MonotoneProgress
from services.gateway.schedules import routes as schedules
from services.gateway.schedules.runner import ScheduleRunner
from services.gateway.schedules.webhooks import WebhookSender
from services.gateway.sessions import routes as sessions
from services.gateway.sessions import websocket
from services.gateway.sessions.cleanup import JobQueue, sweep_for_ever
from services.gateway.settings import GatewaySettings
from services.gateway.uploads import file_routes as files
from services.gateway.uploads import routes as uploads
from services.gateway.uploads import row_routes
from services.gateway.web.page import add_page
from services.gateway.web.routers import PAGE_ROUTERS
from services.gateway.workers import NatsWorkers
from shared.cancellation import end
from shared.errors import TrainyardError
from shared.messaging.broker import check_connection, make_broker
from shared.messaging.metrics import DeliveryMetrics
from shared.messaging.publish import Publisher
from shared.runtime.health import Health
from shared.runtime.serve import serve
from shared.runtime.system_metrics import service_registry
from shared.storage.connect import Storage, open_storage

BASE = f"{API}training"
EXPOSED = (
    "Content-Disposition", "ETag", "Retry-After", "X-Content-SHA256", "X-Library-Versions",
    "X-Model-Env-Keras", "X-Model-Env-Numpy", "X-Model-Env-Python", "X-Model-Env-TensorFlow",
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", REQUEST_ID,
)  # fmt: skip


def create_app(settings: GatewaySettings) -> FastAPI:
    """Build the gateway; it connects when it starts."""
    registry = service_registry("gateway")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.gateway = await connect(app, settings, registry, stack)
            stack.push_async_callback(app.state.rooms.close)
            yield

    app = bare_app(settings, registry)
    app.router.lifespan_context = lifespan
    return app


def bare_app(settings: GatewaySettings, registry: CollectorRegistry) -> FastAPI:
    """Build routes, gate and envelope without a connection to anything."""
    app = FastAPI(
        title="Trainyard",
        docs_url=None,  # our own page: the usual one loads its scripts from elsewhere
        redoc_url=None,
        version="1",
        description="Train time-series forecasting models: upload, configure, run, watch, compare.",
    )
    app.state.registry = registry
    app.state.health = Health("gateway", registry)
    app.state.local_metrics = LocalMetrics(registry, settings)
    app.state.monotone_progress = MonotoneProgress()
    parts = (
        sessions, files, row_routes, uploads, datasets, runs, results, backtests, models, environment,
        forecasts, registry_routes, manifest_routes, schedules, plots, data, keys,
    )  # fmt: skip
    everything = (legacy.forms, *(part.router for part in parts), legacy.router, legacy.secret, *PAGE_ROUTERS)
    for router in everything:
        app.include_router(router, prefix=BASE, dependencies=[Depends(within_scope)])
    app.include_router(legacy.outside)
    app.include_router(health.router)
    app.include_router(websocket.router)
    app.state.rooms = add_socketio(app)
    add_page(app, settings)
    require_access(app)
    app.state.deliveries = DeliveryMetrics("gateway", registry)
    _add_gate(app, settings, registry)
    registry.register(
        LiveCollector(lambda: app.state.gateway.live.hub if hasattr(app.state, "gateway") else None)
    )
    _add_problem_handlers(app)
    describe(app)
    return app


async def connect(
    app: FastAPI, settings: GatewaySettings, registry: CollectorRegistry, stack: AsyncExitStack
) -> Gateway:
    """Open stores, broker and feed; they close in reverse order."""
    storage = await open_storage(settings)
    stack.push_async_callback(storage.close)
    broker = make_broker("gateway", settings, registry=registry, deliveries=app.state.deliveries)
    await broker.start()
    stack.push_async_callback(broker.stop)
    client = broker.config.broker_config.connection_state.connection
    hub = Hub(limit=settings.gateway_client_queue)
    history = StreamHistory(client)
    feed = Feed(client, hub, history)
    await feed.start()
    stack.push_async_callback(feed.stop)

    app.state.health.checks |= {"broker": partial(check_connection, broker), "storage": storage.ping}
    http = await stack.enter_async_context(httpx.AsyncClient(timeout=5.0))
    gateway = Gateway(
        settings=settings,
        storage=storage,
        service_storage=storage,
        admission=_admission(settings, storage, client, http),
        queue=JobQueue(client.jetstream(timeout=5)),
        workers=NatsWorkers(client, timeout_s=settings.gateway_ask_timeout.total_seconds()),
        post=Publisher(broker),
        live=LiveChannel(
            hub,
            history,
            SocketCounts(
                per_user=settings.gateway_sockets_per_user, anonymous=settings.gateway_anonymous_sockets
            ),
        ),
        plans=TablePlans(storage) if settings.gateway_plans else EverythingAllowed(),
    )
    # A client of its own: no address of ours, no cookie, no proxy of the machine meets a receiver.
    outward = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
    sender = WebhookSender(outward, allow_private=settings.gateway_webhooks_private)
    runner = ScheduleRunner(gateway, sender, every=settings.gateway_schedules_every)
    for work in (sweep_for_ever(storage, settings), runner.run()):
        stack.push_async_callback(_end, asyncio.create_task(work))
    return gateway


def _admission(
    settings: GatewaySettings, storage: Storage, client: Client, http: httpx.AsyncClient
) -> Admission:
    """Return who may come in, and how often; the counters are those of all gateways."""
    limiter = Limiter(
        StreamCounters(client),
        requests=settings.gateway_requests_per_minute,
        chunks=settings.gateway_chunks_per_minute,
        upload_bytes=settings.gateway_upload_bytes_per_minute,
    )
    failed = FailedTokens(per_minute=settings.gateway_failed_tokens_per_minute)
    # On a single user's machine nobody is told apart; else the identity provider's tokens do.
    keys = KeySet(settings.jwks_url, http) if settings.jwks_url else None
    tokens: Verifier = EverybodyIsLocal() if settings.single_user else TokenVerifier(settings, keys)
    return Admission(KeyVerifier(storage.records, tokens), limiter, failed)


async def _end(task: asyncio.Task[None]) -> None:
    await end(task)
    if not task.cancelled():
        task.result()


def _add_gate(app: FastAPI, settings: GatewaySettings, registry: CollectorRegistry) -> None:
    """Wrap the routes; the last one added is the outermost."""
    app.add_middleware(AdmissionMiddleware, settings=settings)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.gateway_origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Chunk-SHA256"],
        expose_headers=list(EXPOSED),
    )
    app.add_middleware(SecurityMiddleware)
    app.add_middleware(MetricsMiddleware, registry=registry)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(EarlierPaths)
    app.add_middleware(RequestMiddleware)


def _add_problem_handlers(app: FastAPI) -> None:
    """Turn whatever a route raises into the one envelope, and count it."""

    @app.exception_handler(TrainyardError)
    async def told(request: Request, error: TrainyardError) -> JSONResponse:
        app.state.deliveries.problems.count(error.problem())
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        if any(e["type"] == "json_invalid" for e in error.errors()):
            return await told(request, NotJson("the request body is not JSON"))
        if not carries_json(request.headers) and any(tuple(e["loc"]) == ("body",) for e in error.errors()):
            said = request.headers.get("content-type", "")[:80]
            return await told(
                request, WrongContentType(f"the body came as {said!r}; application/json is needed")
            )
        fields = fields_of(error.errors())
        return await told(request, ValidationFailed(sentence(fields), fields=fields))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, TrainyardError):
            return await told(request, error.__cause__)
        status = HTTPStatus(error.status_code)
        return JSONResponse(envelope(http_problem(status)), status, error.headers)


def main() -> None:
    """Run the gateway as a process."""
    settings = GatewaySettings()
    settings.require_safe_address()
    app = create_app(settings)
    serve(
        "gateway",
        settings,
        app,
        health=app.state.health,
        loop="auto",
        http=DirectProtocol,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=64 << 10,  # clients have next to nothing to say
    )


if __name__ == "__main__":
    main()
