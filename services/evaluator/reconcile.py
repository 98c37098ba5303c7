"""The reconciler: unfinished work that nobody does is announced again, under the same ids.

A message that is still stored is refused by the broker, so announcing too much changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta

import structlog

from shared.cancellation import heeding
from shared.contracts import events as e
from shared.contracts.base import Event, new_id, utc_now
from shared.errors import Unavailable
from shared.messaging.publish import Publisher
from shared.queueing.release import FairRelease, order_for
from shared.storage.announcements import model_done
from shared.storage.leases import is_held, take_lease
from shared.storage.records import OneOf, R, Records
from shared.storage.rows import LIVE_JOB, LIVE_RUN, DatasetRow, FileRow, JobRow, LeaseRow, ResultRow, RunRow

_ENDED = ("finished", "failed", "cancelled")
_LONGEST_JOB_LEASE = timedelta(hours=1)  # replicas take them for minutes at most

log = structlog.get_logger()

Close = Callable[[RunRow, Event], Awaitable[Event | None]]


@dataclass(eq=False)
class Reconciler:
    """Looks for stuck rows, one evaluator at a time."""

    _records: Records
    _post: Publisher
    _close: Close
    _: KW_ONLY
    every: timedelta
    turns: FairRelease
    count: Callable[[], None] = lambda: None
    _holder: str = field(default_factory=new_id)

    async def run(self) -> None:
        """Look for ever; an outage of the stores is waited out."""
        heed = heeding()
        while True:
            heed()
            await asyncio.sleep(self.every.total_seconds())
            try:
                if await self._hold():
                    await self.look(before=utc_now() - self.every)
            except Unavailable as error:
                log.warning("reconciler waits", reason=error.message)

    async def look(self, *, before: datetime) -> int:
        """Announce again whatever has not changed since ``before``; return how many were not known."""
        announced = 0
        for event in [*await self._stuck_inputs(before), *await self._stuck_jobs(before)]:
            if await self._post.publish(event):
                announced += 1
                self.count()
                log.warning("announced again", subject=event.subject())
        return announced + await self._close_runs(before)

    async def _stuck_inputs(self, before: datetime) -> list[Event]:
        files = self._old(await self._records.select(FileRow, {"status": "uploaded"}), before)
        datasets = self._old(await self._records.select(DatasetRow, {"status": "requested"}), before)
        runs = self._old(await self._records.select(RunRow, {"status": "waiting"}), before)
        return [
            *(e.UploadCompleted.first(session_id=f.session_id, file_id=f.id) for f in files),
            *(e.DatasetRequested.first(session_id=d.session_id, dataset_id=d.id) for d in datasets),
            *(
                e.TrainingRequested.first(
                    session_id=r.session_id,
                    run_id=r.id,
                    dataset_id=r.dataset_id,
                    backtest=r.backtest is not None,
                )
                for r in runs
            ),
        ]

    async def _stuck_jobs(self, before: datetime) -> list[Event]:
        live = self._old(await self._records.select(JobRow, {"status": OneOf(LIVE_JOB)}), before)
        now = utc_now()
        idle = [
            job
            for job in live
            if (job.status == "running" or job.released_at is not None)
            and not is_held(job.lease_until, now=now, longest=_LONGEST_JOB_LEASE)
        ]
        passed_over = any(job.status == "queued" and job.released_at is None for job in live)
        due = await self.turns.everybody() if passed_over else []
        return [order_for(job) for job in (*idle, *due)]

    async def _close_runs(self, before: datetime) -> int:
        """Say again which models of a live run wait for their scores, and close it if it is over."""
        announced = 0
        for run in self._old(await self._records.select(RunRow, {"status": OneOf(LIVE_RUN)}), before):
            cause = e.TrainingRequested.first(
                session_id=run.session_id, run_id=run.id, dataset_id=run.dataset_id
            )
            ended = await self._records.select(JobRow, {"run_id": run.id, "status": OneOf(_ENDED)})
            scored = {row.id for row in await self._records.select(ResultRow, {"run_id": run.id})}
            events: list[Event] = [
                model_done(cause, job)
                for job in ended
                if (job.status == "finished" or job.trial) and job.id not in scored
            ]
            try:
                events += filter(None, [await self._close(run, cause)])
            except Unavailable:
                raise
            except Exception:  # one run nobody can close shall not keep the others open
                log.exception("a run cannot be closed", run_id=run.id)
            announced += sum([await self._post.publish(event) for event in events])
        return announced

    async def _hold(self) -> bool:
        """Take or keep the lease of the one reconciler."""
        longest = 3 * self.every
        lease = LeaseRow(id="reconciler", owner="-", holder=self._holder, until=utc_now() + longest)
        return await take_lease(self._records, lease, longest=longest)

    def _old(self, rows: Sequence[R], before: datetime) -> list[R]:
        """Return the rows nobody changed lately; one of the future was changed by a wrong clock."""
        ahead = utc_now() + self.every
        return [row for row in rows if row.updated_at < before or row.updated_at > ahead]
