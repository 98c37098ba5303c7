"""The id of each request: the one a proxy gave it, else a fresh one; in logs, answers and spans."""

import re
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.access import route_of
from shared import traces
from shared.contracts.base import new_id

HEADER = "X-Request-ID"
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")


@dataclass(eq=False)
class RequestMiddleware:
    """Binds the request's id to every log line, gives it back in ``X-Request-ID``, and times the request."""

    _app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _PLAIN.fullmatch(given) else new_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        if not traces.wanted():
            await self._app(scope, receive, with_id)
            return
        method = scope.get("method", "WS")
        route = route_of(method, scope["path"]) or "other"
        with traces.request(f"{method} {route}", request_id=request_id):
            await self._app(scope, receive, with_id)
