"""What every route works with: the gateway's collaborators, who asks, and whose session it is."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from services.gateway.auth.identity import Identity, Verifier
from services.gateway.auth.session_ids import possible
from services.gateway.auth.sockets import SocketCounts
from services.gateway.http.rate_limits import FailedTokens, Limiter
from services.gateway.live.history import History
from services.gateway.live.hub import Hub
from services.gateway.plans.quotas import EverythingAllowed, Plans
from services.gateway.quota import Kept, Room
from services.gateway.settings import GatewaySettings
from services.gateway.uploads.received import ReceivedChunks
from services.gateway.workers import Workers
from shared import traces
from shared.contracts.base import Message
from shared.errors import SessionNotFound
from shared.storage.connect import Storage
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.rows import SessionRow


class EventPublisher(Protocol):
    """Puts messages on their subjects."""

    async def publish(self, message: Message) -> bool:
        """Store a message once; False if it was there before."""
        ...


class Queue(Protocol):
    """The work queue, as far as the gateway touches it."""

    async def forget(self, run_id: str) -> None:
        """Remove a run's queued jobs."""
        ...


@dataclass(frozen=True)
class Admission:
    """Who may come in, and how often: what the middleware and the two sockets ask before any route runs."""

    verifier: Verifier
    limiter: Limiter
    failed_tokens: FailedTokens = field(default_factory=lambda: FailedTokens(per_minute=60))


@dataclass(frozen=True)
class LiveChannel:
    """What happens as it happens: who listens, and what was said before they came."""

    hub: Hub
    history: History
    sockets: SocketCounts = field(default_factory=lambda: SocketCounts(per_user=100, anonymous=200))


@dataclass(frozen=True)
class Gateway:
    """Everything a gateway has, with the stores of one caller: the dependencies below hand out its parts."""

    settings: GatewaySettings
    storage: Storage  # as the caller has it
    service_storage: Storage  # with the gateway's own rights
    post: EventPublisher
    workers: Workers
    queue: Queue
    admission: Admission
    live: LiveChannel
    received: ReceivedChunks = field(default_factory=ReceivedChunks)
    kept: dict[str, Kept] = field(default_factory=dict)  # by owner
    plans: Plans = field(default_factory=EverythingAllowed)

    def seen_by(self, who: Identity) -> "Gateway":
        """Return the same gateway with the stores narrowed to one user."""
        if who.token is None:
            return replace(self, storage=self.storage.of_owner(who.user_id))
        return replace(self, storage=self.storage.of_user(who.user_id, who.token))


@dataclass(frozen=True)
class RunContext:
    """What it takes to ask for data sets and runs, and to end them."""

    records: Records
    service: Storage  # with the gateway's own rights: leases, and what waits of all users
    settings: GatewaySettings
    post: EventPublisher
    queue: Queue
    plans: Plans
    room: Room


@dataclass(frozen=True)
class UploadContext:
    """What it takes to receive files."""

    records: Records
    objects: Objects
    settings: GatewaySettings
    post: EventPublisher
    plans: Plans
    room: Room
    received: ReceivedChunks


async def gateway_of(connection: HTTPConnection) -> Gateway:
    """Return everything, with the stores as the caller has them."""
    gateway: Gateway = connection.app.state.gateway
    return gateway.seen_by(await identity_of(connection))


async def identity_of(connection: HTTPConnection) -> Identity:
    """Return who is asking; the gate identified them before any route ran."""
    who: Identity = connection.state.identity
    return who


GatewayDep = Annotated[Gateway, Depends(gateway_of)]  # for what follows; a route takes the parts it uses
Who = Annotated[Identity, Depends(identity_of)]


async def records_of(gateway: GatewayDep) -> Records:
    """Return the ledger as the caller has it."""
    return gateway.storage.records


async def objects_of(gateway: GatewayDep) -> Objects:
    """Return the bytes as the caller has them."""
    return gateway.storage.objects


async def service_of(gateway: GatewayDep) -> Storage:
    """Return the stores with the gateway's own rights, for what no user may write: leases, versions, keys."""
    return gateway.service_storage


async def workers_of(gateway: GatewayDep) -> Workers:
    """Return who answers what needs numbers."""
    return gateway.workers


async def live_of(gateway: GatewayDep) -> LiveChannel:
    """Return what happens as it happens."""
    return gateway.live


async def settings_of(gateway: GatewayDep) -> GatewaySettings:
    """Return what the gateway was told."""
    return gateway.settings


async def room_of(gateway: GatewayDep) -> Room:
    """Return what the caller may still keep."""
    return Room(gateway.storage.records, gateway.settings, gateway.kept)


async def run_context(gateway: GatewayDep) -> RunContext:
    """Return what data sets and runs are asked for with."""
    return RunContext(
        records=gateway.storage.records,
        service=gateway.service_storage,
        settings=gateway.settings,
        post=gateway.post,
        queue=gateway.queue,
        plans=gateway.plans,
        room=await room_of(gateway),
    )


async def upload_context(gateway: GatewayDep) -> UploadContext:
    """Return what files are received with."""
    return UploadContext(
        records=gateway.storage.records,
        objects=gateway.storage.objects,
        settings=gateway.settings,
        post=gateway.post,
        plans=gateway.plans,
        room=await room_of(gateway),
        received=gateway.received,
    )


RecordsDep = Annotated[Records, Depends(records_of)]
ObjectsDep = Annotated[Objects, Depends(objects_of)]
ServiceDep = Annotated[Storage, Depends(service_of)]
WorkersDep = Annotated[Workers, Depends(workers_of)]
LiveDep = Annotated[LiveChannel, Depends(live_of)]
SettingsDep = Annotated[GatewaySettings, Depends(settings_of)]
RoomDep = Annotated[Room, Depends(room_of)]
RunDep = Annotated[RunContext, Depends(run_context)]
UploadDep = Annotated[UploadContext, Depends(upload_context)]


def own_ids(who: Identity, text: str) -> tuple[str, ...]:
    """Return the ids the session of a text may have, as far as this identity may know them at all."""
    ids = possible(text, who.user_id)
    if who.session_id is None:
        return ids
    if who.session_id not in ids:
        raise SessionNotFound("there is no such session")
    return (who.session_id,)


async def find_session(records: Records, who: Identity, text: str) -> SessionRow:
    """Return the caller's session; somebody else's answers like an unknown one."""
    for session_id in own_ids(who, text):
        row = await records.get(SessionRow, session_id)
        if row is not None and row.owner == who.user_id:
            traces.within(row.id)
            return row
    raise SessionNotFound("there is no such session")


async def ensure_session(
    records: Records, who: Identity, text: str, *, name: str = "", ours: bool = False
) -> tuple[SessionRow, bool]:
    """Return the caller's session and whether it was made just now; ``ours``: the id was made here."""
    try:
        return await find_session(records, who, text), False
    except SessionNotFound:
        if who.session_id is not None:
            raise
    session_id = own_ids(who, text)[0 if ours else -1]  # never a UUID as it came: it may be somebody else's
    fresh = SessionRow(id=session_id, owner=who.user_id, name=name, metadata={"client_id": text})
    created = await records.insert([fresh]) == 1
    if created:
        traces.opened(session_id)
    return await find_session(records, who, session_id), created


async def session_of(sid: str, records: RecordsDep, who: Who) -> SessionRow:
    """Return the session a path names."""
    return await find_session(records, who, sid)


Session = Annotated[SessionRow, Depends(session_of)]
