"""A gateway as a process on a real broker, and somebody who plays the workers."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import nats
from faststream.nats import NatsBroker
from faststream.nats.security import NatsToken

from shared.contracts.base import Message, new_id, utc_now
from shared.contracts.events import (
    JobFacts,
    ModelDone,
    ModelEvaluated,
    ModelProgress,
    RunFinished,
    RunPlanned,
)
from shared.contracts.kinds import LinearSpec
from shared.messaging.publish import Publisher
from shared.messaging.streams import provision
from shared.storage.connect import Storage, open_embedded
from shared.storage.rows import JobRow, ResultRow, RunRow
from trainyard.broker import EmbeddedNats

ROOT = Path(__file__).parents[3]


@dataclass
class Running:
    """Gateways on one broker and one store."""

    urls: list[str]
    post: Publisher
    storage: Storage
    broker: EmbeddedNats
    processes: list[subprocess.Popen[bytes]]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The first gateway's address."""
        return self.urls[0]

    def live(self, session_id: str, *, gateway: int = 0, after: int | None = None) -> str:
        """Return the address of a session's live channel."""
        query = "" if after is None else f"?after={after}"
        return f"{self.urls[gateway].replace('http', 'ws')}/ws/sessions/{session_id}{query}"

    async def session(self) -> str:
        """Open a session and return its canonical id."""
        async with httpx.AsyncClient(headers=self.headers) as http:
            answer = await http.post(f"{self.url}/api/training/init-session", json={})
        return str(answer.json()["data"]["uuid"]).replace("-", "")

    async def say(self, *messages: Message) -> None:
        """Publish messages as the workers would."""
        for message in messages:
            await self.post.publish(message)


async def prepare(broker: EmbeddedNats) -> None:
    """Provision the streams; memory streams do not outlive their server."""
    client = await nats.connect(broker.url, token=broker.token)
    await provision(client, ack_wait=timedelta(seconds=5))
    await client.close()


@asynccontextmanager
async def running(
    root: Path, broker: EmbeddedNats, *, replicas: int = 1, **environment: str
) -> AsyncIterator[Running]:
    """Start gateways and wait until they are ready."""
    await prepare(broker)
    common = {
        **os.environ, "TRAINYARD_NATS_URL": broker.url, "TRAINYARD_NATS_TOKEN": broker.token,
        "TRAINYARD_DATA_DIR": str(root), "TRAINYARD_DRAIN": "PT2S", **environment,
    }  # fmt: skip
    files = [root / f"gateway-{n}.port" for n in range(replicas)]
    processes = [_start(file, common) for file in files]
    speaker = NatsBroker(broker.url, security=NatsToken(broker.token), logger=None)
    storage = await open_embedded(root)
    try:
        await speaker.start()
        urls = [await _listening(file, process) for file, process in zip(files, processes, strict=True)]
        yield Running(urls, Publisher(speaker), storage, broker, processes)
    finally:
        await speaker.stop()
        await storage.close()
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.wait, 20)


def _start(port_file: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    own = {"TRAINYARD_PORT_FILE": str(port_file), "TRAINYARD_PARENT_PID": str(os.getpid())}
    with port_file.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.gateway.app"], cwd=ROOT, env={**environment, **own}, stderr=log
        )


def _port(port_file: Path) -> str | None:
    return port_file.read_text() if port_file.exists() else None


async def _listening(port_file: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if port := _port(port_file):
            return f"http://127.0.0.1:{port}"
        assert process.poll() is None, "the gateway ended while starting"
        await asyncio.sleep(0.05)
    raise TimeoutError("the gateway did not start")


async def play_a_run(house: Running, session_id: str, *, pause: float = 0.0) -> str:
    """Write a run of two models down and tell its story, progress that starts again included."""
    run_id, dataset_id = new_id(), new_id()
    jobs = [
        JobRow(
            id=new_id(), owner="local", session_id=session_id, run_id=run_id, dataset_id=dataset_id,
            position=n, kind="lin", label=f"LIN {n}", spec=LinearSpec(),
        )
        for n in range(2)
    ]  # fmt: skip
    run = RunRow(
        id=run_id, owner="local", session_id=session_id, dataset_id=dataset_id, models=(LinearSpec(),)
    )
    await house.storage.records.insert([run, *jobs])
    about = {"session_id": session_id, "run_id": run_id}
    facts = tuple(JobFacts(job_id=job.id, kind="lin", label=job.label) for job in jobs)
    await house.say(RunPlanned.first(**about, jobs=facts))
    for job in jobs:
        named = {**about, "job_id": job.id, "kind": "lin", "label": job.label}
        for epoch in (1, 2, 1, 2, 3):  # the trainer was killed after the second
            progress = {
                "fraction": epoch / 4,
                "phase": "training",
                "epoch": epoch,
                "n_epochs": 4,
                "loss": 1.0,
                "curve": [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n} for n in range(1, epoch + 1)],
            }
            await house.say(ModelProgress.model_validate({**named, **progress}))
            await asyncio.sleep(pause)
        scores = {"rmse": 1.0}
        result = ResultRow(
            id=job.id, owner="local", session_id=session_id, run_id=run_id, label=job.label, kind="lin",
            scores={}, headline=dict(scores),
        )  # fmt: skip
        await house.storage.records.insert([result])
        await house.say(
            ModelDone.first(**named, status="finished"), ModelEvaluated.first(**named, headline=scores)
        )
    ended = {"status": "completed", "best_job_id": jobs[0].id, "finished_at": utc_now()}
    await house.storage.records.update(RunRow, run_id, ended)
    await house.say(
        RunFinished.first(**about, status="completed", best_job_id=jobs[0].id, best_label="LIN 0")
    )
    return run_id
