"""A plan's month: refused before work starts, counted once per piece of work, exact among replicas."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.gateway.plans.quotas import LimitReached, NoSubscription, TablePlans, TrainingNotAvailable
from shared.contracts.base import utc_now
from shared.storage.connect import Storage, open_embedded
from shared.storage.plan_rows import SubscriptionPlanRow, UsageRow, UserSubscriptionRow


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await open_embedded(tmp_path)
    yield opened
    await opened.close()


async def subscribed(storage: Storage, owner: str, **plan: object) -> TablePlans:
    told = {"id": "small", "owner": "operator", "name": "Small", **plan}
    await storage.records.insert([SubscriptionPlanRow.model_validate(told)])
    await storage.records.insert([UserSubscriptionRow(id=f"s-{owner}", owner=owner, plan_id="small")])
    return TablePlans(storage)


async def test_a_month_is_used_up_by_as_many_pieces_of_work_as_the_plan_says(storage: Storage) -> None:
    plans = await subscribed(storage, "alice", max_training_runs_per_month=2)

    await plans.spend("alice", "training", "run-1")
    await plans.spend("alice", "training", "run-2")

    with pytest.raises(LimitReached) as refused:
        await plans.check("alice", "training")
    assert refused.value.beside == {
        "message": "Training limit reached", "current_usage": 2, "limit": 2, "plan": "Small"
    }  # fmt: skip
    await plans.spend("alice", "processing", "file-1")


async def test_a_repeat_is_not_counted_again(storage: Storage) -> None:
    plans = await subscribed(storage, "alice", max_processing_jobs_per_month=1)

    for _ in range(3):
        await plans.spend("alice", "processing", "file-1")

    usage = await storage.records.select(UsageRow, {"owner": "alice"})
    assert [row.processing_jobs_count for row in usage] == [1]


async def test_of_many_gateways_at_once_exactly_as_many_as_allowed_may_start(storage: Storage) -> None:
    replicas = [await subscribed(storage, "alice", max_training_runs_per_month=3) for _ in range(4)]

    started = await asyncio.gather(
        *(replicas[n % 4].spend("alice", "training", f"run-{n}") for n in range(12)), return_exceptions=True
    )

    assert sum(result is None for result in started) == 3
    assert all(result is None or isinstance(result, LimitReached) for result in started)


async def test_without_a_subscription_or_after_its_end_nothing_starts(storage: Storage) -> None:
    plans = await subscribed(storage, "alice")
    ended = UserSubscriptionRow(
        id="s-bob", owner="bob", plan_id="small", expires_at=utc_now() - timedelta(days=1)
    )
    await storage.records.insert([ended])

    for owner in ("bob", "carol"):
        with pytest.raises(NoSubscription, match="No active subscription"):
            await plans.check(owner, "processing")


async def test_a_plan_without_training_trains_nothing(storage: Storage) -> None:
    plans = await subscribed(storage, "alice", can_use_training=False)

    with pytest.raises(TrainingNotAvailable):
        await plans.spend("alice", "training", "run-1")
    await plans.spend("alice", "processing", "file-1")
