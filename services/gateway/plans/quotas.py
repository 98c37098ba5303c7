"""Whether a user may start one more piece of work: said before it starts, counted once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal, Protocol

from pydantic import JsonValue

from shared.contracts.base import derive, utc_now
from shared.contracts.problems import Category
from shared.errors import InvalidInput, Unavailable
from shared.storage.connect import Storage
from shared.storage.plan_rows import SubscriptionPlanRow, UsageRow, plan_of

Work = Literal["processing", "training"]  # a file that is uploaded and read; a run of models

_TRIES = 20  # of a compare-and-set that replicas of the gateway may win before us
_REMEMBERED = 1_000  # pieces of work a month's row names, so that a repeat is not counted again


class PlanRefusal(InvalidInput):
    """The user's plan does not allow this; ``details`` say what would."""

    code = "PLAN_REFUSAL"
    category = Category.AUTH
    status: ClassVar[int] = 403

    @property
    def beside(self) -> dict[str, JsonValue]:
        """What the earlier frontend's dialog reads beside the envelope."""
        return {"message": self.message, **self.details}


class NoSubscription(PlanRefusal):
    """The user has no active subscription."""

    code = "NO_ACTIVE_SUBSCRIPTION"
    advice = ("Choose a plan, or renew the one that has ended.",)


class TrainingNotAvailable(PlanRefusal):
    """The user's plan has no training."""

    code = "TRAINING_NOT_AVAILABLE"
    advice = ("Choose a plan with training.",)


class LimitReached(PlanRefusal):
    """The plan's number of a month is used up."""

    code = "LIMIT_REACHED"
    advice = ("Wait for the next month, or choose a larger plan.",)


class QuotaBusy(Unavailable):
    """Many requests of one user count at the same moment."""

    code = "QUOTA_BUSY"
    advice = ("Send the request again.",)


class Plans(Protocol):
    """Who may start how much."""

    async def check(self, owner: str, work: Work) -> None:
        """Raise ``PlanRefusal`` if the plan does not allow one more piece of work."""
        ...

    async def spend(self, owner: str, work: Work, unit: str) -> None:
        """Count one piece of work, named by ``unit``, once; raise ``PlanRefusal`` if it is not allowed."""
        ...


class EverythingAllowed:
    """No plans: the default."""

    async def check(self, owner: str, work: Work) -> None:
        """Allow it."""

    async def spend(self, owner: str, work: Work, unit: str) -> None:
        """Allow it."""


@dataclass(eq=False)
class TablePlans:
    """Plans, subscriptions and usage in the ledger; a month is one row, changed by compare-and-set."""

    _storage: Storage

    async def check(self, owner: str, work: Work) -> None:
        """Refuse what the plan does not allow, before anything is done; nothing is counted."""
        plan = await self._plan(owner)
        self._require(plan, work, await self._month(owner))

    async def spend(self, owner: str, work: Work, unit: str) -> None:
        """Count one piece of work; exact over any number of gateways.

        Raises
        ------
        PlanRefusal
            Without an active subscription, or with a month's number used up.
        """
        plan = await self._plan(owner)
        records = self._storage.of_owner(owner).records
        for _ in range(_TRIES):
            month = await self._month(owner)
            if unit in month.units:
                return
            field, used = self._require(plan, work, month)
            remembered = (*month.units, unit)[-_REMEMBERED:]
            counted: dict[str, object] = {field: used + 1, "units": remembered}
            if await records.update(UsageRow, month.id, counted, expect={"revision": month.revision}):
                return
        raise QuotaBusy("the use of the plan could not be counted")

    @staticmethod
    def _require(plan: SubscriptionPlanRow, work: Work, month: UsageRow) -> tuple[str, int]:
        """Return the field that counts this work and its number, or refuse."""
        if work == "training":
            if not plan.can_use_training:
                raise TrainingNotAvailable("Training not available", plan=plan.name)
            field, used, limit = (
                "training_runs_count", month.training_runs_count, plan.max_training_runs_per_month
            )  # fmt: skip
        else:
            field, used, limit = (
                "processing_jobs_count", month.processing_jobs_count, plan.max_processing_jobs_per_month
            )  # fmt: skip
        if 0 <= limit <= used:
            message = f"{work.capitalize()} limit reached"
            raise LimitReached(message, current_usage=used, limit=limit, plan=plan.name)
        return field, used

    async def _plan(self, owner: str) -> SubscriptionPlanRow:
        plan = await plan_of(self._storage.records, owner)
        if plan is not None:
            return plan
        raise NoSubscription("No active subscription")

    async def _month(self, owner: str) -> UsageRow:
        """Return this month's row, made by whoever comes first."""
        now = utc_now().astimezone(UTC)
        start = datetime(now.year, now.month, 1, tzinfo=UTC)
        end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        row_id = derive("usage", owner, f"{start:%Y-%m}")
        row = UsageRow(id=row_id, owner=owner, period_start=start, period_end=end)
        records = self._storage.of_owner(owner).records
        await records.insert([row])
        return await records.get(UsageRow, row.id) or row
