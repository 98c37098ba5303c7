"""Every route of the gateway in one table: which keys open it, and how much body it accepts.

A route that is not listed here is not served: the gateway refuses to start and says what to add.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from fastapi import FastAPI
from starlette.requests import Request

from services.gateway.auth.identity import Identity
from services.gateway.problems import Refused
from services.gateway.settings import GatewaySettings
from shared.contracts.problems import Category

Scope = Literal["session", "own", "account", "anybody"]
Body = Literal["none", "settings", "configuration", "numbers", "chunk"]

# What a scope means for a key that opens one session only:
#   session   the path or the body names a session; the key opens its own, any other is unknown
#   own       about every session the caller may know: with such a key that one session, nothing else
#   account   about the account: such a key is refused
#   anybody   nothing of anybody's is in the answer


@dataclass(frozen=True)
class JsonLimits:
    """How large a JSON body may be, as a whole and in each of its parts."""

    n_bytes: int
    n_items: int  # of one list or mapping
    n_nodes: int  # values altogether


LIMITS: dict[Body, JsonLimits] = {
    "none": JsonLimits(4 << 10, 100, 100),
    "settings": JsonLimits(64 << 10, 1_000, 5_000),
    "configuration": JsonLimits(256 << 10, 1_000, 20_000),
    "numbers": JsonLimits(512 << 10, 200_000, 200_000),
    "chunk": JsonLimits(1 << 20, 1_000, 5_000),  # of each JSON field beside the bytes
}


@dataclass(frozen=True)
class Access:
    """What one route asks for and takes."""

    scope: Scope
    body: Body = "none"


API = "/api/training"
ROUTES: dict[str, Access] = {
    # sessions
    f"POST {API}/init-session": Access("session", "settings"),
    f"POST {API}/create-database-session": Access("session", "settings"),
    f"GET {API}/get-session-uuid/{{sid}}": Access("session"),
    f"GET {API}/list-sessions": Access("own"),
    f"GET {API}/session/{{sid}}": Access("session"),
    f"GET {API}/session/{{sid}}/database": Access("session"),
    f"GET {API}/session-status/{{sid}}": Access("session"),
    f"POST {API}/finalize-session": Access("session", "settings"),
    f"POST {API}/session-name-change": Access("session", "settings"),
    f"POST {API}/session/{{sid}}/delete": Access("session"),
    f"POST {API}/delete-all-sessions": Access("own"),
    f"POST {API}/cleanup": Access("own"),
    f"GET {API}/sessions": Access("own"),
    f"GET {API}/demo": Access("own"),
    f"GET {API}/workspace/{{sid}}": Access("session"),
    f"GET {API}/draft/{{sid}}": Access("session"),
    f"PUT {API}/draft/{{sid}}": Access("session", "settings"),
    # files and uploads
    f"GET {API}/csv-files/{{sid}}": Access("session"),
    f"POST {API}/csv-files": Access("session", "settings"),
    f"PUT {API}/csv-files/{{file_id}}": Access("session", "settings"),
    f"POST {API}/csv-files/{{file_id}}/answer": Access("session", "settings"),
    f"DELETE {API}/csv-files/{{file_id}}": Access("session"),
    f"POST {API}/csv-files/{{file_id}}/rows": Access("session", "numbers"),
    f"POST {API}/upload-chunk": Access("session", "chunk"),
    f"PUT {API}/upload/{{sid}}/{{file_id}}/{{index}}": Access("session", "chunk"),
    f"POST {API}/instant-upload": Access("session", "chunk"),
    f"GET {API}/upload-status/{{sid}}": Access("session"),
    # data sets
    f"POST {API}/save-zeitschritte": Access("session", "settings"),
    f"GET {API}/get-zeitschritte/{{sid}}": Access("session"),
    f"POST {API}/save-time-info": Access("session", "settings"),
    f"GET {API}/get-time-info/{{sid}}": Access("session"),
    f"POST {API}/generate-datasets/{{sid}}": Access("session", "configuration"),
    f"POST {API}/preview/{{sid}}": Access("session", "configuration"),
    f"GET {API}/datasets/{{sid}}/{{dataset_id}}": Access("session"),
    f"GET {API}/series/{{sid}}/{{series_id}}": Access("session"),
    # runs
    f"GET {API}/history/{{sid}}": Access("session"),
    f"POST {API}/train-models/{{sid}}": Access("session", "configuration"),
    f"POST {API}/run/{{sid}}": Access("session", "configuration"),
    f"POST {API}/cancel/{{sid}}": Access("session", "settings"),
    f"GET {API}/status/{{sid}}": Access("session"),
    f"GET {API}/runs/{{sid}}": Access("session"),
    f"GET {API}/logs/{{sid}}": Access("session"),
    f"POST {API}/backtest/{{sid}}": Access("session", "configuration"),
    f"GET {API}/backtest/{{sid}}": Access("session"),
    # results
    f"GET {API}/results/{{sid}}": Access("session"),
    f"GET {API}/get-training-results/{{sid}}": Access("session"),
    f"GET {API}/results-summary/{{sid}}": Access("session"),
    f"GET {API}/results/{{sid}}/download": Access("session"),
    f"GET {API}/test-forecasts/{{sid}}": Access("session"),
    f"GET {API}/evaluation-tables/{{sid}}": Access("session"),
    f"POST {API}/save-evaluation-tables/{{sid}}": Access("session", "numbers"),
    # pictures and data
    f"GET {API}/visualizations/{{sid}}": Access("session"),
    f"GET {API}/plot/{{sid}}/{{plot_id}}": Access("session"),
    f"GET {API}/plot-variables/{{sid}}": Access("session"),
    f"POST {API}/generate-plot": Access("session", "settings"),
    f"GET {API}/scalers/{{sid}}": Access("session"),
    f"GET {API}/scalers/{{sid}}/download": Access("session"),
    f"POST {API}/scale-data/{{sid}}": Access("session", "numbers"),
    f"GET {API}/download-arrays/{{sid}}": Access("session"),
    # models
    f"GET {API}/list-models-database/{{sid}}": Access("session"),
    f"POST {API}/save-model/{{sid}}": Access("session"),
    f"GET {API}/download-model-h5/{{sid}}": Access("session"),
    f"POST {API}/predict/{{sid}}": Access("session", "numbers"),
    f"GET {API}/feature-importance/{{sid}}": Access("session"),
    f"GET {API}/environment-info": Access("anybody"),
    # forecasts
    f"POST {API}/forecast/{{sid}}": Access("session", "numbers"),
    f"GET {API}/forecast/{{sid}}/template": Access("session"),
    f"GET {API}/forecasts/{{sid}}": Access("session"),
    f"GET {API}/forecasts/{{sid}}/monitoring": Access("session"),
    f"GET {API}/forecasts/{{sid}}/{{forecast_id}}": Access("session"),
    # the registry of models
    f"GET {API}/models/{{sid}}": Access("session"),
    f"POST {API}/models/{{sid}}": Access("session", "settings"),
    f"GET {API}/models/{{sid}}/{{number}}": Access("session"),
    f"GET {API}/models/{{sid}}/{{number}}/manifest": Access("session"),
    f"GET {API}/signing-key": Access("anybody"),
    f"POST {API}/models/{{sid}}/promote": Access("session", "settings"),
    f"PUT {API}/models/{{sid}}/rule": Access("session", "settings"),
    f"DELETE {API}/models/{{sid}}/rule": Access("session"),
    f"POST {API}/models/{{sid}}/rollback": Access("session", "settings"),
    f"POST {API}/models/{{sid}}/retire": Access("session", "settings"),
    # schedules
    f"POST {API}/schedules/{{sid}}": Access("session", "settings"),
    f"GET {API}/schedules/{{sid}}": Access("session"),
    f"PUT {API}/schedules/{{sid}}/{{schedule_id}}": Access("session", "settings"),
    f"DELETE {API}/schedules/{{sid}}/{{schedule_id}}": Access("session"),
    # paths only the earlier frontend knows
    f"GET {API}/progress/{{sid}}": Access("session"),
    f"GET {API}/metrics/{{sid}}": Access("session"),
    f"GET {API}/comprehensive-evaluation/{{sid}}": Access("session"),
    f"GET {API}/pipeline-overview/{{sid}}": Access("session"),
    f"POST {API}/start-complete-pipeline/{{sid}}": Access("session", "configuration"),
    f"GET {API}/forecast-config/{{sid}}": Access("session"),
    f"POST {API}/save-forecast-config/{{sid}}": Access("session", "settings"),
    f"GET {API}/api-parameters": Access("anybody"),
    f"POST {API}/api-keys/{{sid}}": Access("account", "settings"),
    "GET /api/keepalive/{sid}": Access("anybody"),
    "GET /health": Access("anybody"),
    "GET /online": Access("anybody"),
    # keys
    f"POST {API}/api-keys": Access("account", "settings"),
    f"GET {API}/api-keys": Access("account"),
    f"DELETE {API}/api-keys/{{key_id}}": Access("account"),
    # health, description, live
    "GET /healthz": Access("anybody"),
    "GET /readyz": Access("anybody"),
    "GET /metrics": Access("anybody"),
    "GET /openapi.json": Access("anybody"),
    "GET /docs": Access("anybody"),
    "WS /ws/sessions/{sid}": Access("session"),
}


class RouteWithoutAccess(RuntimeError):
    """A route that is not in the table, or an entry without a route."""


class ScopeTooNarrow(Refused):
    """A key for one session was used for something of the whole account."""

    status = 403
    category = Category.AUTH
    code = "SCOPE_TOO_NARROW"
    advice = ("Use an access token, or a key that is not bound to one session.",)


def names_of(routes: Iterable[Any]) -> set[str]:
    """Return every route as the table names it: ``GET /path/{parameter}``, ``WS`` for a WebSocket."""
    found: set[str] = set()
    for route in routes:
        methods: set[str] | None = getattr(route, "methods", None)
        path: str | None = getattr(route, "path", None)
        inner = getattr(route, "effective_route_contexts", None)
        original = getattr(route, "original_route", None)
        if callable(inner):
            found |= names_of(inner())
        elif original is not None and not path:
            found |= names_of([route.starlette_route or original])
        elif path is not None and methods:
            found |= {f"{method} {path}" for method in methods if method not in ("HEAD", "OPTIONS")}
        elif path is not None and path.startswith("/ws"):
            found.add(f"WS {path}")
    return found


def require_access(app: FastAPI) -> None:
    """Raise ``RouteWithoutAccess`` where routes and table disagree."""
    served = names_of(app.routes)
    missing, unused = sorted(served - ROUTES.keys()), sorted(ROUTES.keys() - served)
    if missing:
        raise RouteWithoutAccess(
            f"no access is stated for: {', '.join(missing)}. Add each to ROUTES in "
            'services/gateway/http/access.py, for instance "GET /api/training/thing/{sid}": '
            'Access("session"), with body "settings", "configuration" or "numbers" if it takes JSON.'
        )
    if unused:
        raise RouteWithoutAccess(f"ROUTES in services/gateway/http/access.py names no route: {unused}")


async def within_scope(request: Request) -> None:
    """Refuse a key of one session where a route is about the whole account."""
    who: Identity = request.state.identity
    if who.session_id is not None and access_of(request.method, request.url.path).scope == "account":
        raise ScopeTooNarrow("this key opens one session, and nothing else of the account")


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], Access]]:
    built = []
    for name, access in ROUTES.items():
        method, _, path = name.partition(" ")
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        built.append((method, pattern, access))
    return built


def route_of(method: str, path: str) -> str | None:
    """Return the template of the route that serves a request, or None.

    >>> route_of("GET", "/api/training/status/7")
    '/api/training/status/{sid}'
    """
    for name, (known, pattern, _) in zip(ROUTES, _patterns(), strict=True):
        if known == method and pattern.fullmatch(path):
            return name.partition(" ")[2]
    return None


def access_of(method: str, path: str) -> Access:
    """Return what the route of a request asks for; of a path nobody serves, the least.

    >>> access_of("POST", "/api/training/run/7").body, access_of("GET", "/nowhere").body
    ('configuration', 'none')
    """
    for known, pattern, access in _patterns():
        if known == method and pattern.fullmatch(path):
            return access
    return Access("anybody")


def body_limit(method: str, path: str, settings: GatewaySettings) -> int:
    """Return how many bytes of body a request may have."""
    access = access_of(method, path)
    if access.body == "chunk":
        return settings.gateway_max_file_bytes + settings.gateway_max_body_bytes  # multipart has a frame
    return min(LIMITS[access.body].n_bytes, settings.gateway_max_body_bytes)
