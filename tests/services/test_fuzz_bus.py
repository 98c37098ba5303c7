"""Fuzzing of the bus: whatever lies on a subject, a service settles it, answers it, and goes on."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from services.datasets.app import create_app as datasets_app
from services.datasets.settings import DatasetsSettings
from services.evaluator.app import create_app as evaluator_app
from services.evaluator.settings import EvaluatorSettings
from services.gateway.live.hub import Hub
from services.gateway.live.messages import parse
from services.gateway.workers import Question
from services.ingest.app import create_app as ingest_app
from services.ingest.settings import IngestSettings
from services.trainer.app import create_app as trainer_app
from services.trainer.settings import TrainerSettings
from shared.contracts.base import Message
from shared.contracts.events import CancelNow, TrainModel
from shared.messaging.streams import REACTIONS, consumers, provision
from tests.support.fuzz import PATIENCE_S, Footprint, golden, payload, slice_and_all
from trainyard.broker import EmbeddedNats

APPS: dict[str, tuple[Callable[[Any], Any], Callable[..., Any]]] = {
    "ingest": (ingest_app, IngestSettings),
    "datasets": (datasets_app, DatasetsSettings),
    "trainer": (trainer_app, TrainerSettings),
    "evaluator": (evaluator_app, EvaluatorSettings),
}
ABOUT: dict[str, Any] = {
    "session_id": "a" * 32, "run_id": "b" * 32, "job_id": "c" * 32, "dataset_id": "d" * 32,
    "file_id": "e" * 32,
    "data": {"load": [1.0, None]}, "inverse": False, "n_windows": 1, "outputs": ["load"], "format": "json",
    "name": "forecast", "theme": "dark", "windows": [[[1.0]]], "input_data": [[[1.0]]], "seed": 1,
    "spec": {"n_folds": 2}, "future": {}, "at": None, "rows": [], "content": "time,load\n", "position": 0,
}  # fmt: skip


@dataclass
class Bus:
    """The services in this process, on a real broker, each as its own user."""

    client: Client
    broker: EmbeddedNats

    async def settled(self) -> dict[str, int]:
        """Wait until nothing is left to do; return the consumers that are not done, with what is left."""
        left: dict[str, int] = {}
        end = time.monotonic() + 6 * PATIENCE_S
        while time.monotonic() < end:
            infos = [
                await self.client.jetstream().consumer_info(stream, config.name or "")
                for stream, config in consumers(ack_wait=timedelta(seconds=5))
            ]
            left = {i.name: (i.num_pending or 0) + (i.num_ack_pending or 0) for i in infos}
            left = {name: n for name, n in left.items() if n}
            if not left:
                break
            await asyncio.sleep(0.2)
        return left


@asynccontextmanager
async def services(tmp_path: Path) -> AsyncIterator[Bus]:
    """Every worker service, without the libraries of networks."""
    broker = EmbeddedNats(tmp_path / "nats", durable=False, users=True).start()
    client = await nats.connect(broker.url, **broker.login())
    await provision(client, ack_wait=timedelta(seconds=5))
    async with AsyncExitStack() as living:
        for name, (create, settings_of) in APPS.items():
            settings = {
                "nats_url": broker.url, "nats_user": name, "nats_password": broker.passwords[name],
                "data_dir": tmp_path / "data", "ack_wait": timedelta(seconds=5),
                "drain": timedelta(seconds=2),
            }  # fmt: skip
            if name == "trainer":
                settings["trainer_kinds"] = ("last_value", "seasonal_naive", "lin")
            await living.enter_async_context(create(settings_of(**settings)).start_lifespan_context())
        for name in APPS:
            await until_heard(client, name)
        yield Bus(client, broker)
    await client.close()
    broker.stop()


async def until_heard(client: Client, service: str) -> None:
    """Wait until a service answers its questions."""
    question = next(question for question in get_args(Question) if question.startswith(service))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(NoRespondersError):
                await client.request(f"ask.{question}", b"{}", timeout=PATIENCE_S)
                return
            await asyncio.sleep(0.05)


@slice_and_all(300)
async def test_no_message_stops_a_service_or_stays_in_its_way(tmp_path: Path, attempts: int) -> None:
    async with services(tmp_path) as bus:
        await hear_anything(bus, attempts)


async def hear_anything(bus: Bus, attempts: int) -> None:
    rng = random.Random(11)
    events = sorted({event for _, event in REACTIONS}, key=lambda event: event.type)
    kinds: list[type[Message]] = [*events, *events, TrainModel, CancelNow]
    js = bus.client.jetstream(timeout=10)
    before, n_tasks = Footprint(), len(asyncio.all_tasks())

    for n in range(attempts):
        kind = kinds[n % len(kinds)]
        parts = iter(f"{n:031x}{k}" for k in range(9))
        tokens = [next(parts) if token == "*" else token for token in kind.pattern().split(".")]
        if kind is TrainModel:
            tokens[2] = "lin"
        content = payload(rng, [golden(kind.type)])
        if kind.stream:
            await js.publish(".".join(tokens), content, stream=kind.stream)
        else:
            await bus.client.publish(".".join(tokens), content)
        if n % 500 == 499:
            await bus.settled()
    left = await bus.settled()
    answer = await bus.client.request("ask.evaluator.plot", json.dumps(ABOUT).encode(), timeout=PATIENCE_S)
    grew, files = before.grew_by()

    assert left == {}
    assert json.loads(answer.data)["problem"]["code"] == "MODEL_NOT_FOUND"
    assert len(asyncio.all_tasks()) <= n_tasks + 30  # each pull has tasks of its own that come and go
    assert files <= 5
    assert grew < 60 + attempts / 100


@slice_and_all(300)
async def test_every_question_is_answered_whatever_it_says(tmp_path: Path, attempts: int) -> None:
    async with services(tmp_path) as bus:
        await ask_anything(bus, attempts)


async def ask_anything(bus: Bus, attempts: int) -> None:
    rng = random.Random(12)
    questions = get_args(Question)
    before, n_tasks = Footprint(), len(asyncio.all_tasks())
    took, wrong = [], []

    for n in range(attempts):
        question, content = questions[n % len(questions)], payload(rng, [ABOUT])
        begun = time.monotonic()
        try:
            answer = json.loads(
                (await bus.client.request(f"ask.{question}", content, timeout=PATIENCE_S)).data
            )
        except (NatsError, TimeoutError) as error:
            answer = {"problem": {"code": type(error).__name__}}
        took.append(time.monotonic() - begun)
        code = answer.get("problem", {}).get("code", "") if not answer.get("ok") else "answered"
        if code in ("", "INTERNAL_ERROR", "TimeoutError", "NoRespondersError"):
            wrong.append((question, code, content[:300]))
    grew, files = before.grew_by()

    assert not wrong, wrong[:6]
    assert sorted(took)[int(0.99 * len(took))] < 1.0
    assert len(asyncio.all_tasks()) <= n_tasks + 30  # each pull has tasks of its own that come and go
    assert files <= 5
    assert grew < 60 + attempts / 100


@slice_and_all(500)
def test_whatever_comes_over_the_live_subjects_is_an_event_or_nothing(attempts: int) -> None:
    rng = random.Random(13)
    hub = Hub(limit=16)
    examples = [golden(event.type) for _, event in REACTIONS] + [golden("model.progress")]
    subjects = [event.pattern().replace("*", "a" * 32) for _, event in REACTIONS] + ["prog.a.b.c"]

    for n in range(attempts):
        message = parse(rng.choice(subjects), payload(rng, examples), seq=n)
        if message is not None:
            hub.publish(message)

    assert len(hub) == 0
