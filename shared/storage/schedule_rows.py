"""What is done by itself, when, and what became of it each time."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime, JsonValue

from shared.contracts.base import derive
from shared.contracts.problems import Problem
from shared.storage.records import Row

Action = Literal["forecast", "retrain"]
Condition = Literal["always", "skill_below_zero"]
FiringStatus = Literal["due", "done", "skipped", "failed"]
Delivery = Literal["none", "pending", "delivered", "failed"]


class ScheduleRow(Row):
    """Something a session does every day, or once a month, at a time of a local clock.

    ``secret`` signs what is told to ``webhook_url``.
    """

    table: ClassVar[str] = "schedules"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",), ("enabled",))

    session_id: str
    name: str = ""
    action: Action
    at: str
    timezone: str
    day_of_month: int | None = None
    condition: Condition = "always"
    model: str = "champion"
    horizon: float | None = None
    webhook_url: str | None = None
    secret: str | None = None
    enabled: bool = True


class FiringRow(Row):
    """One time a schedule was due; its id follows from the schedule and the local day, so there is one."""

    table: ClassVar[str] = "schedule_firings"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("session_id",), ("schedule_id", "due"), ("status",), ("delivery",),
    )  # fmt: skip

    session_id: str
    schedule_id: str
    due: AwareDatetime
    local_day: str
    status: FiringStatus = "due"
    result: dict[str, JsonValue] = {}
    problem: Problem | None = None
    delivery: Delivery = "none"

    @classmethod
    def of(cls, schedule: ScheduleRow, local_day: str, due: datetime) -> "FiringRow":
        """Return the firing of a schedule on a local day."""
        return cls(
            id=derive("firing", schedule.id, local_day),
            owner=schedule.owner,
            session_id=schedule.session_id,
            schedule_id=schedule.id,
            due=due,
            local_day=local_day,
        )
