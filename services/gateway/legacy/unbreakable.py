"""What a library cannot cope with is the client's mistake, and answered as one."""

from dataclasses import dataclass

import structlog
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import envelope, http_problem

log = structlog.get_logger()


@dataclass(eq=False)
class Unbreakable:
    """Answers 400 where the library stumbles over a packet, or over a session that has ended."""

    _app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except (LookupError, TypeError, ValueError, UnboundLocalError) as error:
            log.info("malformed packet", reason=type(error).__name__)
            if scope["type"] == "http" and not started:
                await JSONResponse(envelope(http_problem(400)), 400)(scope, receive, send)
