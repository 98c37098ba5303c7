"""Back-pressure: how many models may wait, said before a run is written down."""

from collections.abc import Sequence
from typing import ClassVar

from services.gateway.context import RunContext
from services.gateway.problems import Refused
from shared.contracts.backtest import Backtest
from shared.contracts.kinds import ModelSpec
from shared.contracts.plan import planned
from shared.contracts.problems import Category
from shared.errors import Unavailable
from shared.storage.records import OneOf
from shared.storage.rows import LIVE_JOB, JobRow, RunRow


class BacklogFull(Refused):
    """As many models of the user wait as may."""

    status: ClassVar[int] = 429
    category = Category.RATE_LIMIT
    code = "BACKLOG_FULL"
    advice = ("Wait until models of yours are done, or cancel runs you no longer need.",)


class QueueFull(Unavailable):
    """As many models of all users wait as may."""

    code = "QUEUE_FULL"
    advice = ("Send the request again later; what waits already keeps its place.",)


def n_fits(models: Sequence[ModelSpec], backtest: Backtest | None) -> int:
    """Return how many jobs a run will have."""
    rounds = len(backtest.folds) if backtest is not None and backtest.spec.refit else 1
    return len(planned(models)) * rounds


async def require_room(
    context: RunContext, owner: str, models: Sequence[ModelSpec], backtest: Backtest | None
) -> None:
    """Raise if a run would make the backlog too long; requests under way at once may pass by a few.

    Raises
    ------
    BacklogFull
        If the user's own models would be too many.
    QueueFull
        If those of all users would be.
    """
    asked = n_fits(models, backtest)
    # How many jobs wait or run, those of runs that are not planned yet included.
    records = context.service.of_owner(owner).records
    mine = {"owner": owner}
    n_jobs = await records.count(JobRow, {**mine, "status": OneOf(LIVE_JOB)})
    unplanned = await records.select(RunRow, {**mine, "status": "waiting"})
    waiting = n_jobs + sum(n_fits(run.models, run.backtest) for run in unplanned)
    limit = context.settings.gateway_jobs_per_user
    if waiting + asked > limit:
        message = f"{waiting} models of yours wait or are being fitted; {asked} more would be beyond {limit}"
        raise BacklogFull(message, waiting=waiting, asked=asked, limit=limit)
    limit = context.settings.gateway_jobs
    everybodys = await context.service.records.count(JobRow, {"status": OneOf(LIVE_JOB)})
    if everybodys + asked > limit:
        raise QueueFull("too many models wait already", waiting=everybodys, asked=asked, limit=limit)
