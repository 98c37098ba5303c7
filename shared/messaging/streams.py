"""Streams and consumers of the platform, provisioned by one idempotent step before any service starts."""

from datetime import timedelta

from nats.aio.client import Client
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RePublish,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError

from shared.contracts import events as e
from shared.contracts.base import Event
from shared.contracts.kinds import KINDS, Kind

DAY = 86_400.0
MAX_DELIVER = 20  # the crash net; real failures are counted in the row
_EXISTS_DIFFERENTLY = 10058

REACTIONS: tuple[tuple[str, type[Event]], ...] = (
    ("ingest-upload-completed", e.UploadCompleted),
    ("datasets-dataset-requested", e.DatasetRequested),
    ("trainer-training-requested", e.TrainingRequested),
    ("trainer-dataset-ready", e.DatasetReady),
    ("trainer-cancel-requested", e.CancelRequested),
    ("trainer-model-done", e.ModelDone),
    ("trainer-session-deleted", e.SessionDeleted),
    ("evaluator-model-done", e.ModelDone),
    ("evaluator-dataset-failed", e.DatasetFailed),
    ("evaluator-model-evaluated", e.ModelEvaluated),
    ("evaluator-run-finished", e.RunFinished),
    ("evaluator-rows-arrived", e.RowsArrived),
)
CHRONICLE, EVERY_EVENT = "evaluator-chronicle", "evt.>"
LETTERS, EXHAUSTED = "evaluator-dead-letters", "evaluator-exhausted"


def work_consumer(kind: Kind) -> str:
    """Return the durable every replica that serves this kind pulls from."""
    return f"train-{kind}"


def streams(*, replicas: int = 1) -> list[StreamConfig]:
    """Return the five streams; ``replicas`` is 3 in production."""
    return [
        StreamConfig(
            name="EVT",
            subjects=["evt.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            num_replicas=replicas,
            max_age=30 * DAY,
            max_bytes=4 << 30,
            duplicate_window=3600,
            allow_direct=True,
            republish=RePublish(src="evt.>", dest="live.evt.>"),
        ),
        StreamConfig(
            name="JOBS",
            subjects=[f"jobs.train.{kind}.*.*" for kind in KINDS],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            num_replicas=replicas,
            discard=DiscardPolicy.NEW,
            max_age=14 * DAY,
            max_bytes=1 << 30,
            duplicate_window=60,
            allow_direct=True,
        ),
        StreamConfig(
            name="PROG",
            subjects=["prog.>"],
            storage=StorageType.MEMORY,
            num_replicas=replicas,
            max_age=12 * 3600,
            max_msgs_per_subject=1_000,  # every epoch of a fit: the loss curve of a run under way
            max_bytes=64 << 20,
            duplicate_window=1,
            allow_direct=True,
        ),
        StreamConfig(  # counters: one message each, and the newest holds the sum
            name="LIMITS",
            subjects=["limit.>"],
            storage=StorageType.MEMORY,
            num_replicas=replicas,
            max_age=120,  # two of the minutes that are counted
            max_bytes=64 << 20,
            duplicate_window=1,
            allow_msg_counter=True,
            allow_direct=True,
        ),
        StreamConfig(
            name="DLQ",
            subjects=["dlq.>", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"],
            storage=StorageType.FILE,
            num_replicas=replicas,
            max_age=30 * DAY,
            max_bytes=1 << 30,
            duplicate_window=3600,
            allow_direct=True,
        ),
    ]


def consumers(*, ack_wait: timedelta) -> list[tuple[str, ConsumerConfig]]:
    """Return every durable consumer with the stream it reads."""

    def durable(name: str, subject: str) -> ConsumerConfig:
        return ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subject=subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait.total_seconds(),
            max_deliver=MAX_DELIVER,
            max_ack_pending=1000,
        )

    reactions = [("EVT", durable(name, event.pattern())) for name, event in REACTIONS]
    reactions.append(("EVT", durable(CHRONICLE, EVERY_EVENT)))
    work = [("JOBS", durable(work_consumer(kind), f"jobs.train.{kind}.*.*")) for kind in KINDS]
    dead = [
        ("DLQ", durable(LETTERS, "dlq.>")),
        ("DLQ", durable(EXHAUSTED, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>")),
    ]
    return reactions + work + dead


async def provision(client: Client, *, ack_wait: timedelta, replicas: int = 1) -> None:
    """Create or update every stream and consumer; safe to run again at any time."""
    js = client.jetstream(timeout=10)
    for stream in streams(replicas=replicas):
        try:
            await js.add_stream(stream)
        except BadRequestError as error:
            if error.err_code != _EXISTS_DIFFERENTLY:
                raise
            await js.update_stream(stream)
    for stream_name, consumer in consumers(ack_wait=ack_wait):
        await js.add_consumer(stream_name, consumer)
