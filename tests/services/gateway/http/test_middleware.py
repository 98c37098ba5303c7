"""What every answer has, whoever asks and whatever happens inside."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from services.gateway.http.middleware import SECURITY_HEADERS
from tests.services.gateway.house import BASE, House, open_house

PAGE = "https://app.example"


@pytest.fixture
async def listed(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway that knows one page of another origin."""
    async with open_house(tmp_path, gateway_origins=(PAGE,)) as house:
        yield house


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/nothing", f"{BASE}/session/7", f"{BASE}/status/x"])
async def test_security_headers_are_on_every_answer(house: House, path: str) -> None:
    async with house.client() as http:
        answer = await http.get(path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/training/nothing", 404, "NOT_FOUND"),
        ("DELETE", f"{BASE}/init-session", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"{BASE}/session/7%208", 400, "BAD_UUID"),
        ("GET", f"{BASE}/session/{'0' * 32}", 404, "SESSION_NOT_FOUND"),
        ("GET", f"{BASE}/list-sessions?limit=0", 422, "VALIDATION_FAILED"),
    ],
)
async def test_every_refusal_has_the_one_envelope(
    house: House, method: str, path: str, status: int, code: str
) -> None:
    async with house.client() as http:
        answer = await http.request(method, path)

    body = answer.json()
    assert (answer.status_code, body["code"], body["success"], body["data"]) == (status, code, False, None)
    assert {"error", "category", "severity", "suggestions"} <= set(body)


@pytest.mark.parametrize("body", [b"{", b"[[[" * 100_000, b'{"sessionName": NaN}', b"\xff", b""])
async def test_a_body_that_is_no_json_is_told_so(house: House, body: bytes) -> None:
    async with house.client() as http:
        headers = {"content-type": "application/json"}
        answer = await http.post(f"{BASE}/init-session", content=body, headers=headers)

    assert answer.status_code in (400, 413, 422)
    assert answer.json()["success"] is False


async def test_what_breaks_inside_stays_inside(house: House) -> None:
    await house.gateway.service_storage.close()  # the ledger is gone: nothing any route expects

    async with house.client() as http:
        answer = await http.get(f"{BASE}/list-sessions")

    assert answer.status_code in (500, 503)
    assert answer.json()["success"] is False
    assert not {"Traceback", "sqlite", str(Path(__file__).parents[3])} & set(answer.text.split())


async def test_only_listed_pages_of_other_origins_may_act(listed: House) -> None:
    async with listed.client() as http:
        answers = {
            origin: await http.post(f"{BASE}/init-session", json={}, headers={"origin": origin})
            for origin in (PAGE, "http://127.0.0.1", "https://evil.example", "null")
        }
        asked = await http.options(
            f"{BASE}/init-session",
            headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
        )

    assert {origin: a.status_code for origin, a in answers.items()} == {
        PAGE: 201, "http://127.0.0.1": 201, "https://evil.example": 403, "null": 403,
    }  # fmt: skip
    assert answers[PAGE].headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in asked.headers


async def test_without_identities_only_loopback_names_lead_here(house: House) -> None:
    async with house.client(host="rebound.example") as http:
        answer = await http.get(f"{BASE}/list-sessions")

    assert (answer.status_code, answer.json()["code"]) == (403, "HOST_NOT_ALLOWED")


async def test_a_body_that_stops_coming_is_given_up(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_body_stall=0.2) as house:
        answer = await stalled(house.app)

    assert answer == 408


async def test_an_answer_that_is_long_in_the_making_is_no_stalled_body(tmp_path: Path) -> None:
    """A streamed answer first asks for the (empty) body when it begins, long after the request came."""
    async with open_house(tmp_path, gateway_body_stall=0.1) as house, house.client() as http:

        @house.app.get("/slow")
        async def slow() -> StreamingResponse:
            await asyncio.sleep(0.3)
            return StreamingResponse(iter([b"all of it"]))

        house.app.router.routes.insert(0, house.app.router.routes.pop())
        answer = await http.get("/slow")

    assert (answer.status_code, answer.content) == (200, b"all of it")


async def stalled(app: FastAPI) -> int:
    """Send half a body and then nothing; return the status that comes."""
    said: asyncio.Queue[int] = asyncio.Queue()
    pieces = iter([{"type": "http.request", "body": b'{"sessionName":', "more_body": True}])

    async def receive() -> dict[str, object]:
        piece = next(pieces, None)
        if piece is None:
            await asyncio.sleep(60)
        return piece or {}

    async def send(message: dict[str, int]) -> None:
        if message["type"] == "http.response.start":  # type: ignore[comparison-overlap]  # the type is a text
            said.put_nowait(message["status"])

    scope = {
        "type": "http", "method": "POST", "path": f"{BASE}/init-session", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")], "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        "raw_path": b"",
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]  # plain ASGI
    return said.get_nowait()


async def test_health_names_what_is_away(house: House) -> None:
    async def away() -> None:
        raise ConnectionError

    house.app.state.health.checks["broker"] = away
    async with house.client() as http:
        alive, ready, metrics = [await http.get(path) for path in ("/healthz", "/readyz", "/metrics")]

    assert (alive.status_code, ready.status_code, metrics.status_code) == (200, 503, 404)
    assert ready.json() == {"ready": False, "storage": "ok", "broker": "ConnectionError"}
