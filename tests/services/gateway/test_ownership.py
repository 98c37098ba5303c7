"""Every route of Anna's things, tried by Bert and by nobody: generated from the routes there are."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.http.access import ROUTES
from services.gateway.settings import GatewaySettings
from shared.contracts.base import derive, utc_now
from shared.contracts.kinds import LinearSpec
from shared.storage.rows import ApiKeyRow, PlotRow, RunRow, SessionRow
from tests.services.gateway.house import House, open_house, ready_file

SID = "a" * 32
FILE = derive("file", SID, "input", "a.csv", "0")
RUN, PLOT = "b" * 32, "c" * 32
IDS = {
    "sid": SID,
    "dataset_id": "d" * 32,
    "series_id": "e" * 32,
    "file_id": FILE,
    "index": "0",
    "plot_id": PLOT,
    "key_id": "all.k1",
    "forecast_id": "7" * 32,
}
IN_BODY: dict[str, Any] = {
    "/finalize-session": {"sessionId": SID},
    "/session-name-change": {"sessionId": SID, "sessionName": "mine now"},
    "/init-session": {"sessionId": SID},
    "/create-database-session": {"sessionId": SID},
    "/save-zeitschritte": {"sessionId": SID, "zeitschritte": {}},
    "/save-time-info": {"sessionId": SID, "timeInfo": {}},
    "/csv-files": {"sessionId": SID, "fileName": "b.csv", "type": "input"},
    "/csv-files/{file_id}": {"bezeichnung": "mine now"},
    "/generate-plot": {"sessionId": SID},
    "/train-models/{sid}": {"modelConfigurations": [{"MODE": "LIN"}]},
    "/run/{sid}": {"modelConfigurations": [{"MODE": "LIN"}]},
    "/backtest/{sid}": {"n_folds": 2},
    "/save-evaluation-tables/{sid}": {"df_eval": {}, "df_eval_ts": {}},
    "/predict/{sid}": {"input_data": []},
    "/scale-data/{sid}": {"data": {}},
    "/forecast/{sid}": {},
    "/csv-files/{file_id}/answer": {"options": {}},
    "/csv-files/{file_id}/rows": {"csv": "time,A\n2026-01-01,1\n"},
    "/api-keys": {"sessionId": SID},
}
NOBODYS = {("GET", "/api-keys"), ("GET", "/api/keepalive/{sid}")}
OPENING = ("/init-session", "/create-database-session", "/csv-files", "/finalize-session")
UPLOADS = {"/upload-chunk": "chunk", "/instant-upload": "file"}


def requests(house: House) -> list[httpx.Request]:
    """Return a request for every route, about Anna's things."""
    built = []
    for method, path in operations(house):
        short = path.removeprefix("/api/training")
        names_nothing = ROUTES[f"{method} {path}"].scope in ("own", "anybody")
        if names_nothing or (method, short) in NOBODYS:
            continue
        url = "http://127.0.0.1" + re.sub(r"\{(\w+)\}", lambda m: IDS.get(m[1], "d" * 32), path)
        options: dict[str, Any] = {}
        if short in UPLOADS:
            options["data"] = {
                "sessionId": SID, "fileName": "a.csv", "chunkIndex": "0", "totalChunks": "1",
                "fileType": "input",
            }  # fmt: skip
            if short == "/instant-upload":
                options["data"] = {"sessionId": SID}
            options["files"] = {UPLOADS[short]: ("a.csv", b"x")}
        elif method in ("POST", "PUT") and short in IN_BODY:
            options["json"] = IN_BODY[short]
        built.append(httpx.Request(method, url, **options))
    return built


def operations(house: House) -> list[tuple[str, str]]:
    """Return every method and path, as OpenAPI lists them."""
    return [
        (method.upper(), path)
        for path, methods in house.app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/api/")
    ]


@pytest.fixture
async def annas(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway with a session of Anna's that has everything."""
    async with open_house(tmp_path, users=True, gateway_requests_per_minute=10_000) as house:
        key = ApiKeyRow(id="all.k1", owner="anna", key_sha256="0" * 64)
        run = RunRow(
            id=RUN, owner="anna", session_id=SID, dataset_id="d" * 32, models=(LinearSpec(),),
            status="completed", finished_at=utc_now(),
        )  # fmt: skip
        plot = PlotRow(
            id=PLOT, owner="anna", session_id=SID, run_id=RUN, name="p", kind="forecast",
            object_key=f"sessions/{SID}/p.png",
        )  # fmt: skip
        await house.records.insert([SessionRow(id=SID, owner="anna"), key, run, plot])
        await ready_file(house, SID, "input", "a.csv", "A")
        await ready_file(house, SID, "output", "a.csv", "A")
        yield house


async def everything(house: House) -> list[Any]:
    from shared.storage.rows import TABLES

    skip = {"idempotency"}
    return [
        await house.records.select(table, {"owner": "anna"}, order="id")
        for table in TABLES
        if table.table not in skip
    ]


async def test_somebody_elses_things_answer_like_unknown_ones_on_every_route(annas: House) -> None:
    before = await everything(annas)

    asked = [r for r in requests(annas) if not _opens(r)]
    async with annas.client(token="user-bert") as http:
        answers = [(r, await http.send(_with(r, "user-bert"))) for r in asked]

    assert len(answers) > 40
    wrong = {
        (r.method, r.url.path): (a.status_code, a.text[:120]) for r, a in answers if a.status_code != 404
    }
    assert wrong == {}
    for _, answer in answers:
        assert answer.json()["success"] is False
        assert "anna" not in answer.text
    assert await everything(annas) == before


async def test_whoever_opens_a_session_under_somebody_elses_id_gets_one_of_his_own(annas: House) -> None:
    before = await everything(annas)

    async with annas.client(token="user-bert") as http:
        answers = [(r, await http.send(_with(r, "user-bert"))) for r in requests(annas) if _opens(r)]

    assert len(answers) >= 5
    assert {r.url.path: a.text for r, a in answers if a.status_code >= 300} == {}
    assert not any("anna" in answer.text for _, answer in answers)
    assert await everything(annas) == before


def _opens(request: httpx.Request) -> bool:
    """Whether a route opens the session it is told of, where there is none."""
    path = request.url.path.removeprefix("/api/training")
    return request.method == "POST" and path in (*UPLOADS, *OPENING)


async def test_nobody_gets_in_on_any_route(annas: House) -> None:
    async with annas.client() as http:
        answers = [await http.send(r) for r in requests(annas)]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(401, "MISSING_AUTHORIZATION")}
    assert all(a.headers["www-authenticate"] == "Bearer" for a in answers)


async def test_the_owner_gets_an_answer_on_every_route(annas: House) -> None:
    async with annas.client() as http:
        answers = [(r, await http.send(_with(r, "user-anna"))) for r in requests(annas) if r.method == "GET"]

    codes = {(r.url.path, a.json()["code"]) for r, a in answers if a.status_code in (401, 403, 500)}
    missing = {a.json()["code"] for _, a in answers if a.status_code == 404}
    assert codes == set()
    assert missing <= {
        "NOT_AVAILABLE",
        "NO_REPORT",
        "NOT_CONFIGURED",
        "VISUALIZATION_NOT_FOUND",
    }  # no model of this run finished


async def test_a_list_shows_its_callers_sessions_only(annas: House) -> None:
    async with annas.client(token="user-bert") as http:
        listed = (await http.get("/api/training/list-sessions")).json()

    assert (listed["sessions"], listed["total_count"]) == ([], 0)


async def test_a_key_for_one_session_opens_that_one(annas: House) -> None:
    other = "e" * 32
    await annas.records.insert([SessionRow(id=other, owner="anna")])
    async with annas.client(token="user-anna") as http:
        made = (await http.post("/api/training/api-keys", json={"sessionId": SID})).json()

    async with annas.client(token=made["key"]) as http:
        own = await http.get(f"/api/training/session/{SID}")
        foreign = await http.get(f"/api/training/session/{other}")
        listed = (await http.get("/api/training/list-sessions")).json()
        more_keys = await http.post("/api/training/api-keys", json={})

    assert own.status_code == 200
    assert (foreign.status_code, more_keys.status_code) == (404, 403)
    assert listed["total_count"] == 1


async def test_a_key_is_kept_as_a_hash_and_ends_when_revoked_or_expired(annas: House) -> None:
    async with annas.client(token="user-anna") as http:
        made = (await http.post("/api/training/api-keys", json={"name": "ci"})).json()
        dead = (await http.post("/api/training/api-keys", json={"expiresAt": "2020-01-01T00:00:00Z"})).json()
        listed = (await http.get("/api/training/api-keys")).text
        before = await _code(annas, made["key"])
        await http.delete(f"/api/training/api-keys/{made['data']['id']}")

    assert made["key"] not in listed
    assert (before, await _code(annas, made["key"])) == (None, "INVALID_TOKEN")
    assert await _code(annas, dead["key"]) == "EXPIRED_TOKEN"
    assert await _code(annas, "ty_made_up") == "INVALID_TOKEN"


async def test_more_than_its_share_of_a_minute_is_refused_until_the_next(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, users=True, gateway_requests_per_minute=5) as house,
        house.client(token="user-anna") as http,
        house.client(token="user-bert") as other,
    ):
        answers = [await http.get("/api/training/environment-info") for _ in range(7)]
        others = await other.get("/api/training/environment-info")

    assert [a.status_code for a in answers] == [200] * 5 + [429] * 2 or answers[0].status_code == 200
    refused = [a for a in answers if a.status_code == 429]
    assert refused[0].json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    assert answers[0].headers["x-ratelimit-remaining"] == "4"
    assert others.status_code == 200


def test_a_gateway_without_identities_refuses_to_be_reached_from_elsewhere(tmp_path: Path) -> None:
    from starlette.datastructures import Headers

    from services.gateway.http.middleware import WrongHost, check_host
    from services.gateway.settings import NotLoopback

    with pytest.raises(NotLoopback):
        GatewaySettings(host="0.0.0.0", data_dir=tmp_path).require_safe_address()
    GatewaySettings(host="0.0.0.0", gateway_jwt_secret="s" * 40).require_safe_address()
    in_a_container = GatewaySettings(host="0.0.0.0", gateway_published_on_loopback=True, data_dir=tmp_path)
    in_a_container.require_safe_address()
    with pytest.raises(WrongHost):  # a name that leads here from elsewhere is still refused
        check_host(Headers({"host": "gateway:8000"}), in_a_container)
    check_host(Headers({"host": "localhost:8000"}), in_a_container)


def _with(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


async def _code(house: House, key: str) -> str | None:
    async with house.client(token=key) as http:
        code: str | None = (await http.get("/api/training/list-sessions")).json().get("code")
    return code
