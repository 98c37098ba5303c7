"""Rows of plans, subscriptions and the use of a month."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from shared.contracts.base import utc_now
from shared.storage.records import Records, Row

_ACTIVE = ("active", "trial")


class SubscriptionPlanRow(Row):
    """What a plan allows in a month; -1 is without limit. Plans belong to the operator."""

    table: ClassVar[str] = "subscription_plans"

    name: str
    can_use_training: bool = True
    max_processing_jobs_per_month: int = -1
    max_training_runs_per_month: int = -1
    weight: float = Field(default=1.0, gt=0)  # of its users' jobs beside those of others


class UserSubscriptionRow(Row):
    """Which plan a user has, and until when."""

    table: ClassVar[str] = "user_subscriptions"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("owner", "created_at"),)

    plan_id: str
    status: str = "active"
    expires_at: AwareDatetime | None = None


class UsageRow(Row):
    """What a user has started in a month; ``units`` names what was counted, so that a repeat is not."""

    table: ClassVar[str] = "usage_tracking"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("owner", "created_at"),)

    period_start: AwareDatetime
    period_end: AwareDatetime
    processing_jobs_count: int = 0
    training_runs_count: int = 0
    units: tuple[str, ...] = ()


async def plan_of(records: Records, owner: str) -> SubscriptionPlanRow | None:
    """Return the plan of a user's active subscription, or None without one."""
    now = utc_now()
    for subscription in await records.select(UserSubscriptionRow, {"owner": owner}):
        if subscription.status in _ACTIVE and (
            subscription.expires_at is None or subscription.expires_at > now
        ):
            plan = await records.get(SubscriptionPlanRow, subscription.plan_id)
            if plan is not None:
                return plan
    return None
