"""The gate before every route: who asks, from which page, how much, and what happens when we fail.

Plain ASGI: a middleware built on ``BaseHTTPMiddleware`` costs a third of the upload speed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.auth.identity import Identity, bearer
from services.gateway.context import Gateway
from services.gateway.http.access import access_of, body_limit
from services.gateway.http.json_bodies import carries_json, read_json
from services.gateway.http.rate_limits import Quota
from services.gateway.problems import Pace, Refused, Stalled, TooLarge, envelope, http_problem, status_of
from services.gateway.settings import GatewaySettings, is_loopback
from shared.contracts.problems import Category
from shared.errors import TrainyardError

API = "/api/"
_UPLOADS = ("/api/training/upload-chunk", "/api/training/upload/", "/api/training/instant-upload")
_UNTOLD = 4 << 20  # what a chunk without an announced length counts
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Charge = Callable[[], Awaitable[None]]
log = structlog.get_logger()


class WrongOrigin(Refused):
    """A web page that is not on the list."""

    status = 403
    category = Category.AUTH
    code = "ORIGIN_NOT_ALLOWED"
    advice = ("Add the page's exact origin to TRAINYARD_GATEWAY_ORIGINS.",)


class WrongHost(Refused):
    """A name this gateway is not reached by (a rebound DNS name, for instance)."""

    status = 403
    category = Category.AUTH
    code = "HOST_NOT_ALLOWED"
    advice = ("Add the name to TRAINYARD_GATEWAY_HOSTS.",)


class BodyTooLarge(TooLarge):
    """A request body past its limit."""

    code = "BODY_TOO_LARGE"


SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(eq=False)
class SecurityMiddleware:
    """Security headers on every answer, and an answer in our envelope whatever happens inside."""

    _app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(API):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:  # the last resort: nobody outside sees a stack trace
            log.exception("request failed", path=scope["path"], reason=type(error).__name__)
            if started:
                raise
            await JSONResponse(envelope(http_problem(500)), 500)(scope, receive, with_headers)


@dataclass(eq=False)
class AdmissionMiddleware:
    """Identifies, limits and measures requests to the API before a byte of their body is read."""

    _app: ASGIApp
    settings: GatewaySettings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        quota: Quota | None = None
        try:
            check_host(headers, self.settings)
            check_origin(scope, headers, self.settings)
            if scope["type"] == "http" and scope["path"].startswith(API):
                quota = await self._admit(scope, headers)
        except TrainyardError as error:
            await refuse(scope, receive, send, error)
            return
        if quota is not None:
            send = _with_headers(send, quota.headers())
        if scope["type"] == "http":
            limit = body_limit(scope["method"], scope["path"], self.settings)
            receive = _measured(receive, limit, self.settings, self._charge(scope, headers))
            try:
                receive = await self._checked(scope, headers, receive)
            except TrainyardError as error:
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    def _charge(self, scope: Scope, headers: Headers) -> Charge | None:
        """Return what takes the bytes of a body without an announced length from its sender's share."""
        untold = content_length(headers) is None and "identity" in scope.get("state", {})
        if not untold or self.settings.single_user or not scope["path"].startswith(_UPLOADS):
            return None
        gateway: Gateway = scope["app"].state.gateway
        who: Identity = scope["state"]["identity"]

        async def charge() -> None:
            quota = await gateway.admission.limiter.spend(who.user_id, "bytes", _UNTOLD)
            if quota.exceeded:
                raise quota.error()

        return charge

    async def _checked(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Check a JSON body before any route sees it; files go by as they are."""
        method, path = scope["method"], scope["path"]
        plain = not path.startswith(API) or method not in _CHANGING
        if plain or access_of(method, path).body == "chunk" or not carries_json(headers):
            return receive
        return await read_json(scope, receive)

    async def _admit(self, scope: Scope, headers: Headers) -> Quota | None:
        """Identify, and take from the caller's share; a single user has the machine to himself."""
        app: FastAPI = scope["app"]
        gateway: Gateway = app.state.gateway
        # Who asks; refused tokens are counted by the address they come from.
        credential, address = bearer(headers), str((scope.get("client") or ("unknown",))[0])
        if not self.settings.single_user:
            gateway.admission.failed_tokens.check(address, credential)
        try:
            who = await gateway.admission.verifier.identify(credential)
        except Refused:
            if credential is not None:
                gateway.admission.failed_tokens.failed(address)
            raise
        gateway.admission.failed_tokens.accepted(credential)
        scope.setdefault("state", {})["identity"] = who
        limit = body_limit(scope["method"], scope["path"], self.settings)
        length = content_length(headers)
        if length is not None and length > limit:
            raise BodyTooLarge(f"the request body is larger than {limit:,} bytes", limit_bytes=limit)
        if self.settings.single_user:
            return None
        if access_of(scope["method"], scope["path"]).body == "chunk":
            quota = await gateway.admission.limiter.spend(who.user_id, "chunks")
            if not quota.exceeded:
                quota = await gateway.admission.limiter.spend(who.user_id, "bytes", length or _UNTOLD)
        else:
            quota = await gateway.admission.limiter.spend(who.user_id, "requests")
        if quota.exceeded:
            raise quota.error()
        return quota


def content_length(headers: Headers) -> int | None:
    """Return the announced length of the body; None where there is none, or no number."""
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def _with_headers(send: Send, extra: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(extra)
        await send(message)

    return sending


def check_host(headers: Headers, settings: GatewaySettings) -> None:
    """Refuse names this gateway is not reached by; without identities only loopback names pass."""
    host = (
        headers.get("host", "").rsplit(":", 1)[0] if headers.get("host", "")[-1:] != "]" else headers["host"]
    )
    name = host.strip("[]").lower()
    if settings.gateway_hosts:
        allowed = name in settings.gateway_hosts
    else:
        allowed = not settings.single_user or is_loopback(name)
    if not allowed:
        raise WrongHost(f"this gateway is not reached as {name[:80]!r}")


def check_origin(scope: Scope, headers: Headers, settings: GatewaySettings) -> None:
    """Refuse pages that are not on the list, wherever a browser would let them act.

    A simple POST needs no preflight, and a WebSocket never has one: both are refused here.
    """
    origin, host = headers.get("origin"), headers.get("host", "")
    acts = scope["type"] == "websocket" or scope["method"] in _CHANGING
    allowed = (f"http://{host}", f"https://{host}", *settings.gateway_origins)
    if origin is not None and acts and origin not in allowed:
        raise WrongOrigin(f"pages of {origin[:80]!r} may not call this gateway")


def _measured(
    receive: Receive, limit: int, settings: GatewaySettings, charge: Charge | None = None
) -> Receive:
    """Return a ``receive`` that counts the body and does not wait for ever for its next piece."""
    seen, charged = 0, _UNTOLD
    complete = False
    patience = settings.gateway_body_stall.total_seconds()
    pace: Pace | None = None

    async def measured() -> Message:
        nonlocal seen, complete, charged, pace
        if complete:
            return await receive()
        pace = pace or Pace(patience)  # from the first question on: an answer may be long in the making
        try:
            async with asyncio.timeout(patience):  # wait_for would make a task for each 64 kB of a chunk
                message = await receive()
        except TimeoutError:
            raise Stalled(f"no byte of the request body came for {patience:g} s") from None
        seen += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if not complete:
            pace.check(seen)
        while charge is not None and seen > charged:
            charged += _UNTOLD
            await charge()
        if seen > limit:
            raise BodyTooLarge(f"the request body is larger than {limit:,} bytes", limit_bytes=limit)
        return message

    return measured


async def refuse(scope: Scope, receive: Receive, send: Send, error: TrainyardError) -> None:
    """Answer a connection with a problem, and count it."""
    scope["app"].state.deliveries.problems.count(error.problem())
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": error.code})
        return
    await problem_response(error)(scope, receive, send)


def problem_response(error: TrainyardError) -> JSONResponse:
    """Return the answer of a problem, with the headers its status asks for."""
    status = status_of(error)
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = "2"
    beside: dict[str, JsonValue] = getattr(error, "beside", {})
    return JSONResponse(beside | envelope(error.problem()), status, headers)
