"""Data sets and runs: written into the ledger first, then asked for; asked twice, started once."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

from services.gateway.context import RunContext
from services.gateway.datasets.stored_size import stored_bytes
from services.gateway.problems import RunNotFound, TrainingInProgress
from services.gateway.runs.backlog import n_fits, require_room
from services.gateway.settings import GatewaySettings
from shared.contracts.backtest import Backtest
from shared.contracts.base import derive, new_id, utc_now
from shared.contracts.events import CancelNow, CancelRequested, DatasetRequested, TrainingRequested
from shared.contracts.kinds import MODEL_SPEC, ModelSpec
from shared.contracts.specs import DatasetSpec
from shared.errors import InvalidInput
from shared.storage.leases import is_held
from shared.storage.records import OneOf, Records, Where
from shared.storage.rows import (
    LIVE_RUN,
    OPEN_JOB,
    DatasetRow,
    DatasetStatus,
    JobRow,
    LeaseRow,
    ResultRow,
    RunRow,
    SeriesRow,
    SessionRow,
)

_POLL_S = 0.2
_FLOAT64 = 8
_STARTING = timedelta(seconds=30)  # between taking the session's lease and writing the run


async def request_dataset(
    context: RunContext, session: SessionRow, spec: DatasetSpec, *, name: str = ""
) -> DatasetRow:
    """Ask for a data set; of the same spec and rows it is built once, and again only after it failed.

    Raises
    ------
    StorageFull, QuotaExceeded
        If what it is expected to take has no room; nothing is stored then.
    """
    text = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
    known = await context.records.select(DatasetRow, {"session_id": session.id})
    failed = sum(1 for row in known if row.spec == spec and row.status == "failed")
    ids = tuple({one.series_id for one in spec.series})
    series = await context.records.select(SeriesRow, {"session_id": session.id, "id": OneOf(ids)})
    versions = sorted(f"{row.id}-{row.version}" for row in series if row.version)  # of grown series
    expected = stored_bytes(spec, series)
    row = DatasetRow(
        id=derive("dataset", session.id, text, str(failed), *versions),
        owner=session.owner,
        session_id=session.id,
        name=name or f"dataset_{len(known) + 1}",
        spec=spec,
        report={"expected_bytes": expected},
    )
    if not any(one.id == row.id for one in known):
        await context.room.require(session.owner, session.id, expected)
    await context.records.insert([row])
    await context.post.publish(DatasetRequested.first(session_id=session.id, dataset_id=row.id))
    return await context.records.get(DatasetRow, row.id) or row


class DatasetCancelled(InvalidInput):
    """A data set was no longer wanted before it was built."""

    code = "DATASET_CANCELLED"
    advice = ("Ask for the data set again.",)


async def cancel_datasets(records: Records, session: SessionRow) -> int:
    """End the building of the session's data sets that no run waits for; return how many there were."""
    waiting: Where = {"session_id": session.id, "status": "requested"}
    problem = DatasetCancelled("the data set was cancelled before it was built").problem()
    changes = {"status": "failed", "problem": problem}
    rows = await records.select(DatasetRow, waiting)
    ended = [
        await records.update(DatasetRow, row.id, changes, expect={"status": "requested"}) for row in rows
    ]
    return sum(row is not None for row in ended)


async def newest_dataset(
    records: Records, session: SessionRow, *, of: tuple[DatasetStatus, ...] = ("requested", "ready")
) -> DatasetRow | None:
    """Return the session's newest data set in one of these states."""
    where: Where = {"session_id": session.id, "status": OneOf(of)}
    rows = await records.select(DatasetRow, where, order="-created_at", limit=1)
    return rows[0] if rows else None


async def start_run(
    context: RunContext,
    session: SessionRow,
    dataset: DatasetRow,
    models: Sequence[ModelSpec],
    *,
    metric: str,
    key: str | None,
    ensemble: bool = True,
    backtest_of: str | None = None,
    backtest: Backtest | None = None,
) -> RunRow:
    """Write a run down and ask for its training; the same ``key`` starts it once.

    With ``ensemble`` its models are averaged, too. With ``backtest`` it is one: of the models of the run
    ``backtest_of``, on these folds.

    Raises
    ------
    TrainingInProgress
        If another run of the session is live.
    BacklogFull, QueueFull
        If too many models wait already.
    StorageFull, QuotaExceeded
        If their forecasts have no room.
    """
    text = json.dumps([MODEL_SPEC.dump_python(model, mode="json") for model in models], sort_keys=True)
    folds = (backtest.model_dump_json(),) if backtest else ()
    run_id = derive("run", session.id, dataset.id, text, key or new_id(), *folds)
    row = RunRow(
        id=run_id,
        owner=session.owner,
        session_id=session.id,
        dataset_id=dataset.id,
        models=tuple(models),
        metric=metric,
        ensemble=ensemble,
        backtest_of=backtest_of,
        backtest=backtest,
        correlation_id=run_id,
    )
    if not await context.records.get(RunRow, run_id):
        await require_room(context, session.owner, models, backtest)
        await context.room.require(
            session.owner, session.id, _forecast_bytes(dataset) * n_fits(models, backtest)
        )
        await context.plans.check(session.owner, "training")
        await _take_turn(context, session, run_id)
        await context.plans.spend(session.owner, "training", run_id)
        await context.records.insert([row])
    event = TrainingRequested.first(
        session_id=session.id,
        run_id=run_id,
        dataset_id=dataset.id,
        backtest=backtest is not None,
        correlation_id=row.correlation_id,
    )
    await context.post.publish(event)
    return await context.records.get(RunRow, run_id) or row


def _forecast_bytes(dataset: DatasetRow) -> int:
    """Return the bytes of truth and forecasts one model leaves; 0 while nobody knows how many windows."""
    counts = [dataset.report.get(f"n_{part}") for part in ("validation", "test")]
    n_windows = sum(count for count in counts if isinstance(count, int))
    return n_windows * dataset.spec.output_steps * len(dataset.spec.outputs) * 2 * _FLOAT64


async def _take_turn(context: RunContext, session: SessionRow, run_id: str) -> None:
    """Take the session's lease: of two requests at the same moment one starts a run."""
    own = context.service.of_owner(session.owner).records
    lease_id = derive("live-run", session.id)
    until = utc_now() + _STARTING
    fresh = LeaseRow(id=lease_id, owner=session.owner, holder=run_id, until=until)
    if await own.insert([fresh]):
        return
    lease = await own.get(LeaseRow, lease_id)
    holder = lease.holder if lease else ""
    if holder == run_id:  # the same request once more, after something broke off in the middle
        return
    live = await context.records.get(RunRow, holder)
    starting = lease is not None and is_held(lease.until, now=utc_now(), longest=_STARTING)
    busy = live.status in LIVE_RUN if live else starting
    change = {"holder": run_id, "until": until}
    if busy or not await own.update(LeaseRow, lease_id, change, expect={"holder": holder}):
        raise TrainingInProgress("a run of this session is under way", run_id=holder)


async def find_run(records: Records, session: SessionRow, run_id: str | None = None) -> RunRow:
    """Return a run of the session, by default the newest that is no backtest.

    Raises
    ------
    RunNotFound
    """
    if run_id is None:
        ordinary: Where = {"session_id": session.id, "backtest_of": None}
        newest = await records.select(RunRow, ordinary, order="-created_at", limit=1)
        if newest:
            return newest[0]
        raise RunNotFound("the session has no run yet")
    row = await records.get(RunRow, run_id)
    if row is None or row.session_id != session.id:
        raise RunNotFound("the session has no such run", run_id=run_id[:64])
    return row


async def find_finished_run(records: Records, session: SessionRow, run_id: str | None = None) -> RunRow:
    """Return a run of the session, by default the newest that finished with models.

    A run that was completed comes before one that was stopped and has scored models; only where there is
    neither is it the newest run of all.

    Raises
    ------
    RunNotFound
    """
    if run_id is not None:
        return await find_run(records, session, run_id)
    ordinary: Where = {"session_id": session.id, "backtest_of": None}
    completed = await records.select(
        RunRow, {**ordinary, "status": "completed"}, order="-created_at", limit=1
    )
    if completed:
        return completed[0]
    over: Where = {**ordinary, "status": OneOf(("cancelled", "failed"))}
    for run in await records.select(RunRow, over, order="-created_at"):
        if await records.count(ResultRow, {"run_id": run.id}):
            return run
    return await find_run(records, session)


async def live_runs(records: Records, session: SessionRow) -> list[RunRow]:
    """Return the session's runs that are not over."""
    return await records.select(RunRow, {"session_id": session.id, "status": OneOf(LIVE_RUN)})


async def let_end(records: Records, settings: GatewaySettings, session: SessionRow) -> None:
    """Give a run that is about to end a moment to do so: clients start the next one as soon as they think."""
    for _ in range(round(settings.gateway_start_patience.total_seconds() / _POLL_S)):
        if not await live_runs(records, session):
            return
        await asyncio.sleep(_POLL_S)


async def run_to_stop(records: Records, session: SessionRow, run_id: str | None = None) -> RunRow:
    """Return the run somebody wants to stop, by default the live one, be it a backtest.

    Raises
    ------
    RunNotFound
    """
    live = await live_runs(records, session) if run_id is None else []
    return live[0] if live else await find_run(records, session, run_id)


async def cancel(context: RunContext, session: SessionRow, run: RunRow, *, job_id: str | None = None) -> bool:
    """Ask a run, or one job of it, to stop; False if it is over already.

    The ledger's flag is what counts; the messages only make it quick.
    """
    if job_id is None:
        if run.status not in LIVE_RUN:
            return False
        await context.records.update(RunRow, run.id, {"cancel_requested": True})
    else:
        job = await context.records.get(JobRow, job_id)
        if job is None or job.run_id != run.id:
            raise RunNotFound("the run has no such job", job_id=job_id[:64])
        if job.status not in OPEN_JOB:
            return False
        await context.records.update(JobRow, job_id, {"cancel_requested": True})
    await context.post.publish(CancelRequested.first(session_id=session.id, run_id=run.id, job_id=job_id))
    await context.post.publish(CancelNow(session_id=session.id, run_id=run.id, job_id=job_id))
    return True
