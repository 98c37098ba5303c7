"""Answers a browser reads are compressed; downloads, uploads and pictures are not."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_LEVEL = 5
_AS_IT_IS = (
    "/download",
    "/plot/",
    "/upload",
    "/instant-upload",
    "/healthz",
    "/readyz",
    "/metrics",
    "/socket.io",
)


class CompressionMiddleware:
    """Gzip for JSON, scripts and styles of at least 1 kB, where the client takes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=1_000, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = scope.get("path", "")
        as_it_is = any(part in path for part in _AS_IT_IS) or path.endswith((".png", ".woff2", ".zip", ".h5"))
        plain = scope["type"] != "http" or scope["method"] != "GET" or as_it_is
        await (self._app if plain else self._compressed)(scope, receive, send)
