"""Delivery on a real nats-server: nothing lost, nothing doubled, nothing stuck."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import nats
import pytest
from faststream.nats import NatsBroker
from nats.aio.client import Client
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from shared.contracts.base import derive, new_id
from shared.contracts.events import DatasetReady, DatasetRequested, TrainModel
from shared.errors import InvalidInput, SessionNotFound, Unavailable
from shared.messaging.broker import Reactions, make_broker
from shared.messaging.delivery import settling
from shared.messaging.publish import Publisher
from shared.messaging.streams import provision
from shared.messaging.work_queue import WorkQueue
from shared.settings import CommonSettings
from trainyard.broker import EmbeddedNats

SESSION, RUN = derive("session"), derive("run")
ACK_WAIT = timedelta(seconds=1)


@pytest.fixture
async def client(nats_server: EmbeddedNats) -> AsyncIterator[Client]:
    connection = await nats.connect(nats_server.url, token=nats_server.token)
    await provision(connection, ack_wait=ACK_WAIT)
    yield connection
    await connection.close()


def settings_of(server: EmbeddedNats) -> CommonSettings:
    return CommonSettings(
        nats_url=server.url, nats_token=SecretStr(server.token), ack_wait=ACK_WAIT, drain=timedelta(seconds=1)
    )


@asynccontextmanager
async def running(
    server: EmbeddedNats, reactions: Reactions, registry: CollectorRegistry | None = None
) -> AsyncIterator[NatsBroker]:
    broker = make_broker("test", settings_of(server), registry=registry or CollectorRegistry())
    broker.include_router(reactions.router)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


async def until(condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.02)


async def stored(client: Client, stream: str, n: int) -> None:
    async with asyncio.timeout(10):
        while await n_stored(client, stream) < n:  # noqa: ASYNC110 - the server sets no event of ours
            await asyncio.sleep(0.02)


def requested() -> DatasetRequested:
    return DatasetRequested.first(session_id=SESSION, dataset_id=new_id())


async def n_stored(client: Client, stream: str) -> int:
    return (await client.jetstream().stream_info(stream)).state.messages


async def test_an_event_said_five_times_is_stored_once(client: Client, nats_server: EmbeddedNats) -> None:
    event = requested()

    async with running(nats_server, Reactions()) as broker:
        answers = [await Publisher(broker).publish(event) for _ in range(5)]

    assert answers == [True, False, False, False, False]
    assert await n_stored(client, "EVT") == 1


async def test_what_a_handler_returns_is_published_before_its_message_is_acknowledged(
    client: Client, nats_server: EmbeddedNats
) -> None:
    reactions, event = Reactions(), requested()

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> DatasetReady:
        counts = dict.fromkeys(("n_windows", "n_train", "n_validation", "n_test"), 1)
        return DatasetReady.caused_by(event, dataset_id=event.dataset_id, **counts)

    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(event)
        await stored(client, "EVT", 2)
        answer = await client.jetstream().get_msg("EVT", 2)

    ready = DatasetReady.model_validate_json(answer.data or b"")
    assert ready.correlation_id == event.correlation_id
    assert (answer.headers or {})["traceparent"].split("-")[1] == event.session_id


async def test_an_outage_is_waited_out(client: Client, nats_server: EmbeddedNats) -> None:
    reactions, attempts = Reactions(), []

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        attempts.append(event.dataset_id)
        if len(attempts) < 3:
            raise Unavailable("the store is away")

    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(requested())
        await until(lambda: len(attempts) == 3)
        await asyncio.sleep(0.3)

    assert len(attempts) == 3
    assert await n_stored(client, "DLQ") == 0


@pytest.mark.parametrize("body", [b"{}", b"no json", b'{"session_id": 5}'])
async def test_what_cannot_be_read_becomes_a_dead_letter(
    client: Client, nats_server: EmbeddedNats, body: bytes
) -> None:
    reactions = Reactions()

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        raise AssertionError("never reached")

    async with running(nats_server, reactions):
        await client.jetstream().publish(requested().subject(), body)
        await stored(client, "DLQ", 1)

    letter = json.loads((await client.jetstream().get_msg("DLQ", 1)).data or b"")
    assert letter["payload"] == body.decode()


async def test_invalid_input_nobody_caught_becomes_a_dead_letter_at_once(
    client: Client, nats_server: EmbeddedNats
) -> None:
    reactions, attempts = Reactions(), []

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        attempts.append(1)
        raise InvalidInput("this can never work")

    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(requested())
        await stored(client, "DLQ", 1)
        await asyncio.sleep(0.3)

    assert attempts == [1]


async def test_work_for_a_session_deleted_meanwhile_is_over_and_no_dead_letter(
    client: Client, nats_server: EmbeddedNats
) -> None:
    reactions, attempts = Reactions(), []

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        attempts.append(1)
        raise SessionNotFound("the session does not exist")

    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(requested())
        while not attempts:  # noqa: ASYNC110 - the broker tells nobody of a delivery
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)

    assert attempts == [1]
    assert await n_stored(client, "DLQ") == 0


async def test_work_longer_than_the_acknowledgement_wait_is_done_once(
    client: Client, nats_server: EmbeddedNats
) -> None:
    reactions, starts = Reactions(), []

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        starts.append(1)
        await asyncio.sleep(2.5 * ACK_WAIT.total_seconds())

    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(requested())
        await asyncio.sleep(3.5 * ACK_WAIT.total_seconds())

    assert starts == [1]


async def test_a_service_hears_again_after_the_broker_was_killed(
    client: Client, nats_server: EmbeddedNats
) -> None:
    reactions, heard = Reactions(), []

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        heard.append(event.dataset_id)

    before, after = requested(), requested()
    async with running(nats_server, reactions) as broker:
        await Publisher(broker).publish(before)
        await until(lambda: heard == [before.dataset_id])
        nats_server.kill()
        nats_server.start()
        await Publisher(broker).publish(after)
        await until(lambda: after.dataset_id in heard, timeout=20)


async def test_metric_labels_carry_no_ids(client: Client, nats_server: EmbeddedNats) -> None:
    reactions, heard, registry = Reactions(), [], CollectorRegistry()

    @reactions.on(DatasetRequested, durable="datasets-dataset-requested")
    async def react(event: DatasetRequested) -> None:
        heard.append(1)

    async with running(nats_server, reactions, registry) as broker:
        await Publisher(broker).publish(requested())
        await until(lambda: heard == [1])

    exposed = generate_latest(registry).decode()
    assert "evt.*.*.dataset.*.requested" in exposed
    assert SESSION not in exposed


async def test_a_job_waits_in_the_queue_until_somebody_is_free(
    client: Client, nats_server: EmbeddedNats
) -> None:
    jobs = [
        TrainModel.first(session_id=SESSION, run_id=RUN, job_id=new_id(), kind=k) for k in ("lin", "lstm")
    ]
    async with running(nats_server, Reactions()) as broker:
        for job in jobs:
            await Publisher(broker).publish(job)
        queue, other = (WorkQueue(client, ("lin", "lstm", "dense")) for _ in range(2))

        first, second = await queue.next_job(), await other.next_job()

        assert {TrainModel.model_validate_json(m.data).kind for m in (first, second)} == {"lin", "lstm"}
        for message in (first, second):
            async with settling(message, broker.publish, every=1.0):
                pass
        await asyncio.sleep(0.2)
        assert await n_stored(client, "JOBS") == 0


async def test_a_job_whose_replica_died_is_given_to_another(
    client: Client, nats_server: EmbeddedNats
) -> None:
    job = TrainModel.first(session_id=SESSION, run_id=RUN, job_id=new_id(), kind="lin")
    async with running(nats_server, Reactions()) as broker:
        await Publisher(broker).publish(job)
    queue = WorkQueue(client, ("lin",))

    await queue.next_job()  # and never heard of again
    again = await asyncio.wait_for(queue.next_job(), 5 * ACK_WAIT.total_seconds())

    assert again.metadata.num_delivered == 2
