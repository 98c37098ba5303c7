"""The end of sessions and of uploads nobody finished."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import APIError

from services.gateway.context import RunContext
from services.gateway.problems import TrainingInProgress
from services.gateway.runs.lifecycle import cancel, live_runs
from services.gateway.settings import GatewaySettings
from services.gateway.uploads.chunks import delete_file
from shared.contracts.base import new_id, utc_now
from shared.contracts.events import SessionDeleted
from shared.contracts.kinds import KINDS
from shared.errors import Unavailable
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow
from shared.storage.leases import take_lease
from shared.storage.objects import Objects
from shared.storage.records import Less, OneOf, Records, Where
from shared.storage.rows import SESSION_TABLES, FileRow, LeaseRow, RunRow, SessionRow
from shared.storage.schedule_rows import FiringRow

SWEEP_EVERY = timedelta(hours=1)
_AT_ONCE = 500  # forecasts removed by one statement
_STALE = timedelta(hours=24)
_FIRINGS_KEPT = timedelta(days=400)

log = structlog.get_logger()


@dataclass(eq=False)
class JobQueue:
    """The work queue, as far as the gateway touches it: to empty it of a run."""

    _js: JetStreamContext

    async def forget(self, run_id: str) -> None:
        """Remove a run's queued jobs. Those it cannot reach find their rows gone and do nothing."""
        for kind in KINDS:
            try:
                await self._js.purge_stream("JOBS", subject=f"jobs.train.{kind}.{run_id}.*")
            except (APIError, NatsError, TimeoutError) as error:
                log.warning("queued jobs not removed", run_id=run_id, reason=type(error).__name__)
                return


async def delete_session(
    context: RunContext, objects: Objects, session: SessionRow, *, force: bool
) -> dict[str, int]:
    """Remove everything of a session and return how much of each kind there was.

    Raises
    ------
    TrainingInProgress
        If a run is live and ``force`` is not set.
    """
    for run in await live_runs(context.records, session):
        if not force:
            raise TrainingInProgress("a run of this session is under way", run_id=run.id)
        await cancel(context, session, run)
    for run in await context.records.select(RunRow, {"session_id": session.id}):
        await context.queue.forget(run.id)
    counts = {"objects": await objects.delete(keys.session(session.id))}
    for table in SESSION_TABLES:
        counts[table.table] = await context.records.delete(table, {"session_id": session.id})
    counts[SessionRow.table] = await context.records.delete(SessionRow, {"id": session.id})
    await context.post.publish(SessionDeleted.first(session_id=session.id, correlation_id=new_id()))
    return counts


async def clean_up(
    records: Records,
    objects: Objects,
    *,
    older_than: timedelta = _STALE,
    owner: str | None = None,
    session_id: str | None = None,
) -> int:
    """Remove uploads that began long ago and never ended, of one owner or session; return how many."""
    where: Where = {"status": "receiving", "updated_at": Less(utc_now() - older_than)}
    within = {"owner": owner, "session_id": session_id}
    named = {name: value for name, value in within.items() if value is not None}
    stale = await records.select(FileRow, {**where, **named})
    for file in stale:
        session = await records.get(SessionRow, file.session_id)
        if session is not None:
            await delete_file(records, objects, session, file)
    return len(stale)


async def rotate_forecasts(storage: Storage, *, keep: int) -> int:
    """Remove the oldest forecasts of sessions that have more than ``keep``; return how many.

    The records of due times of schedules go after ``_FIRINGS_KEPT``; what the newest means is not forgotten.
    """
    removed = 0
    for session in await storage.records.select(SessionRow, {}):
        own: Where = {"session_id": session.id}
        beyond = await storage.records.count(ForecastRow, own) - keep
        mine = storage.of_owner(session.owner)
        oldest = await mine.records.select(ForecastRow, own, limit=beyond) if beyond > 0 else []
        for first in range(0, len(oldest), _AT_ONCE):
            block = oldest[first : first + _AT_ONCE]
            for row in block:  # the rows go last: after a crash they are found again
                if row.object_key is not None:
                    await mine.objects.delete(row.object_key)
            ids = OneOf(tuple(row.id for row in block))
            await mine.records.delete(ForecastDocumentRow, {"id": ids})
            removed += await mine.records.delete(ForecastRow, {"id": ids})
    await storage.records.delete(FiringRow, {"due": Less(utc_now() - _FIRINGS_KEPT)})
    return removed


async def sweep_for_ever(storage: Storage, settings: GatewaySettings) -> None:
    """Clean up every hour; of several replicas only the one that gets the lease."""
    me = new_id()
    while True:
        try:
            until = utc_now() + SWEEP_EVERY * 0.9
            lease = LeaseRow(id="gateway-sweep", owner="trainyard", holder=me, until=until)
            if await take_lease(storage.records, lease, longest=SWEEP_EVERY):
                log.info("swept unfinished uploads", n=await clean_up(storage.records, storage.objects))
                kept = settings.gateway_forecasts_kept
                log.info("rotated forecasts", n=await rotate_forecasts(storage, keep=kept))
        except Unavailable as error:
            log.warning("sweep put off", reason=error.message)
        await asyncio.sleep(SWEEP_EVERY.total_seconds())
