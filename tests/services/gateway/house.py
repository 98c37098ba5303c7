"""A whole gateway without a broker: real routes, real embedded stores, a post subscription that remembers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from services.gateway.app import bare_app
from services.gateway.auth.api_keys import KeyVerifier
from services.gateway.auth.identity import (
    EverybodyIsLocal,
    Identity,
    InvalidToken,
    MissingAuthorization,
    Verifier,
)
from services.gateway.context import Admission, Gateway, LiveChannel
from services.gateway.http.rate_limits import Limiter, OwnCounters
from services.gateway.live.hub import Hub
from services.gateway.live.messages import LiveMessage
from services.gateway.settings import GatewaySettings
from services.gateway.workers import Question, WorkerUnavailable
from shared.contracts.base import Message, derive
from shared.contracts.specs import Role
from shared.storage.connect import Storage, open_embedded
from shared.storage.records import Records
from shared.storage.rows import FileRow, SeriesRow, SessionRow

BASE = "/api/training"


@dataclass
class Remembered:
    """A post subscription: every subject is kept once, as on the broker."""

    messages: list[Message] = field(default_factory=list)

    async def publish(self, message: Message) -> bool:
        known = {m.subject() for m in self.messages if m.stream}
        if message.subject() in known:
            return False
        self.messages.append(message)
        return True

    def types(self) -> list[str]:
        return [message.type for message in self.messages]


@dataclass
class Past:
    """A history with what a test puts into it."""

    events: list[LiveMessage] = field(default_factory=list)
    latest: list[LiveMessage] = field(default_factory=list)

    async def since(self, session_id: str, after: int) -> AsyncIterator[LiveMessage]:
        for event in self.events:
            if event.session_id == session_id and (event.seq or 0) > after:
                yield event

    async def progress(self, session_id: str, run_id: str | None = None) -> list[LiveMessage]:
        return [m for m in self.latest if m.session_id == session_id and run_id in (None, m.run_id)]

    async def progress_so_far(self, session_id: str, run_id: str) -> AsyncIterator[LiveMessage]:
        for message in await self.progress(session_id, run_id):
            yield message

    async def last(self) -> int:
        return max((event.seq or 0 for event in self.events), default=0)


@dataclass
class Forgotten:
    """A work queue that remembers which runs it was emptied of."""

    runs: list[str] = field(default_factory=list)

    async def forget(self, run_id: str) -> None:
        self.runs.append(run_id)


@dataclass
class Oracle:
    """Answers what a test taught it."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, JsonValue]]] = field(default_factory=list)

    async def ask(self, question: Question, about: dict[str, JsonValue]) -> dict[str, Any]:
        self.asked.append((question, about))
        if question not in self.answers:
            raise WorkerUnavailable("no service that computes this is running")
        return self.answers[question]


class NamedUsers:
    """Takes ``user-<name>`` for a token, so that tests read well."""

    async def identify(self, credential: str | None) -> Identity:
        if credential is None:
            raise MissingAuthorization("no access token came with the request")
        if not credential.startswith("user-"):
            raise InvalidToken("the access token is not valid here")
        return Identity(credential.removeprefix("user-"))


@dataclass
class House:
    """A running gateway and everything a test looks at."""

    app: FastAPI
    gateway: Gateway
    post: Remembered
    past: Past
    queue: Forgotten
    oracle: Oracle

    @property
    def records(self) -> Records:
        return self.gateway.service_storage.records

    def client(self, *, token: str | None = None, host: str = "127.0.0.1") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)


@cache
def _built(knobs: frozenset[tuple[str, Any]]) -> FastAPI:
    """Build the routes once per set of knobs: that takes longer than most tests."""
    return bare_app(GatewaySettings(**dict(knobs)), CollectorRegistry())


@asynccontextmanager
async def open_house(
    root: Path, *, users: bool = False, storage: Storage | None = None, **knobs: Any
) -> AsyncIterator[House]:
    """Open a gateway over a folder; with ``users`` it asks for tokens (``user-<name>``)."""
    if users:
        knobs.setdefault("gateway_jwt_secret", "s" * 40)
    knobs.setdefault("gateway_start_patience", 1)
    settings = GatewaySettings(data_dir=root, **knobs)
    app = _built(frozenset((name, value) for name, value in knobs.items() if name != "data_dir"))
    opened = storage or await open_embedded(root)
    post, past, queue, oracle = Remembered(), Past(), Forgotten(), Oracle()
    tokens: Verifier = NamedUsers() if users else EverybodyIsLocal()
    app.state.gateway = Gateway(
        settings=settings,
        storage=opened,
        service_storage=opened,
        post=post,
        live=LiveChannel(Hub(limit=settings.gateway_client_queue), past),
        admission=Admission(
            KeyVerifier(opened.records, tokens),
            Limiter(
                OwnCounters(),
                requests=settings.gateway_requests_per_minute,
                upload_bytes=settings.gateway_upload_bytes_per_minute,
            ),
        ),
        queue=queue,
        workers=oracle,
    )
    app.state.health.checks["storage"] = opened.ping
    try:
        yield House(app, app.state.gateway, post, past, queue, oracle)
    finally:
        await opened.close()


async def ready_file(house: House, session_id: str, role: Role, name: str, *columns: str) -> list[SeriesRow]:
    """Put a checked file into a session, as ingest leaves it: hourly for 1,000 hours."""
    session = await house.records.get(SessionRow, session_id)
    assert session is not None
    file_id = derive("file", session_id, role, name, "0")
    file = FileRow(
        id=file_id, owner=session.owner, session_id=session_id, role=role, file_name=name,
        total_chunks=1, status="ready",
    )  # fmt: skip
    statistics: dict[str, JsonValue] = {
        "n": 1000, "n_numeric": 1000, "numeric_share": 100.0, "first_ns": 0,
        "last_ns": 999 * 3_600_000_000_000, "step_min": 60.0, "offset": 0.0, "min": 1.0, "max": 9.0,
    }  # fmt: skip
    rows = [
        SeriesRow(
            id=derive("series", file_id, str(position)), owner=session.owner, session_id=session_id,
            file_id=file_id, position=position, name=column, object_key=f"sessions/{session_id}/s{position}",
            sha256="0" * 64, statistics=statistics, quality={},
        )
        for position, column in enumerate(columns)
    ]  # fmt: skip
    await house.records.insert([file, *rows])
    return rows
