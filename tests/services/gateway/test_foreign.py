"""Bert at everything of Anna's: attempts generated from the routes and live events there are.

Every attempt is made twice, once on something of Anna's and once on something that never was. Both have to be
answered alike, nothing of Anna's may show, and nothing of hers may change.
"""

import asyncio
import json
import random
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from services.gateway.http.access import ROUTES
from shared.contracts.base import derive, new_id, utc_now
from shared.contracts.kinds import LinearSpec
from shared.storage.rows import (
    TABLES,
    ApiKeyRow,
    DatasetRow,
    JobRow,
    PlotRow,
    ResultRow,
    RunRow,
    SessionRow,
)
from tests.services.gateway.house import House, open_house, ready_file
from tests.support.fuzz import slice_and_all
from tests.support.runs import SPEC

SECRET = "Zwiebelturm"  # in every name of Anna's: it may show in no answer
ANNAS = {
    "sid": "a" * 32, "file_id": derive("file", "a" * 32, "input", f"{SECRET}.csv", "0"), "run_id": "b" * 32,
    "plot_id": "c" * 32, "dataset_id": "d" * 32, "job_id": "e" * 32, "series_id": "", "forecast_id": "7" * 32,
    "key_id": "all.k1", "index": "0",
}  # fmt: skip
NOBODYS = {name: derive("nobody", name) for name in ANNAS} | {"key_id": "all.k2", "index": "0"}
_IDS = {
    "sid": "sid", "session": "sid", "sessionid": "sid", "uploadid": "sid", "fileid": "file_id",
    "runid": "run_id", "plotid": "plot_id", "datasetid": "dataset_id", "jobid": "job_id", "modelid": "job_id",
    "seriesid": "series_id", "forecastid": "forecast_id", "keyid": "key_id",
}  # fmt: skip
FORMS = (str, lambda text: str(uuid.UUID(text)), str.upper, lambda text: f"{{{uuid.UUID(text)}}}")
WORDS = ("load", "input", "output", "LIN", "rmse", "UTC", "2026-01-01T00:00:00Z", "{}", "a.csv", "1")
UPGRADE = {"upgrade": "websocket", "connection": "Upgrade"}
_HEX = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


@asynccontextmanager
async def annas_house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway in which Anna has something of everything, and Bert two keys."""
    async with open_house(tmp_path, users=True, gateway_requests_per_minute=10_000_000) as house:
        own: dict[str, Any] = {"owner": "anna", "session_id": ANNAS["sid"]}
        run = {"run_id": ANNAS["run_id"], "label": SECRET, "kind": "lin"}
        key = f"sessions/{ANNAS['sid']}/{SECRET}.png"
        await house.records.insert([SessionRow(id=ANNAS["sid"], owner="anna", name=SECRET)])
        files = await ready_file(house, ANNAS["sid"], "input", f"{SECRET}.csv", SECRET)
        ANNAS["series_id"] = files[0].id
        rows = [
            ApiKeyRow(id=ANNAS["key_id"], owner="anna", name=SECRET, key_sha256="0" * 64),
            DatasetRow(id=ANNAS["dataset_id"], name=SECRET, spec=SPEC, status="ready", **own),
            RunRow(
                id=ANNAS["run_id"], dataset_id=ANNAS["dataset_id"], models=(LinearSpec(),),
                status="completed", finished_at=utc_now(), **own,
            ),
            JobRow(
                id=ANNAS["job_id"], dataset_id=ANNAS["dataset_id"], position=0, spec=LinearSpec(),
                status="finished", **run, **own,
            ),
            ResultRow(id=ANNAS["job_id"], scores={}, **run, **own),
            PlotRow(
                id=ANNAS["plot_id"], run_id=ANNAS["run_id"], name=SECRET, kind="forecast", object_key=key,
                **own,
            ),
        ]  # fmt: skip
        for row in rows:
            await house.records.insert([row])
        await house.gateway.service_storage.objects.put(key, SECRET.encode())
        yield house


async def annas_things(house: House) -> list[Any]:
    """Return everything of Anna's: rows and bytes."""
    rows = [await house.records.select(table, {"owner": "anna"}, order="id") for table in TABLES]
    assert sum(map(len, rows)) >= 8
    stored = await house.gateway.service_storage.objects.get(f"sessions/{ANNAS['sid']}/{SECRET}.png")
    return [*rows, stored]


class Attempts:
    """Draws attempts; the same draw can be told of Anna's things or of nobody's."""

    def __init__(self, house: House, seed: int) -> None:
        self._description = house.app.openapi()
        self._rng = random.Random(seed)
        self.operations = [
            (method.upper(), path, operation)
            for path, methods in self._description["paths"].items()
            for method, operation in methods.items()
            if ROUTES[f"{method.upper()} {path}"].scope not in ("own", "anybody")
        ]

    def draw(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return one attempt on something of Anna's, and the same on nobody's."""
        method, path, operation = self.operations[number % len(self.operations)]
        seed = self._rng.randrange(2**63)
        first, second = (
            self._request(random.Random(seed), method, path, operation, ids) for ids in (ANNAS, NOBODYS)
        )
        return first, second

    def _request(
        self, rng: random.Random, method: str, path: str, operation: Mapping[str, Any], ids: Mapping[str, str]
    ) -> dict[str, Any]:
        url = re.sub(r"\{(\w+)\}", lambda m: self._id(rng, m[1], ids), path)
        asked: dict[str, Any] = {"method": method, "url": url, "params": {}}
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and rng.random() < 0.5:
                value = self._value(rng, parameter["name"], parameter.get("schema", {}), ids, 0)
                if isinstance(value, str | int | float | bool):
                    asked["params"][parameter["name"]] = value
        contents = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in contents:
            body = self._value(rng, "", contents["multipart/form-data"]["schema"], ids, 0)
            asked["data"] = {k: str(v) for k, v in body.items() if k not in ("file", "chunk")}
            asked["files"] = {name: ("a.csv", b"time,x\n") for name in body if name in ("file", "chunk")}
        elif "application/json" in contents:
            asked["json"] = self._value(rng, "", contents["application/json"]["schema"], ids, 0)
        elif method in ("PUT", "POST") and rng.random() < 0.5:
            asked["content"] = b"time,x\n"
        return asked

    def _id(self, rng: random.Random, name: str, ids: Mapping[str, str]) -> str:
        known = ids.get(_IDS.get(name.replace("_", "").lower(), name), "0")
        return rng.choice(FORMS)(known) if len(known) == 32 and rng.random() < 0.4 else known

    def _value(
        self, rng: random.Random, name: str, schema: Mapping[str, Any], ids: Mapping[str, str], depth: int
    ) -> Any:
        while "$ref" in schema:
            schema = self._description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if name.replace("_", "").lower() in _IDS:
            return self._id(rng, name, ids)
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices:
            return self._value(rng, name, rng.choice(choices), ids, depth)
        if "enum" in schema or "const" in schema:
            return rng.choice(schema.get("enum") or [schema["const"]])
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            needed = set(schema.get("required", ()))
            named = {
                key: self._value(rng, key, inner, ids, depth + 1)
                for key, inner in schema.get("properties", {}).items()
                if key in needed or (depth < 3 and rng.random() < 0.4)
            }
            for spelling in ("sessionId", "session_id"):  # a field only some readers know
                if depth == 0 and rng.random() < 0.2:
                    named[spelling] = self._id(rng, spelling, ids)
            return named
        if kind == "array":
            return [
                self._value(rng, name, schema.get("items", {}), ids, depth + 1)
                for _ in range(rng.randint(0, 2))
            ]
        if kind in ("integer", "number"):
            return rng.choice((0, 1, 2, 24))
        if kind == "boolean":
            return rng.random() < 0.5
        return None if kind == "null" else rng.choice(WORDS)


def told(answer: httpx.Response) -> tuple[Any, ...]:
    """Return what an answer tells, without the ids in it."""
    try:
        body = answer.json()
    except ValueError:
        return (answer.status_code, answer.headers.get("content-type"), len(answer.content) > 0)
    keys = sorted(body) if isinstance(body, dict) else type(body).__name__
    code = body.get("code") if isinstance(body, dict) else None
    error = _HEX.sub("<id>", str(body.get("error", ""))) if isinstance(body, dict) else ""
    return (answer.status_code, code, error, tuple(keys))


@slice_and_all(400)
async def test_no_request_of_bert_reads_changes_or_finds_anything_of_annas(
    tmp_path: Path, attempts: int
) -> None:
    rng = random.Random(31)
    async with annas_house(tmp_path) as house:
        drawn = Attempts(house, 32)
        tokens = ["user-bert", *[await _key(house, session) for session in (False, True)]]
        before = await annas_things(house)
        reached: set[tuple[str, str]] = set()
        differing = []
        async with house.client() as http:
            for number in range(attempts):
                headers = {"Authorization": f"Bearer {rng.choice(tokens)}"}
                pair = [await http.request(**asked, headers=headers) for asked in drawn.draw(number)]
                reached.add(drawn.operations[number % len(drawn.operations)][:2])
                assert all(answer.status_code < 500 or answer.status_code == 503 for answer in pair), pair[
                    0
                ].text
                assert not any(SECRET in answer.text for answer in pair), pair[0].request.url
                if told(pair[0]) != told(pair[1]):
                    differing.append((str(pair[0].request.url), told(pair[0]), told(pair[1])))

        assert differing[:3] == []
        assert await annas_things(house) == before
        assert len(reached) == min(attempts, len(drawn.operations))


async def _key(house: House, of_one_session: bool) -> str:
    async with house.client(token="user-bert") as http:
        session = {}
        if of_one_session:
            made = (await http.post("/api/training/init-session", json={})).json()
            session = {"sessionId": made["data"]["uuid"]}
        answer = await http.post("/api/training/api-keys", json=session)
    return str(answer.json()["key"])


async def talk(house: House, path: str, said: list[str], headers: Mapping[str, str], until: str) -> list[str]:
    """Speak over a WebSocket; return what was heard, up to a text that begins with ``until`` or the end."""
    said_by_client: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said_by_client.put_nowait({"type": "websocket.connect"})
    for text in said:
        said_by_client.put_nowait({"type": "websocket.receive", "text": text})
    heard: list[str] = []
    over = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "websocket.close":
            heard.append(f"close {message.get('code')} {message.get('reason')}")
            over.set()
        elif message["type"] == "websocket.send":
            heard.append(message.get("text") or "")
            if heard[-1].startswith(until):
                over.set()

    bare, _, query = path.partition("?")
    scope = {
        "type": "websocket", "path": bare, "raw_path": bare.encode(), "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1"), *((k.encode(), v.encode()) for k, v in headers.items())],
        "scheme": "ws", "root_path": "", "http_version": "1.1", "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "server": ("127.0.0.1", 80), "asgi": {"version": "3.0"}, "state": {}, "extensions": {},
    }  # fmt: skip
    task = asyncio.create_task(house.app(scope, said_by_client.get, send))
    try:
        await asyncio.wait_for(over.wait(), 10)
    finally:
        said_by_client.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait({task}, timeout=5)
        task.cancel()
    return heard


@slice_and_all(60)
async def test_no_websocket_of_bert_hears_of_annas_session(tmp_path: Path, attempts: int) -> None:
    rng = random.Random(33)
    async with annas_house(tmp_path) as house:
        tokens = ["user-bert", await _key(house, False), await _key(house, True)]
        before = await annas_things(house)
        for _ in range(attempts):
            token, after = rng.choice(tokens), rng.choice(("", "?after=0", "?after=999999"))
            seed = rng.randrange(2**63)
            heard = []
            for ids in (ANNAS, NOBODYS):
                form = random.Random(seed).choice(FORMS)
                said, headers = [], {"authorization": f"Bearer {token}"}
                if seed % 2:
                    said, headers = [json.dumps({"token": token})], {}
                heard.append(
                    await talk(house, f"/ws/sessions/{form(ids['sid'])}{after}", said, headers, "never")
                )

            assert heard[0] == heard[1]
            assert heard[0][-1].startswith("close 44")
        assert await annas_things(house) == before


@slice_and_all(60)
async def test_no_socketio_event_of_bert_touches_annas_session(tmp_path: Path, attempts: int) -> None:
    rng = random.Random(34)
    async with annas_house(tmp_path) as house:
        before = await annas_things(house)
        events = sorted(set(house.app.state.rooms.server.handlers["/"]) - {"connect", "disconnect"})
        assert len(events) >= 10
        for number in range(attempts):
            event, spelling = (
                events[number % len(events)],
                rng.choice(("session_id", "sessionId", "uploadId")),
            )
            plain, form = rng.random() < 0.2, rng.choice(FORMS)
            heard = []
            for ids in (ANNAS, NOBODYS):
                sid = form(ids["sid"])
                data = sid if plain else {spelling: sid, "run_id": ids["run_id"], "job_id": ids["job_id"]}
                said = ['40{"token":"user-bert"}', f"427{json.dumps([event, data])}"]
                texts = await talk(house, "/socket.io/?EIO=4&transport=websocket", said, UPGRADE, "437")
                assert not any(SECRET in text for text in texts), texts
                heard.append([_HEX.sub("<id>", text) for text in texts if text.startswith("437")])

            assert heard[0] == heard[1] != [], (event, texts)
            assert '"success":false' in heard[0][0], (event, heard[0])
        assert await annas_things(house) == before


def test_ids_of_nobody_are_in_no_row() -> None:
    assert not set(NOBODYS.values()) & {v for k, v in ANNAS.items() if k != "index"}
    assert new_id() not in ANNAS.values()
