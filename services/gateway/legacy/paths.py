"""Addresses of the earlier frontend that are others here: rewritten before anything looks at them."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.http.access import API

_WITHOUT_PREFIX = frozenset({"/upload-chunk", "/create-database-session"})
_WHOLE_FILE = f"{API}/csv-files"  # as a form it is one small file in one request
ONLINE = "/online"


@dataclass(eq=False)
class EarlierPaths:
    """Gives a request of the earlier frontend the path it has here; gate and limits follow that one."""

    _app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            path = earlier_path(scope["method"], scope["path"], Headers(scope=scope))
            if path != scope["path"]:
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


def earlier_path(method: str, path: str, headers: Headers) -> str:
    """Return the path of a request here.

    >>> earlier_path("POST", "/upload-chunk", Headers({}))
    '/api/training/upload-chunk'
    >>> earlier_path("GET", "/", Headers({"accept": "text/html"}))
    '/'
    """
    if method == "POST" and path in _WITHOUT_PREFIX:
        return f"{API}{path}"
    if (
        method == "POST"
        and path == _WHOLE_FILE
        and headers.get("content-type", "").startswith("multipart/form-data")
    ):
        return f"{API}/instant-upload"
    if method == "GET" and path == "/" and headers.get("accept", "").startswith("application/json"):
        return ONLINE
    return path
