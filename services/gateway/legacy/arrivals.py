"""Engine.IO sessions below Socket.IO: how many may be open that have not joined, and how they end."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs

import socketio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.auth.sockets import TooManySockets
from services.gateway.problems import envelope

JOIN_WITHIN_S = 20.0


class Arrivals:
    """Lets in so many sessions that have not joined a namespace; of more, the oldest have to be overdue.

    A session is opened by one request without a credential, and lives as long as its client answers pings.

    Parameters
    ----------
    most
        Tells how many there may be; those of one user who has joined are counted elsewhere.
    """

    def __init__(self, app: ASGIApp, server: socketio.AsyncServer, *, most: Callable[[], int]) -> None:
        self._app, self._server, self._most = app, server, most
        self._since: dict[str, float] = {}
        server.eio.disconnect = self._end  # the library's waits until the client has fetched its farewell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        asked: bytes = scope.get("query_string", b"")
        opens = b"sid=" not in asked or not parse_qs(asked.decode("latin-1")).get("sid", [""])[0]
        if not opens or await self._room():
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4429, "reason": TooManySockets.code})
        else:
            refusal = TooManySockets("too many connections have not joined a namespace yet")
            await JSONResponse(envelope(refusal.problem()), TooManySockets.status)(scope, receive, send)

    async def _room(self) -> bool:
        """Whether one more session may be opened; overdue ones are ended where there is none."""
        if len(self._server.eio.sockets) < self._most():
            return True
        manager, now = self._server.manager, time.monotonic()
        waiting = [
            sid
            for sid, socket in self._server.eio.sockets.items()
            if not socket.closed and manager.sid_from_eio_sid(sid, "/") is None
        ]
        self._since = {sid: self._since.get(sid, now) for sid in waiting}
        if len(waiting) < self._most():
            return True
        overdue = [sid for sid, since in self._since.items() if now - since > JOIN_WITHIN_S]
        for sid in overdue:
            await self._end(sid)
        return bool(overdue)

    async def _end(self, sid: str | None = None) -> None:
        """End a session, or all; nobody waits for the client to fetch what was still to be said."""
        sockets = self._server.eio.sockets
        for one in [sid] if sid is not None else list(sockets):
            socket = sockets.pop(one, None)
            if socket is not None and not socket.closed:
                await socket.close(wait=False, reason=self._server.reason.SERVER_DISCONNECT)
