"""Jobs that wait in the ledger, sent to the work queue in fair turns.

A job is released by compare-and-set on its row (``released_at``), and then announced. Whoever takes a job
releases the next of its owner; whoever plans, cancels or deletes looks as well, and the reconciler looks at
everything: it also announces again what was released and, by a crash in between, never said.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from shared.contracts.base import utc_now
from shared.contracts.events import TrainModel
from shared.contracts.kinds import KINDS
from shared.queueing.shares import Turn, due
from shared.storage.connect import Storage
from shared.storage.plan_rows import plan_of
from shared.storage.records import Less, Where
from shared.storage.rows import JobRow

_EVER = Less(datetime(9999, 1, 1, tzinfo=UTC))  # a moment, whichever: not null
_REMEMBERED_S = 60.0


def order_for(job: JobRow) -> TrainModel:
    """Return the entry of the work queue that a job's row asks for; the same one however often."""
    return TrainModel.first(
        session_id=job.session_id,
        run_id=job.run_id,
        job_id=job.id,
        kind=job.kind,
        correlation_id=job.run_id,
    )


class FairRelease:
    """Releases waiting jobs; any number of replicas may do so at once."""

    def __init__(self, storage: Storage, *, least: int, weights: Mapping[str, float]) -> None:
        self._storage = storage
        self._least = least
        self._told = weights
        self._known: dict[str, tuple[float, float]] = {}

    async def of(self, owner: str, kinds: Iterable[str]) -> list[JobRow]:
        """Release what is due of one user and these kinds; return the rows that are to be announced."""
        released = []
        for kind in dict.fromkeys(kinds):
            queued, running = await self._owners(kind)
            limit = round(self._least * await self._weight(owner)) + len(running) + 1  # more is never due
            where: Where = {"owner": owner, "kind": kind, "status": "queued", "released_at": None}
            waiting = await self._storage.records.select(JobRow, where, limit=limit)
            released += await self._release(waiting, queued, running)
        return released

    async def everybody(self) -> list[JobRow]:
        """Release what is due of all users and kinds."""
        where: Where = {"status": "queued", "released_at": None}
        waiting = await self._storage.records.select(JobRow, where)
        released = []
        for kind in KINDS:
            of_kind = [job for job in waiting if job.kind == kind]
            if of_kind:
                queued, running = await self._owners(kind)
                released += await self._release(of_kind, queued, running)
        return released

    async def _owners(self, kind: str) -> tuple[list[str], list[str]]:
        """Return whose jobs of a kind lie in the queue, and whose run, an entry per job."""
        in_queue: Where = {"kind": kind, "status": "queued", "released_at": _EVER}
        at_work: Where = {"kind": kind, "status": "running"}
        select = self._storage.records.select
        queued, running = await asyncio.gather(select(JobRow, in_queue), select(JobRow, at_work))
        return [job.owner for job in queued], [job.owner for job in running]

    async def _release(
        self, waiting: Sequence[JobRow], queued: Sequence[str], running: Sequence[str]
    ) -> list[JobRow]:
        if not waiting:
            return []
        rows = {job.id: job for job in waiting}
        owners = {*queued, *running, *(job.owner for job in waiting)}
        turns = due(
            [Turn(job.id, job.owner) for job in waiting],
            queued=queued,
            running=running,
            weights={owner: await self._weight(owner) for owner in owners},
            least=self._least,
        )
        released = []
        waits: Where = {"status": "queued", "released_at": None}
        for job in (rows[turn.job_id] for turn in turns):
            mine = self._storage.of_owner(job.owner).records
            row = await mine.update(JobRow, job.id, {"released_at": utc_now()}, expect=waits)
            if row is not None:  # nobody else released it, and it is not over
                released.append(row)
        return released

    async def _weight(self, owner: str) -> float:
        """Return a user's weight: as the operator says by name, or else as the user's plan says."""
        if owner in self._told:
            return self._told[owner]
        now = time.monotonic()
        until, weight = self._known.get(owner, (0.0, 1.0))
        if now >= until:
            plan = await plan_of(self._storage.records, owner)
            weight = plan.weight if plan else 1.0
            self._known = {name: kept for name, kept in self._known.items() if kept[0] > now}
            self._known[owner] = (now + _REMEMBERED_S, weight)
        return weight
