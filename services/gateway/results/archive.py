"""The report of a run: whether there will be one, and waiting for it."""

import asyncio
from typing import Literal

from services.gateway.context import LiveChannel
from services.gateway.live.hub import Subscription
from services.gateway.problems import NoReport, NothingThere, ReportFailed, ReportNotReady
from services.gateway.settings import GatewaySettings
from shared.contracts.events import RunReported
from shared.contracts.problems import Problem
from shared.storage import keys
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.rows import LIVE_RUN, ResultRow, RunRow

ReportState = Literal["none", "writing", "ready", "failed"]


def report_state(run: RunRow, *, any_scored: bool) -> ReportState:
    """Return how far the report of a run is; without a scored model there is nothing to report."""
    if run.status in LIVE_RUN or not any_scored:
        return "none"
    if run.reported:
        return "ready"
    return "failed" if "report_problem" in run.verdict else "writing"


async def archive_of(
    records: Records, objects: Objects, live: LiveChannel, settings: GatewaySettings, run: RunRow
) -> str:
    """Return the key of a run's archive, as soon as the evaluator has stored it.

    Raises
    ------
    NothingThere
        If the run is not over yet.
    NoReport
        If there will be none, because no model of the run finished.
    ReportFailed
        If it cannot be written.
    ReportNotReady
        If it was not stored within ``gateway_report_patience``.
    """
    if run.status in LIVE_RUN:
        raise NothingThere("the run is not over yet", run_id=run.id)
    key = keys.archive(run.session_id, run.id)
    # Before the look: a report stored meanwhile is heard of.
    subscription = live.hub.subscribe(run.session_id)
    try:
        if await objects.size(key) is not None:
            return key
        if not await records.count(ResultRow, {"run_id": run.id}):
            raise NoReport("no model of this run finished, so there is nothing to download", run_id=run.id)
        if "report_problem" not in run.verdict:
            await _reported(objects, settings, subscription, run)
            run = await records.get(RunRow, run.id) or run
    finally:
        live.hub.unsubscribe(run.session_id, subscription)
    if problem := run.verdict.get("report_problem"):
        reason = Problem.model_validate(problem).code
        raise ReportFailed("the report of this run could not be written", run_id=run.id, reason=reason)
    return key


async def _reported(
    objects: Objects, settings: GatewaySettings, subscription: Subscription, run: RunRow
) -> None:
    """Wait for the event that says that the report is stored."""
    patience = settings.gateway_report_patience.total_seconds()
    try:
        async with asyncio.timeout(patience):
            while not any(
                m.type == RunReported.type and m.run_id == run.id for m in await subscription.take()
            ):
                pass
    except TimeoutError:
        if await objects.size(keys.archive(run.session_id, run.id)) is None:
            raise ReportNotReady("the report of this run is still being written", run_id=run.id) from None
