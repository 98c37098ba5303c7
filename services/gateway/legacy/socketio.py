"""Socket.IO for the earlier frontend: the same feed in its own words, without Redis.

Every replica hears the whole feed, so no message has to travel between replicas; each client of a
session has a follower of its own. The polling transport needs sticky balancing, as Socket.IO always does.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import socketio
import structlog
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from services.gateway.auth.sockets import credential_ended
from services.gateway.context import Gateway, find_session, run_context
from services.gateway.datasets.violins import violin_plots
from services.gateway.legacy.arrivals import Arrivals
from services.gateway.legacy.client import Client
from services.gateway.legacy.events import COMPLETE, COMPLETE_TOO, DATASET_COMPLETE, REPORTED, LegacyEvents
from services.gateway.legacy.unbreakable import Unbreakable
from services.gateway.problems import BadId, Refused, ValidationFailed, envelope, refused_by
from services.gateway.results.routes import API, outcome
from services.gateway.runs.lifecycle import cancel, live_runs, newest_dataset, run_to_stop
from services.gateway.runs.progress import IDLE, MonotoneProgress
from services.gateway.runs.routes import begin_training, run_view
from services.gateway.runs.wire import TrainModels
from shared.errors import TrainyardError, Unavailable
from shared.storage.connect import Storage
from shared.storage.rows import DatasetRow, PlotRow, SessionRow

_MAX_MESSAGE = 1_000_000
_MAX_ROOMS = 50
_FAILED = defaultdict(
    lambda: "training_session_error",
    {"request_dataset_status": "dataset_status_error", "request_training_status": "training_status_error",
     "get_status": "training_status_error"},
)  # fmt: skip

log = structlog.get_logger()
Body = dict[str, Any]
Handler = Callable[[Gateway, Client, SessionRow, str, Body], Awaitable[Body]]


class Rooms:
    """The Socket.IO side of one gateway."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._clients: dict[str, Client] = {}
        self._arriving: set[str] = set()  # being asked who they are; one that leaves meanwhile is out again
        # Origins are checked by the gate, for every kind of request alike.
        self.server = socketio.AsyncServer(
            async_mode="asgi", cors_allowed_origins=[], max_http_buffer_size=_MAX_MESSAGE
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        questions: dict[str, Handler] = {
            "join_session": self._join,
            "join_training_session": self._join,
            "join_upload_room": self._join_uploads,
            "leave_training_session": self._leave,
            "join": self._join_plainly,
            "leave": self._leave_plainly,
            "start_training": self._start,
            "cancel_training": self._cancel,
            "get_status": self._status,
            "request_training_status": self._status,
            "request_dataset_status": self._dataset_status,
        }
        for name, handler in questions.items():
            self.server.on(name, self._answering(name, handler))

    async def close(self) -> None:
        """Stop every follower."""
        tasks = [t for client in self._clients.values() for t in (client.watch, *client.followers.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.server.shutdown()

    @property
    def _gateway(self) -> Gateway:
        gateway: Gateway = self._app.state.gateway
        return gateway

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        header = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        asked = parse_qs(str(environ.get("QUERY_STRING", ""))).get("token", [""])[0]
        credential = (token if isinstance(token, str) else "") or header or asked or None
        gateway = self._gateway
        self._arriving.add(sid)
        try:
            with gateway.live.sockets.unknown():
                who = await gateway.admission.verifier.identify(credential)
            if sid not in self._arriving:  # it left meanwhile
                return
            if not gateway.settings.single_user:
                gateway.live.sockets.enter(who.user_id)
        except (Refused, Unavailable) as error:
            raise socketio.exceptions.ConnectionRefusedError(error.code) from None
        finally:
            self._arriving.discard(sid)
        watch = asyncio.create_task(self._until_ended(sid, credential))
        self._clients[sid] = Client(sid, who, watch)
        await self.server.emit("connected", {"sid": sid, "status": "connected"}, to=sid)

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        self._arriving.discard(sid)
        client = self._clients.pop(sid, None)
        if client is None:
            return
        if not self._gateway.settings.single_user:
            self._gateway.live.sockets.leave(client.who.user_id)
        for task in (client.watch, *client.followers.values()):
            task.cancel()

    async def _until_ended(self, sid: str, credential: str | None) -> None:
        """Disconnect a client when its credential is expired or revoked."""
        code = await credential_ended(self._gateway.admission.verifier, credential)
        client = self._clients.get(sid)
        if client is None:
            return
        await self.server.emit("error", {"success": False, "code": code}, to=sid)
        client.watch = asyncio.create_task(asyncio.sleep(0))  # not this task, which the farewell would cancel
        await self.server.disconnect(sid)

    def _answering(self, name: str, handler: Handler) -> Callable[[str, Any], Awaitable[Body]]:
        """Wrap a question: find the session, answer the asker alone, refuse in the one envelope."""

        async def answer(sid: str, data: Any = None) -> Body:
            client = self._clients.get(sid)
            if client is None:  # it was disconnected while this was on its way
                return {"success": False, "code": "MISSING_AUTHORIZATION"}
            gateway = self._gateway.seen_by(client.who)
            try:
                body = data if isinstance(data, dict) else {"session_id": data}
                text = body.get("session_id") or body.get("sessionId") or body.get("uploadId") or ""
                if not gateway.settings.single_user:
                    quota = await gateway.admission.limiter.spend(client.who.user_id, "requests")
                    if quota.exceeded:
                        raise quota.error()
                session = await find_session(gateway.storage.records, client.who, str(text))
                return await handler(gateway, client, session, str(text), body)
            except TrainyardError as error:
                refusal = envelope(error.problem())
                await self.server.emit("error", refusal, to=sid)
                told = {**refusal, "status": "error", "message": error.message}
                await self.server.emit(_FAILED[name], told, to=sid)
                return refusal

        return answer

    async def _join(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        self._follow(gateway, client, session, text)
        view = await run_view(gateway.storage.records, gateway.live, session)
        told = view.wire(MonotoneProgress()) if view else {"status": "idle", "progress": 0.0}
        joined = _plain(
            {
                "status": "success", "session_id": text, "room": f"training_{text}",
                "message": "Joined the training session", "training_status": told,
            }
        )  # fmt: skip
        await self.server.emit("training_session_joined", joined, to=client.sid)
        return {"success": True, **joined}

    async def _join_uploads(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        self._follow(gateway, client, session, text)
        joined = {"session_id": text, "uploadId": text, "room": f"upload_{text}", "status": "success"}
        await self.server.emit("upload_room_joined", joined, to=client.sid)
        await self.server.emit("joined_room", joined, to=client.sid)
        return {"success": True, **joined}

    async def _join_plainly(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        self._follow(gateway, client, session, text)
        joined = {"session_id": text, "uploadId": text, "message": "Joined the room"}
        await self.server.emit("status", joined, to=client.sid)
        return {"success": True, **joined}

    async def _leave_plainly(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        left = await self._leave(gateway, client, session, text, body)
        told = {"session_id": text, "uploadId": text, "message": "Left the room"}
        await self.server.emit("status", told, to=client.sid)
        await self.server.emit("left_room", told, to=client.sid)
        return {**left, **told}

    async def _leave(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        task = client.followers.pop(session.id, None)
        if task:
            task.cancel()
        left = {"status": "success", "session_id": text, "message": "Left the training session"}
        await self.server.emit("training_session_left", left, to=client.sid)
        return {"success": True, **left}

    async def _start(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        ids = ("session_id", "sessionId", "uploadId")
        try:
            asked = TrainModels.model_validate({k: v for k, v in body.items() if k not in ids})
        except ValidationError as error:
            raise refused_by(error, ValidationFailed) from None
        self._follow(gateway, client, session, text)
        started = await begin_training(await run_context(gateway), session, text, asked, key=None)
        return _plain(started.model_dump(mode="json"))

    async def _cancel(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        run = await run_to_stop(gateway.storage.records, session, _named(body, "run_id"))
        cancelled = await cancel(await run_context(gateway), session, run, job_id=_named(body, "job_id"))
        status = "cancelling" if cancelled else "already_over"
        return {"success": True, "session_id": text, "run_id": run.id, "status": status}

    async def _status(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        view = await run_view(gateway.storage.records, gateway.live, session, _named(body, "run_id"))
        told = view.wire(MonotoneProgress()) if view else IDLE
        trained = sum(job.status == "finished" for job in view.jobs) if view else 0
        since = (view.run.updated_at if view else session.updated_at).isoformat()
        answer = _plain({"session_id": text, "last_updated": since, "models_trained": trained, **told})
        for event in ("training_status_update", "training_status"):
            await self.server.emit(event, answer, to=client.sid)
        return {"success": True, **answer}

    async def _dataset_status(
        self, gateway: Gateway, client: Client, session: SessionRow, text: str, body: Body
    ) -> Body:
        row = await newest_dataset(gateway.storage.records, session)
        words = {"requested": "processing", "ready": "completed"}
        status = words.get(row.status, row.status) if row else "idle"
        problem = row.problem.message if row and row.problem else None
        answer = {
            "session_id": text,
            "status": status,
            "dataset_id": row.id if row else None,
            "progress": 100 if status == "completed" else 0,
            "message": problem or f"The data set is {status}" if row else "No data set yet",
            "error_details": problem,
            "last_updated": (row.updated_at if row else session.updated_at).isoformat(),
            "processing_stopped": status != "processing",
        }
        await self.server.emit("dataset_status_update", answer, to=client.sid)
        return {"success": True, **answer}

    def _follow(self, gateway: Gateway, client: Client, session: SessionRow, text: str) -> None:
        left = client.sid not in self._clients  # while its session was looked up
        if left or session.id in client.followers or len(client.followers) >= _MAX_ROOMS:
            return
        subscription = gateway.live.hub.subscribe(session.id)
        events = LegacyEvents(text)

        async def follow() -> None:
            try:
                view = await run_view(gateway.storage.records, gateway.live, session)
                if view:
                    events.catch_up(view)
                for run in await live_runs(gateway.storage.records, session):
                    if run.backtest is not None:
                        events.pass_over(run.id)
                while not subscription.overflowed.is_set():
                    for message in await subscription.take():
                        for name, body in events.tell(message):
                            full = await _enriched(gateway.storage, session, name, body)
                            await self.server.emit(name, full, to=client.sid)
                await self.server.disconnect(client.sid)  # too slow; it comes back and asks
            except TrainyardError as error:
                log.warning("socket follower ended", reason=error.message)
                await self.server.disconnect(client.sid)
            finally:
                gateway.live.hub.unsubscribe(session.id, subscription)

        client.followers[session.id] = asyncio.create_task(follow())


async def _enriched(storage: Storage, session: SessionRow, name: str, body: Body) -> Body:
    """Add what only the ledger has: violins to a finished data set, scores to a finished run."""
    if name == DATASET_COMPLETE:
        row = await storage.records.get(DatasetRow, body["dataset_id"])
        return {**body, "violin_plots": await violin_plots(storage.objects, [row] if row else [])}
    if name in (COMPLETE, COMPLETE_TOO):
        found = await outcome(storage.records, session, body["run_id"])
        plots = await storage.records.select(PlotRow, {"run_id": found.run.id}, order="name")
        return _plain(
            {
                **body,
                "evaluation_metrics": found.metrics(),
                "best_model": found.best(),
                "visualizations": pictures_of(body["session_id"], plots),
            }
        )
    if name == REPORTED:
        plots = await storage.records.select(PlotRow, {"run_id": body["run_id"]}, order="name")
        return {**body, "visualizations": pictures_of(body["session_id"], plots)}
    return body


def pictures_of(sid: str, rows: Sequence[PlotRow]) -> Body:
    """Return the pictures of a run by name, each with its type and link."""
    return {
        row.name: {"id": row.id, "type": row.kind, "link": f"{API}/plot/{sid}/{row.id}"}
        for row in rows
        if not row.name.endswith(".dark")
    }


def _plain(body: Mapping[str, Any]) -> Body:
    """Return a body as JSON has it: times as text, nothing that is not finite."""
    plain: Body = to_jsonable_python(body, inf_nan_mode="null")
    return plain


def add_socketio(app: FastAPI) -> Rooms:
    """Serve Socket.IO under ``/socket.io``."""
    rooms = Rooms(app)
    served = socketio.ASGIApp(rooms.server, socketio_path="socket.io")
    bounded = Arrivals(
        served, rooms.server, most=lambda: app.state.gateway.settings.gateway_anonymous_sockets
    )
    app.mount("/socket.io", Unbreakable(bounded))
    return rooms


def _named(body: Body, name: str) -> str | None:
    """Return the id a client names, or None if it names none."""
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    raise BadId(f"{name} must be text")
