"""What the gateway counts: requests by route and status, upload bytes, problems told, live clients."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.access import ROUTES, access_of, route_of
from services.gateway.live.hub import Hub

_CLASSES = ("2xx", "3xx", "4xx", "5xx")
_OTHER = "other"
_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)


class MetricsMiddleware:
    """Counts every request by the template of its route: a path somebody made up counts as ``other``."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "trainyard_gateway_requests",
            "Requests by route and class of status",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "trainyard_gateway_request_seconds",
            "Seconds from request to the end of the answer",
            ["route", "method"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._uploaded = Counter(
            "trainyard_gateway_upload_bytes", "Announced bytes of accepted chunks", registry=registry
        )
        names = [name.split(" ", 1) for name in ROUTES if not name.startswith("WS ")]
        for method, route in [*names, ["GET", _OTHER]]:
            self._seconds.labels(route, method)
            for status in _CLASSES:
                self._requests.labels(route, method, status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 500, time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method, path = scope["method"], scope["path"]
            route = route_of(method, path)
            if route is None:
                method, route = "GET", _OTHER
            self._requests.labels(route, method, f"{status // 100}xx").inc()
            self._seconds.labels(route, method).observe(time.monotonic() - begun)
            if status < 300 and access_of(method, path).body == "chunk":
                length = Headers(scope=scope).get("content-length", "")
                self._uploaded.inc(int(length) if length.isdecimal() else 0)


class LiveCollector(Collector):
    """The live clients of a hub, and how many fell so far behind that they were closed."""

    def __init__(self, hub: Callable[[], Hub | None]) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this moment; zeros before the gateway is connected."""
        hub = self._hub()
        clients, overflows, dropped = (len(hub), hub.n_overflows, hub.n_dropped) if hub else (0, 0, 0)
        yield GaugeMetricFamily("trainyard_gateway_live_clients", "Open live subscriptions", value=clients)
        yield CounterMetricFamily(
            "trainyard_gateway_live_overflows", "Clients closed because they fell behind", value=overflows
        )
        yield CounterMetricFamily(
            "trainyard_gateway_live_dropped_events", "Events such clients were not told", value=dropped
        )
