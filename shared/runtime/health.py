"""Liveness, readiness and metrics of a process, on a port that is never public."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.errors import Unavailable

Check = Callable[[], Awaitable[None]]
_PATIENCE = 2.0  # seconds a check may take; kubelet and Prometheus wait longer

Answer = tuple[int, str, bytes]
Scope = MutableMapping[str, Any]


async def readiness(
    checks: Mapping[str, Check], *, patience: float = _PATIENCE
) -> tuple[bool, dict[str, str]]:
    """Run every check at once; return whether all passed, and ``ok`` or the reason for each by name.

    Without any check the process has not started yet, and is not ready.
    """

    async def state(check: Check) -> str:
        try:
            async with asyncio.timeout(patience):
                await check()
        except (Unavailable, ConnectionError, TimeoutError, OSError) as error:
            return error.message if isinstance(error, Unavailable) else type(error).__name__
        return "ok"

    states = await asyncio.gather(*map(state, checks.values()))
    named = dict(zip(checks, states, strict=True))
    return bool(named) and all(state == "ok" for state in states), named


class Health:
    """The answers of the health port, as an ASGI app: ``/healthz``, ``/readyz`` and ``/metrics``.

    ``checks`` may be filled later; until then the process lives and is not ready. It answers whatever name it
    is called by: a kubelet and Prometheus come with the address of a pod.
    """

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self.checks: dict[str, Check] = {}
        self._service, self._registry = service, registry
        self._ready = Gauge(
            "trainyard_ready", "1 while this part answers, when last asked", ["check"], registry=registry
        )

    async def ready(self) -> tuple[bool, dict[str, str]]:
        """Ask every part; the gauge follows."""
        ready, states = await readiness(self.checks)
        for name, state in states.items():
            self._ready.labels(name).set(state == "ok")
        return ready, states

    async def healthz(self) -> Answer:
        """Tell that the process lives."""
        return _json(200, {"status": "alive", "service": self._service})

    async def readyz(self) -> Answer:
        """Tell whether broker and stores answer."""
        ready, states = await self.ready()
        return _json(200 if ready else 503, {"ready": ready, **states})

    async def metrics(self) -> Answer:
        """Return the registry in Prometheus' text format, the readiness as it is now."""
        await self.ready()
        return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        answers = {"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics}
        answer = answers.get(scope["path"])
        if scope["type"] != "http":
            return
        status, kind, body = await answer() if answer else _json(404, {"paths": sorted(answers)})
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _json(status: int, body: object) -> Answer:
    return status, "application/json", json.dumps(body).encode()
