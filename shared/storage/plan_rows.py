"""Rows of plans, subscriptions and the use of a month."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.storage.records import Row


class SubscriptionPlanRow(Row):
    """What a plan allows in a month; -1 is without limit. Plans belong to the operator."""

    table: ClassVar[str] = "subscription_plans"

    name: str
    can_use_training: bool = True
    max_processing_jobs_per_month: int = -1
    max_training_runs_per_month: int = -1


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
