"""Faults against the real broker and real processes: the run finishes, with the same leaderboard."""

import asyncio
import os
import signal
from collections import Counter

import nats
import pytest
from nats.aio.client import Client

from shared.contracts.kinds import KINDS, ModelSpec
from shared.messaging.streams import consumers
from shared.storage.rows import JobRow, ResultRow, RunRow
from tests.live.conftest import OpenYard, Yard
from tests.support.load import CLASSICAL, LONG_MODELS, MODELS
from trainyard.responses import Live, Run

pytestmark = [pytest.mark.live, pytest.mark.keras, pytest.mark.timeout(240)]
Board = list[tuple[str, float]]
PATIENCE = 150.0


async def board_of(yard: Yard, run: Run) -> Board:
    """Wait for the run's end and return (label, test RMSE) of each model, best first."""
    results = await yard.client.wait(run.session_id, run.run_id, timeout=PATIENCE)
    assert results.status == "completed"
    return [(row["label"], row["test"]["rmse"]) for row in results.leaderboard["rows"]]


_undisturbed: dict[tuple[ModelSpec, ...], Board] = {}


async def undisturbed(open_yard: OpenYard, models: tuple[ModelSpec, ...]) -> Board:
    """Return the leaderboard of a run nothing happened to."""
    if models not in _undisturbed:
        async with open_yard(kinds=KINDS if models == LONG_MODELS else CLASSICAL) as yard:
            _undisturbed[models] = await board_of(yard, await yard.start_run(models))
    return _undisturbed[models]


async def seen(yard: Yard, run: Run, kind: str) -> Live:
    """Wait for the first event of a type."""
    async with asyncio.timeout(60):
        async for event in yard.client.watch(run.session_id, run.run_id):
            if event.type == kind:
                return event
    raise AssertionError(f"the run ended without {kind}")


async def reported(yard: Yard, run: Run) -> None:
    """Wait until the report of a closed run is stored."""
    async with asyncio.timeout(60):
        async for _ in yard.client.watch(run.session_id, run.run_id, until="run.reported"):
            pass


async def subjects(yard: Yard) -> Counter[str]:
    """Return how often each subject is stored in the event stream."""
    client = await connect(yard)
    info = await client.jetstream().stream_info("EVT", subjects_filter="evt.>")
    await client.close()
    return Counter(info.state.subjects or {})


async def connect(yard: Yard) -> Client:
    return await nats.connect(yard.platform.broker.url, **yard.platform.broker.login())


async def n_pending(client: Client) -> int:
    """Return how many deliveries are still to come, over all consumers of the event stream."""
    found = await client.jetstream().consumers_info("EVT")
    return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in found)


async def assert_once(yard: Yard, run: Run) -> None:
    """Every event once, every job with one result, the run closed once."""
    assert set((await subjects(yard)).values()) == {1}
    jobs = await yard.storage.records.select(JobRow, {"run_id": run.run_id})
    results = await yard.storage.records.select(ResultRow, {"run_id": run.run_id})
    assert {job.status for job in jobs} == {"finished"}
    assert sorted(result.id for result in results) == sorted(job.id for job in jobs)


async def test_a_trainer_killed_in_mid_fit_is_replaced_by_another(open_yard: OpenYard) -> None:
    expected = await undisturbed(open_yard, LONG_MODELS)

    async with open_yard(trainers=2) as yard:
        run = await yard.start_run(LONG_MODELS)
        victim = await fitting_process(yard, run, kind="dense")
        os.kill(victim, signal.SIGKILL)
        board = await board_of(yard, run)
        await assert_once(yard, run)

    assert board == expected


async def fitting_process(yard: Yard, run: Run, *, kind: str) -> int:
    """Return the process id of the trainer that fits the kind, once it has come some way."""
    async with asyncio.timeout(60):
        async for event in yard.client.watch(run.session_id, run.run_id):
            if (
                event.type == "model.progress"
                and event.data["kind"] == kind
                and event.data["fraction"] > 0.05
            ):
                job = await yard.storage.records.get(JobRow, event.job_id or "")
                assert job is not None
                assert job.leased_by is not None
                return int(job.leased_by.rsplit("-", 2)[1])
    raise AssertionError(f"no {kind} was being fitted")


@pytest.mark.parametrize(
    ("service", "moment"),
    [
        ("datasets", "start"),
        ("evaluator", "model.progress"),
        ("gateway", "run.planned"),
        ("trainer", "run.planned"),
    ],
)
async def test_a_service_killed_in_mid_work_comes_back_and_the_run_finishes(
    open_yard: OpenYard, service: str, moment: str
) -> None:
    expected = await undisturbed(open_yard, MODELS)

    async with open_yard(kinds=CLASSICAL) as yard:
        run = await yard.start_run()
        if moment != "start":
            await seen(yard, run, moment)
        yard.platform.services[service].signal(signal.SIGKILL)
        board = await board_of(yard, run)
        await assert_once(yard, run)

    assert board == expected


async def test_an_ingest_killed_while_files_arrive_loses_none(open_yard: OpenYard) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        uploading = asyncio.create_task(yard.upload_all())
        await asyncio.sleep(0.15)
        yard.platform.services["ingest"].signal(signal.SIGKILL)
        session = await uploading

        names = sorted(series.name for series in await yard.client.series(session))

    assert names == ["demand", "temperature"]


async def test_a_broker_killed_in_mid_run_comes_back_and_the_run_finishes(open_yard: OpenYard) -> None:
    expected = await undisturbed(open_yard, MODELS)

    async with open_yard(kinds=CLASSICAL) as yard:
        run = await yard.start_run()
        await seen(yard, run, "model.progress")
        yard.platform.broker.kill()
        board = await board_of(yard, run)
        await assert_once(yard, run)

    assert board == expected


async def test_every_message_delivered_twice_changes_nothing(open_yard: OpenYard) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        run = await yard.start_run()
        board = await board_of(yard, run)
        await reported(yard, run)
        before, row = await subjects(yard), await yard.storage.records.get(RunRow, run.run_id)
        client = await connect(yard)
        js = client.jetstream()
        events = [c for stream, c in consumers(ack_wait=yard.platform.settings.ack_wait) if stream == "EVT"]

        for consumer in events:
            await js.delete_consumer("EVT", consumer.durable_name or "")
            await js.add_consumer("EVT", consumer)
        async with asyncio.timeout(60):
            while await n_pending(client):  # noqa: ASYNC110 - the server sets no event of ours
                await asyncio.sleep(0.2)
        await asyncio.sleep(2.0)
        await client.close()

        assert await subjects(yard) == before
        assert await yard.storage.records.get(RunRow, run.run_id) == row
        assert await board_of(yard, run) == board
        await assert_once(yard, run)
