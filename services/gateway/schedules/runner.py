"""Schedules at work: each due time is written down once, carried out by whoever holds the lease, and told.

A firing's id follows from schedule and local day, and what it starts has ids that follow from the firing.
So a replica that dies half-way, or two that believe they hold the lease, leave what one would have left.
"""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from pydantic import JsonValue

from services.gateway.context import Gateway, run_context
from services.gateway.forecasts.chosen import for_forecasts
from services.gateway.forecasts.routes import forecast
from services.gateway.forecasts.wire import ForecastOrder
from services.gateway.problems import NothingThere, TrainingInProgress
from services.gateway.registry.rules import apply_rules
from services.gateway.runs.lifecycle import request_dataset, start_run
from services.gateway.schedules.due import newest_due
from services.gateway.schedules.webhooks import WebhookAway
from services.gateway.workers import Workers
from shared.cancellation import heeding
from shared.contracts.base import new_id, utc_now
from shared.contracts.events import ScheduleFired
from shared.errors import TrainyardError, Unavailable
from shared.storage.leases import take_lease
from shared.storage.records import Records
from shared.storage.rows import DatasetRow, LeaseRow, RunRow, SessionRow
from shared.storage.schedule_rows import FiringRow, ScheduleRow

PATIENCE = timedelta(hours=24)  # so long a firing waits for a service or a run that is away or in its way
AT_ONCE = 50  # webhooks of one look, sent beside each other: a receiver that is away holds up nobody

log = structlog.get_logger()


class Sender(Protocol):
    """Somebody who delivers a webhook."""

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        """Deliver a message, or raise."""
        ...


class ScheduleRunner:
    """Looks for schedules that are due, one gateway at a time."""

    def __init__(self, gateway: Gateway, sender: Sender, *, every: timedelta) -> None:
        self._gateway, self._sender, self._every = gateway, sender, every
        self._records = gateway.service_storage.records
        self._holder = new_id()

    async def run(self) -> None:
        """Look for ever; an outage is waited out."""
        longest = 3 * self._every + timedelta(minutes=5)
        heed = heeding()
        while True:
            heed()
            await asyncio.sleep(self._every.total_seconds())
            lease = LeaseRow(
                id="gateway-schedules", owner="trainyard", holder=self._holder, until=utc_now() + longest
            )
            try:
                if await take_lease(self._records, lease, longest=longest):
                    await self.look(utc_now())
                    await apply_rules(self._gateway.service_storage, self._gateway.workers)
            except Unavailable as error:
                log.warning("schedules wait", reason=error.message)

    async def look(self, now: datetime) -> None:
        """Write down what is due, carry out what is written down, tell what is carried out."""
        for schedule in await self._records.select(ScheduleRow, {"enabled": True}):
            found = newest_due(
                schedule.at, schedule.timezone, schedule.day_of_month, after=schedule.created_at, now=now
            )
            if found is not None:
                await self._records.insert([FiringRow.of(schedule, *found)])
        for firing in await self._records.select(FiringRow, {"status": "due"}, order="due"):
            await self._fire(firing, now)
        told = await self._records.select(FiringRow, {"delivery": "pending"}, order="-due", limit=AT_ONCE)
        await asyncio.gather(*(self._deliver(firing, now) for firing in told))

    async def _fire(self, firing: FiringRow, now: datetime) -> None:
        schedule = await self._records.get(ScheduleRow, firing.schedule_id)
        session = await self._records.get(SessionRow, firing.session_id)
        if schedule is None or session is None:
            await self._records.delete(FiringRow, {"id": firing.id})
            return
        ended: dict[str, Any] = {"delivery": "pending" if schedule.webhook_url else "none"}
        try:
            result = await self._done(schedule, firing, session)
            ended |= {"status": "skipped" if result is None else "done", "result": result or {}}
        except (Unavailable, TrainingInProgress) as error:
            if now - firing.due < PATIENCE:
                log.info("a schedule waits", firing_id=firing.id, code=error.code)
                return
            ended |= {"status": "failed", "problem": error.problem()}
        except TrainyardError as error:
            ended |= {"status": "failed", "problem": error.problem()}
        kept = await self._records.update(FiringRow, firing.id, ended, expect={"status": "due"})
        if kept is not None:
            log.info("schedule fired", action=schedule.action, status=kept.status)
            await self._gateway.post.publish(_event(schedule, kept))

    async def _done(
        self, schedule: ScheduleRow, firing: FiringRow, session: SessionRow
    ) -> dict[str, JsonValue] | None:
        """Carry a schedule out; None where its condition does not hold."""
        service, workers = self._gateway.service_storage, self._gateway.workers
        mine = service.of_owner(session.owner)
        if schedule.condition == "skill_below_zero" and not await _lost(
            mine.records, workers, session, schedule.model
        ):
            return None
        if schedule.action == "forecast":
            order = ForecastOrder(model=schedule.model, horizon=schedule.horizon)
            made = await forecast(order, mine.records, mine.objects, workers, service, session)
            return {
                "forecast_id": made.forecast_id,
                "job_id": made.job_id,
                "model": made.model,
                "version": made.version,
                "reference_time": made.reference_time,
            }
        where = {"session_id": session.id, "status": "completed", "backtest_of": None}
        runs = await mine.records.select(RunRow, where, order="-created_at", limit=1)
        dataset = await mine.records.get(DatasetRow, runs[0].dataset_id) if runs else None
        if dataset is None:
            raise NothingThere("no run of this session can be repeated: train models first")
        context = await run_context(replace(self._gateway, storage=mine))
        fresh = await request_dataset(context, session, dataset.spec)
        started = await start_run(
            context,
            session,
            fresh,
            runs[0].models,
            metric=runs[0].metric,
            ensemble=runs[0].ensemble,
            key=firing.id,
        )
        return {"run_id": started.id, "dataset_id": fresh.id, "repeats": runs[0].id}

    async def _deliver(self, firing: FiringRow, now: datetime) -> None:
        schedule = await self._records.get(ScheduleRow, firing.schedule_id)
        if schedule is None or schedule.webhook_url is None or schedule.secret is None:
            delivery = "none"
        else:
            event = _event(schedule, firing)
            body = json.dumps(
                {
                    "type": event.type,
                    "timestamp": event.time.isoformat(),
                    "data": {
                        "session_id": firing.session_id,
                        "schedule_id": schedule.id,
                        "firing_id": firing.id,
                        "name": schedule.name,
                        "action": schedule.action,
                        "local_day": firing.local_day,
                        "due": firing.due.isoformat(),
                        "status": firing.status,
                        "result": firing.result,
                        "problem": firing.problem.model_dump(mode="json") if firing.problem else None,
                    },
                },
                separators=(",", ":"),
            ).encode()
            try:
                await self._sender.send(schedule.webhook_url, schedule.secret, firing.id, body)
                delivery = "delivered"
            except WebhookAway as error:
                log.info("a webhook waits", firing_id=firing.id, **error.details)
                if now - firing.due < PATIENCE:
                    return
                delivery = "failed"
            except TrainyardError as error:
                log.info("a webhook is refused", firing_id=firing.id, code=error.code)
                delivery = "failed"
        await self._records.update(
            FiringRow, firing.id, {"delivery": delivery}, expect={"delivery": "pending"}
        )


async def _lost(records: Records, workers: Workers, session: SessionRow, model: str) -> bool:
    """Tell whether the last forecasts of a model were worse than the seasonal naive."""
    job = await for_forecasts(records, session, None, model)
    about: dict[str, JsonValue] = {"session_id": session.id, "job_ids": [job.id]}
    found = await workers.ask("evaluator.monitoring", about)
    targets = [target for one in found["models"] for target in one["targets"]]
    return any("skill_below_zero" in target["alerts"] for target in targets)


def _event(schedule: ScheduleRow, firing: FiringRow) -> ScheduleFired:
    return ScheduleFired.first(
        session_id=firing.session_id,
        schedule_id=schedule.id,
        firing_id=firing.id,
        action=schedule.action,
        status=firing.status,
        local_day=firing.local_day,
        result=firing.result,
        problem=firing.problem,
    )
