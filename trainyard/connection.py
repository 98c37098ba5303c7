"""How the SDK talks to a gateway: requests, refusals, and the events as they happen."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import websockets

from shared.contracts.problems import Problem
from shared.errors import TrainyardError
from trainyard.responses import Live

_BASE = "/api/training"
_FINAL_CLOSES = (4401, 4404)  # not signed in, not yours


class ApiError(TrainyardError):
    """The gateway said no; ``answer`` is its problem, ``status`` the HTTP status."""

    code = "API_ERROR"

    def __init__(self, answer: Problem, status: int) -> None:
        super().__init__(answer.message, suggestions=answer.suggestions, **answer.details)
        self.answer, self.status = answer, status

    def problem(self) -> Problem:
        """Return the problem as the gateway put it."""
        return self.answer


class Connection:
    """A connection to one gateway.

    Parameters
    ----------
    url
        The gateway's address, such as ``http://127.0.0.1:8000``.
    token
        A Supabase access token or an API key; none for a local single-user platform.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A gateway that is starting again refuses connections for a moment.
        patient = httpx.AsyncHTTPTransport(retries=6)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=self._headers, timeout=timeout, transport=patient
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def events(self, session_id: str, *, after: int = 0) -> AsyncIterator[Live]:
        """Yield the session's events as they happen, starting with those stored after ``after``.

        A lost connection is opened again where it broke off: no event is missed or repeated.
        """
        scheme, place, *_ = urlsplit(self.url)
        secure = "wss" if scheme == "https" else "ws"
        while True:
            address = urlunsplit((secure, place, f"/ws/sessions/{session_id}", f"after={after}", ""))
            try:
                async with websockets.connect(address, additional_headers=self._headers) as socket:
                    async for message in socket:
                        event = Live.model_validate_json(message)
                        after = max(after, event.seq or 0)
                        yield event
            except websockets.ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code in _FINAL_CLOSES:
                    raise
            except (websockets.InvalidMessage, OSError):
                pass  # the gateway is starting again
            await asyncio.sleep(0.3)

    @asynccontextmanager
    async def _stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        async with self._http.stream("GET", _BASE + path, params=params) as answer:
            if answer.status_code >= 400:
                await answer.aread()
                raise _refusal(answer)
            yield answer

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await self._http.request(method, _BASE + path, **options)
        while answer.status_code == 429:
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            answer = await self._http.request(method, _BASE + path, **options)
        if answer.status_code >= 400:
            raise _refusal(answer)
        body = answer.json()
        if not isinstance(body, dict):
            raise ApiError(Problem(code="BAD_ANSWER", message="the gateway answered no object"), 502)
        return body


def _refusal(answer: httpx.Response) -> ApiError:
    try:
        body = answer.json()
        problem = Problem(
            code=body["code"],
            message=body["error"],
            category=body["category"],
            severity=body["severity"],
            suggestions=tuple(body.get("suggestions", ())),
            details=body.get("details") or {},
        )
    except (ValueError, KeyError, TypeError):
        problem = Problem(code=f"HTTP_{answer.status_code}", message=answer.reason_phrase)
    return ApiError(problem, answer.status_code)
