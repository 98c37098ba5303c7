"""What a session does by itself: schedules are made, listed with what became of them, and removed."""

import os
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, field_validator, model_validator

from services.gateway.context import RecordsDep, ServiceDep, Session, SettingsDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.problems import NothingThere
from services.gateway.runs.routes import IdempotencyKey
from services.gateway.schedules.due import newest_due
from services.gateway.schedules.webhooks import check_url, new_secret
from shared.contracts.base import derive, new_id, utc_now
from shared.contracts.problems import Problem
from shared.errors import Conflict
from shared.storage.schedule_rows import Action, Condition, Delivery, FiringRow, FiringStatus, ScheduleRow

router = APIRouter(tags=["schedules"], route_class=IdempotentRoute)
LIMIT = 50
PAUSED: dict[str, JsonValue] = {"reason": "paused"}  # of a due time that passed while its schedule was paused
_FIRINGS_TOLD = 100
_NOT_HERE = "there is no such schedule in this session"
ScheduleId = Annotated[str, Path(max_length=64)]


class TooManySchedules(Conflict):
    """A session has as many schedules as it may have."""

    code = "TOO_MANY_SCHEDULES"
    advice = ("Remove one with DELETE /api/training/schedules/{sid}/{schedule_id}.",)


class ScheduleOrder(Wire):
    """What to do, at which local time, and whom to tell."""

    name: str = Field("", max_length=200)
    action: Action = "forecast"
    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="time of the local clock, HH:MM")
    timezone: str = Field(max_length=64, description="whose clock, such as Europe/Vienna")
    day_of_month: int | None = Field(
        None, ge=1, le=28, description="once a month on this day; default: every day"
    )
    condition: Condition = Field("always", description="or only if the model's skill is below zero")
    model: str = Field("champion", max_length=255)
    horizon: float | None = Field(None, gt=0, description="hours; default: as far as the model reaches")
    webhook_url: str | None = Field(
        None, max_length=2000, validation_alias=spelled("webhook_url", "webhookUrl")
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("name a time zone such as Europe/Vienna")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.action == "retrain" and self.horizon is not None:
            raise ValueError("a horizon belongs to a forecast, not to training again")
        return self


class Schedule(BaseModel):
    """A schedule as it is told; its secret is told once, when it is made."""

    schedule_id: str
    name: str
    action: Action
    at: str
    timezone: str
    day_of_month: int | None
    condition: Condition
    model: str
    horizon: float | None
    webhook_url: str | None
    enabled: bool = Field(description="false: paused")
    created_at: AwareDatetime

    @classmethod
    def of(cls, row: ScheduleRow) -> "Schedule":
        """Return a row as clients read it."""
        return cls(schedule_id=row.id, **row.model_dump(include=set(cls.model_fields) - {"schedule_id"}))


class Firing(BaseModel):
    """One time a schedule was due, and what became of it."""

    firing_id: str
    schedule_id: str
    local_day: str
    due: AwareDatetime
    status: FiringStatus
    result: dict[str, JsonValue]
    problem: Problem | None
    delivery: Delivery = Field(description="of the webhook")


class ScheduleMade(Answer):
    """A new schedule, and the secret its webhooks are signed with."""

    schedule: Schedule
    secret: str | None = Field(description="told this once; null without a webhook")


class Schedules(Answer):
    """The schedules of a session, and the newest times they were due."""

    schedules: list[Schedule]
    firings: list[Firing]


class ScheduleSwitch(Wire):
    """Whether a schedule does anything."""

    enabled: bool = Field(description="false pauses it; due times that pass meanwhile are not made up for")


class ScheduleSwitched(Answer):
    """A schedule that was paused, or goes on."""

    schedule: Schedule


class ScheduleRemoved(Answer):
    """A schedule does nothing any more."""

    schedule_id: str
    status: Literal["removed"] = "removed"


@router.post("/schedules/{sid}")
async def make_schedule(
    body: ScheduleOrder,
    records: RecordsDep,
    service: ServiceDep,
    settings: SettingsDep,
    session: Session,
    idempotency_key: IdempotencyKey = None,
) -> ScheduleMade:
    """Do something every day, or once a month, at a local time; it begins with the next such time."""
    schedule_id = derive("schedule", session.id, idempotency_key) if idempotency_key else new_id()
    if known := await records.get(ScheduleRow, schedule_id):  # made before, and the answer was lost
        return ScheduleMade(schedule=Schedule.of(known), secret=known.secret)
    if body.webhook_url is not None:
        check_url(body.webhook_url, allow_private=settings.gateway_webhooks_private)
    if await records.count(ScheduleRow, {"session_id": session.id}) >= LIMIT:
        raise TooManySchedules(f"a session has at most {LIMIT} schedules")
    secret = new_secret(os.urandom(24)) if body.webhook_url else None
    row = ScheduleRow(
        id=schedule_id, owner=session.owner, session_id=session.id, secret=secret, **body.model_dump()
    )
    await service.of_owner(session.owner).records.insert([row])
    return ScheduleMade(schedule=Schedule.of(row), secret=secret)


@router.get("/schedules/{sid}")
async def list_schedules(records: RecordsDep, session: Session) -> Schedules:
    """Return the session's schedules, and the newest times they were due with what became of them."""
    own = {"session_id": session.id}
    rows = await records.select(ScheduleRow, own)
    firings = await records.select(FiringRow, own, order="-due", limit=_FIRINGS_TOLD)
    told = set(Firing.model_fields) - {"firing_id"}
    return Schedules(
        schedules=[Schedule.of(row) for row in rows],
        firings=[Firing(firing_id=row.id, **row.model_dump(include=told)) for row in firings],
    )


@router.put("/schedules/{sid}/{schedule_id}")
async def switch_schedule(
    schedule_id: ScheduleId, body: ScheduleSwitch, records: RecordsDep, service: ServiceDep, session: Session
) -> ScheduleSwitched:
    """Pause a schedule, or let it go on with the next due time."""
    own = {"id": schedule_id, "session_id": session.id}
    found = await records.select(ScheduleRow, own, limit=1)
    if not found:
        raise NothingThere(_NOT_HERE)
    (row,), kept = found, service.of_owner(session.owner).records
    missed = None
    if body.enabled and not row.enabled:
        missed = newest_due(row.at, row.timezone, row.day_of_month, after=row.created_at, now=utc_now())
    if missed is not None:  # else it would be carried out now; one that was before the pause stays as it is
        passed = FiringRow.of(row, *missed).model_copy(update={"status": "skipped", "result": PAUSED})
        await kept.insert([passed])
    changed = await kept.update(ScheduleRow, row.id, {"enabled": body.enabled})
    if changed is None:
        raise NothingThere(_NOT_HERE)
    return ScheduleSwitched(schedule=Schedule.of(changed))


@router.delete("/schedules/{sid}/{schedule_id}")
async def remove_schedule(schedule_id: ScheduleId, records: RecordsDep, session: Session) -> ScheduleRemoved:
    """Remove a schedule with the record of its firings; what it made stays."""
    own = {"session_id": session.id}
    if not await records.delete(ScheduleRow, {"id": schedule_id, **own}):
        raise NothingThere(_NOT_HERE)
    await records.delete(FiringRow, {"schedule_id": schedule_id, **own})
    return ScheduleRemoved(schedule_id=schedule_id)
