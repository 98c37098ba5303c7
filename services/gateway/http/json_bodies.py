"""JSON as it comes in: measured and parsed before anything is validated, large texts off the event loop.

Validation may cost far more than the text it is about, so what is out of proportion never reaches it.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from services.gateway.http.access import LIMITS, JsonLimits, access_of
from services.gateway.problems import NotJson, TooLarge

_OFF_LOOP = 32 << 10  # bytes; what is shorter takes less time than the way to a thread
_MAX_DEPTH = 32
_MAX_KEY = 1_024
_LARGEST_INT = 2**63
_PARSED = "json"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyTooComplex(TooLarge):
    """JSON with longer lists, larger mappings or more values than the route accepts."""

    code = "BODY_TOO_COMPLEX"
    advice = ("Send what is meant in several requests; GET /docs shows what each accepts.",)


def parse_json(text: bytes | str, limits: JsonLimits, *, field: str = "body") -> Any:
    """Return JSON as a value that every later step can carry.

    Raises
    ------
    NotJson
        For what is no JSON by the standard (NaN, Infinity, lone surrogates, bytes that are no UTF-8), and
        for numbers and characters that no store and no array can hold.
    BodyTooComplex
        If a list, a mapping, a name or the whole has more parts than accepted.
    """
    if len(text) > limits.n_bytes:
        raise BodyTooComplex(f"{field} has more than {limits.n_bytes:,} bytes", limit_bytes=limits.n_bytes)
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise NotJson(f"{field} is not JSON: {str(error)[:120]}") from None
    _measure(value, limits, field)
    return value


def _measure(value: Any, limits: JsonLimits, field: str) -> None:
    """Walk through a parsed value, level by level."""
    level: list[Any] = [value]
    n_nodes = 1
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                _check_size(one, limits, field)
                for name in one:
                    _check_text(name, field)
                    if len(name) > _MAX_KEY:
                        raise BodyTooComplex(f"{field} has a name of {len(name):,} characters")
                below.extend(one.values())
            elif isinstance(one, list):
                _check_size(one, limits, field)
                below.extend(one)
            elif isinstance(one, str):
                _check_text(one, field)
            elif isinstance(one, float) and not math.isfinite(one):
                raise NotJson(f"{field} has a number too large for a float")
            elif isinstance(one, int) and not -_LARGEST_INT <= one < _LARGEST_INT:
                raise NotJson(f"{field} has a whole number of more than 64 bits: write it like 1e20")
        if not below:
            return
        n_nodes += len(below)
        if n_nodes > limits.n_nodes:
            raise BodyTooComplex(f"{field} has more than {limits.n_nodes:,} values", limit=limits.n_nodes)
        level = below
    raise BodyTooComplex(f"{field} is nested more than {_MAX_DEPTH} deep", limit=_MAX_DEPTH)


def _check_size(value: dict[str, Any] | list[Any], limits: JsonLimits, field: str) -> None:
    if len(value) > limits.n_items:
        kind = "list" if isinstance(value, list) else "mapping"
        raise BodyTooComplex(
            f"{field} has a {kind} of {len(value):,} entries; accepted are {limits.n_items:,}",
            limit=limits.n_items,
        )


def _check_text(text: str, field: str) -> None:
    if "\x00" in text:
        raise NotJson(f"{field} has a character of code 0")


def carries_json(headers: Headers) -> bool:
    """Tell whether a request says, or leaves open, that its body is JSON."""
    media, _, _ = headers.get("content-type", "application/json").partition(";")
    kind = media.strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def read_json(scope: Scope, receive: Receive) -> Receive:
    """Read and check a JSON body; return a ``receive`` that gives it once more.

    The value is kept in the scope, so that the route need not parse it again.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return _repeating(message, receive)
        body += message.get("body", b"")
        more = message.get("more_body", False)
    text = bytes(body)
    if text:
        limits = LIMITS[access_of(scope["method"], scope["path"]).body]
        if len(text) > _OFF_LOOP:
            value = await asyncio.to_thread(parse_json, text, limits)
        else:
            value = parse_json(text, limits)
        scope.setdefault("state", {})[_PARSED] = value
    return _repeating({"type": "http.request", "body": text, "more_body": False}, receive)


def _repeating(first: Message, receive: Receive) -> Receive:
    pending: list[Message] = [first]

    async def repeating() -> Message:
        return pending.pop() if pending else await receive()

    return repeating


class JsonRoute(APIRoute):
    """A route that validates the value the gate has parsed."""

    def get_route_handler(self) -> Handler:
        """Return the handler, wrapped."""
        handler = super().get_route_handler()

        async def with_parsed_body(request: Request) -> Response:
            state = request.scope.get("state", {})
            if _PARSED in state:
                request._json = state[_PARSED]
            return await handler(request)

        return with_parsed_body
