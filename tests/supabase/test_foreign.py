"""Bob at everything of Alice's, past the gateway: attempts drawn from what the project says of itself.

No answer shows anything of hers, and nothing of hers changes. A new table, view or function is tried without
being listed here.
"""

import json
import random
from contextlib import suppress
from typing import Any

import httpx

from shared.storage.columns import columns
from shared.storage.connect import Storage
from shared.storage.rows import TABLES
from shared.storage.supabase import open_http
from tests.supabase.conftest import User
from tests.supabase.test_isolation import _FIELDS, _row
from tests.support.fuzz import slice_and_all
from tests.support.supabase import PUBLISHABLE_KEY, SERVICE_JWT, LocalSupabase, mint

SECRET = "Zwiebelturm"  # in whatever of Alice's is text: it may show in no answer
BUCKET = "trainyard"
_SAID = (
    "name", "label", "message", "holder", "payload", "reason", "route", "file_name", "content", "metadata",
)  # fmt: skip
_OPERATORS = (
    "eq.{}", "neq.x", "like.*", "ilike.*", "not.is.null", "in.({},x)", "gte.", "is.null", "fts.Zwiebel",
)  # fmt: skip
_PREFER = (
    "return=representation", "return=minimal", "resolution=merge-duplicates,return=representation",
    "resolution=ignore-duplicates,return=representation", "count=exact", "count=planned", "missing=default",
    "tx=commit,return=representation", "params=single-object", "handling=lenient",
)  # fmt: skip


async def furnish(service: Storage, supabase: LocalSupabase, alice: User) -> dict[str, list[str]]:
    """Give Alice a row in every table and objects of every kind; return what names them."""
    ids: dict[str, list[str]] = {"id": [], "key": []}
    for kind in TABLES:
        if kind not in _FIELDS:
            continue
        row = _row(kind, alice.id, alice.session)
        told = {
            name: SECRET if column.type == "text" else {"said": SECRET}
            for name, column in columns(kind).items()
            if name in _SAID and column.type in ("text", "json")
        }
        row = row.model_copy(update=told)
        await service.records.insert([row])
        ids["id"].append(row.id)
    for part in ("files/f/chunks/000000", "runs/r/model", "datasets/d/0.npy", "forecasts/f.json"):
        key = f"sessions/{alice.session.id}/{part}"
        await service.objects.put(key, SECRET.encode())
        ids["key"].append(key)
    return ids


async def holdings(supabase: LocalSupabase, user: str) -> list[Any]:
    """Return everything a user has, as the database itself knows it."""
    tables = await supabase.sql(
        "select table_name from information_schema.columns join pg_tables on tablename = table_name"
        " where schemaname = 'public' and table_schema = 'public' and column_name = 'owner'"
    )
    found = []
    for table in sorted(row["table_name"] for row in tables):
        rows = await supabase.sql(
            f"select to_jsonb(t)::text as row from public.{table} t where owner::text = $1 order by 1",
            user,
        )
        found.append((table, [row["row"] for row in rows]))
    return found


class Attempts:
    """Draws requests of Bob's that are about Alice."""

    def __init__(
        self, rng: random.Random, described: dict[str, Any], ids: dict[str, list[str]], alice: User, bob: User
    ) -> None:
        self.rng, self.ids, self.alice, self.bob = rng, ids, alice, bob
        paths = described["paths"]
        self.tables = sorted(path[1:] for path in paths if path != "/" and not path.startswith("/rpc/"))
        self.functions = sorted(path[1:] for path in paths if path.startswith("/rpc/"))
        self.columns = {
            name: sorted(one.get("properties", {})) for name, one in described["definitions"].items()
        }

    def draw(self) -> tuple[str, str, dict[str, Any]]:
        """Return method, path and the rest of a request."""
        kind = self.rng.random()
        if kind < 0.7:
            return self._row()
        if kind < 0.8 and self.functions:
            path, hers = f"/rest/v1/{self.rng.choice(self.functions)}", self._hers()
            asked = dict.fromkeys(("session_id", "owner", "id", "bucket_id", "name"), hers)
            return self.rng.choice(("POST", "GET")), path, {"json": asked}
        return self._object()

    def _hers(self) -> str:
        return self.rng.choice([*self.ids["id"], self.alice.id, self.alice.session.id])

    def _row(self) -> tuple[str, str, dict[str, Any]]:
        rng, table = self.rng, self.rng.choice(self.tables)
        names = self.columns.get(table) or ["id"]
        params = []
        for _ in range(rng.randrange(3)):
            name = rng.choice(("id", "owner", "session_id", rng.choice(names)))
            params.append((name, rng.choice(_OPERATORS).format(self._hers())))
        if rng.random() < 0.2:
            params.append(("or", f"(owner.eq.{self.alice.id},id.not.is.null)"))
        if rng.random() < 0.3:
            others = rng.sample(self.tables, 2)
            params.append(("select", f"*,{others[0]}(*),{others[1]}!inner(*)"))
        if rng.random() < 0.2:
            params.append(("order", rng.choice(names)))
        method = rng.choice(("GET", "GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"))
        headers = {"Prefer": rng.choice(_PREFER)}
        if rng.random() < 0.1:
            headers["Accept-Profile"] = rng.choice(("private", "storage", "auth", "public"))
        body: dict[str, Any] = {"id": self._hers(), "owner": rng.choice((self.alice.id, self.bob.id))}
        body["session_id"] = rng.choice((self.alice.session.id, self.bob.session.id))
        for name in rng.sample(names, min(3, len(names))):
            body.setdefault(name, rng.choice(("x", 1, None, {}, self.alice.id)))
        sent: dict[str, Any] = {"params": params, "headers": headers}
        if method in ("POST", "PATCH", "PUT"):
            sent["json"] = body if method != "POST" or rng.random() < 0.7 else [body, body]
            if method == "PUT":
                sent["params"] = [("id", f"eq.{body['id']}")]
        return method, f"/rest/v1/{table}", sent

    def _object(self) -> tuple[str, str, dict[str, Any]]:
        rng, key = self.rng, self.rng.choice(self.ids["key"])
        around = f"sessions/{self.bob.session.id}/../{self.alice.session.id}/files/f"
        key = rng.choice((key, key.rsplit("/", 1)[0], around, key.upper()))
        base, own = "/storage/v1/object", f"sessions/{self.bob.session.id}/files/stolen"
        moved = {"bucketId": BUCKET, "sourceKey": key, "destinationKey": own}
        requests: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", f"{base}/{BUCKET}/{key}", {}), ("GET", f"{base}/authenticated/{BUCKET}/{key}", {}),
            ("GET", f"{base}/public/{BUCKET}/{key}", {}), ("HEAD", f"{base}/{BUCKET}/{key}", {}),
            ("GET", f"{base}/info/{BUCKET}/{key}", {}),
            ("GET", f"{base}/info/authenticated/{BUCKET}/{key}", {}),
            ("POST", f"{base}/{BUCKET}/{key}", {"content": b"forged", "headers": {"x-upsert": "true"}}),
            ("PUT", f"{base}/{BUCKET}/{key}", {"content": b"forged"}),
            ("DELETE", f"{base}/{BUCKET}/{key}", {}),
            ("DELETE", f"{base}/{BUCKET}", {"json": {"prefixes": [key]}}),
            ("POST", f"{base}/list/{BUCKET}", {"json": {"prefix": key, "limit": 100}}),
            ("POST", f"{base}/list-v2/{BUCKET}", {"json": {"prefix": key, "with_delimiter": False}}),
            ("POST", f"{base}/sign/{BUCKET}/{key}", {"json": {"expiresIn": 60}}),
            ("POST", f"{base}/sign/{BUCKET}", {"json": {"expiresIn": 60, "paths": [key]}}),
            ("POST", f"{base}/upload/sign/{BUCKET}/{key}", {"json": {}}),
            ("POST", f"{base}/copy", {"json": moved}), ("POST", f"{base}/move", {"json": moved}),
        ]  # fmt: skip
        return rng.choice(requests)


def shows(answer: httpx.Response, alice: User) -> str | None:
    """Return what an answer tells of Alice, or None."""
    if SECRET in answer.text:
        return "her words"
    with suppress(ValueError):
        rows = answer.json()
        if isinstance(rows, list) and any(isinstance(r, dict) and r.get("owner") == alice.id for r in rows):
            return "her rows"
    total = answer.headers.get("content-range", "*/*").rsplit("/", 1)[-1]
    asked_for_hers = answer.request.url.params.get("owner") == f"eq.{alice.id}"
    return "a count" if asked_for_hers and total.isdigit() and int(total) > 0 else None


@slice_and_all(100)
async def test_of_alices_rows_and_objects_bob_reads_nothing_and_changes_nothing(
    service: Storage, supabase: LocalSupabase, alice: User, bob: User, attempts: int
) -> None:
    rng = random.Random(31)
    ids = await furnish(service, supabase, alice)
    before = await holdings(supabase, alice.id)
    bobs = {"apikey": PUBLISHABLE_KEY, "Authorization": f"Bearer {mint(bob.id)}"}
    read: list[str] = []

    async with open_http() as http:
        everything = {"apikey": SERVICE_JWT, "Authorization": f"Bearer {SERVICE_JWT}"}
        described = (await http.get(f"{supabase.url}/rest/v1/", headers=everything)).json()
        drawn = Attempts(rng, described, ids, alice, bob)
        for _ in range(attempts):
            method, path, sent = drawn.draw()
            headers = {**bobs, **sent.pop("headers", {})}
            answer = await http.request(method, f"{supabase.url}{path}", headers=headers, **sent)
            if (what := shows(answer, alice)) is not None:
                read.append(f"{what}: {method} {answer.request.url} {json.dumps(sent, default=str)[:200]}")

    assert {kind.table for kind in TABLES} <= set(drawn.tables)
    assert read == []
    assert await holdings(supabase, alice.id) == before
    for key in ids["key"]:
        assert await service.objects.get(key) == SECRET.encode()


async def test_the_same_attempts_of_alice_herself_do_read(
    service: Storage, supabase: LocalSupabase, alice: User
) -> None:
    """What is looked for in Bob's answers is there to be found."""
    ids = await furnish(service, supabase, alice)
    hers = {"apikey": PUBLISHABLE_KEY, "Authorization": f"Bearer {mint(alice.id)}"}

    async with open_http() as http:
        rows = await http.get(f"{supabase.url}/rest/v1/training_logs", headers=hers)
        stored_at = f"{supabase.url}/storage/v1/object/authenticated/{BUCKET}/{ids['key'][0]}"
        stored = await http.get(stored_at, headers=hers)

    assert shows(rows, alice) == "her words"
    assert shows(stored, alice) == "her words"
