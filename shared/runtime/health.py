"""Liveness, readiness and metrics of a process."""

import json
from collections.abc import Awaitable, Callable, Mapping

from faststream.asgi import AsgiResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.errors import Unavailable

Check = Callable[[], Awaitable[None]]


async def readiness(checks: Mapping[str, Check]) -> tuple[bool, dict[str, str]]:
    """Run every check; return whether all passed, and ``ok`` or the reason for each by name."""
    states: dict[str, str] = {}
    for name, check in checks.items():
        try:
            await check()
            states[name] = "ok"
        except (Unavailable, ConnectionError, TimeoutError, OSError) as error:
            states[name] = error.message if isinstance(error, Unavailable) else type(error).__name__
    return all(state == "ok" for state in states.values()), states


def json_response(body: object, *, status: int = 200) -> AsgiResponse:
    """Return a JSON answer of the health port."""
    return AsgiResponse(json.dumps(body).encode(), status, {"Content-Type": "application/json"})


def metrics_response(registry: CollectorRegistry) -> AsgiResponse:
    """Return the registry in Prometheus' text format."""
    return AsgiResponse(generate_latest(registry), 200, {"Content-Type": CONTENT_TYPE_LATEST})
