"""The platform of the campaign: real processes with fault points, and small runs in it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import nats
import numpy as np
import psutil
import websockets

from benchmarks.campaign.relay import Relay
from shared.contracts.kinds import Kind, LinearSpec, ModelSpec
from shared.contracts.specs import DatasetSpec
from shared.storage.connect import Storage
from shared.storage.fsck import Report, check_store
from shared.storage.rows import JobRow, ResultRow, RunRow
from trainyard.client import ApiError, AsyncClient
from trainyard.local import LocalSettings, Platform, Service
from trainyard.plan import plan_dataset

KINDS: tuple[Kind, ...] = ("last_value", "seasonal_naive", "lin")
VARIANTS: tuple[ModelSpec, ...] = (
    LinearSpec(lookbacks=(6,), penalties=(0.01,)),
    LinearSpec(lookbacks=(12,), penalties=(0.1,)),
    LinearSpec(lookbacks=(24,), penalties=(1.0,)),
)
SEEN_WITHIN_S, RESUMED_WITHIN_S = 60.0, 120.0
Board = tuple[tuple[str, float], ...]
T = TypeVar("T")


class FaultyPlatform(Platform):
    """The platform with fault points in every service, a second gateway, and lines that can be cut off."""

    def __init__(self, settings: LocalSettings) -> None:
        super().__init__(settings)
        self.relays: dict[str, Relay] = {}

    @property
    def urls(self) -> list[str]:
        """The addresses of both gateways; one that is starting again keeps its address."""
        found = [self.services[name].address() for name in ("gateway", "gateway-2")]
        return [url for url in found if url is not None]

    @property
    def faults(self) -> Path:
        """The folder of orders."""
        return self.settings.data_dir / "faults"

    def _plan(self) -> list[Service]:
        self.faults.mkdir(parents=True, exist_ok=True)
        broker = urlsplit(self.broker.url)
        folder, planned = self.settings.data_dir, []
        for service in super()._plan():
            name = service.name.partition("-")[0]
            relay = self.relays[name] = Relay(broker.hostname or "127.0.0.1", broker.port or 4222)
            environment = {
                **service._environment,
                "CAMPAIGN_SERVICE": name,
                "CAMPAIGN_FAULTS": str(self.faults),
                "TRAINYARD_NATS_URL": f"nats://127.0.0.1:{relay.port}",
            }
            labels = [service.name, "gateway-2"] if name == "gateway" else [service.name]
            planned += [
                Service(label, "benchmarks.campaign.service", environment, folder) for label in labels
            ]
        return planned

    async def stop(self, *, grace: float = 8.0) -> None:
        """Stop everything, the lines last."""
        for relay in self.relays.values():
            relay.resume()
        await super().stop(grace=grace)
        for relay in self.relays.values():
            relay.close()


def platform(folder: Path) -> FaultyPlatform:
    """Return a platform that is quick to give up on silence, so that faults show fast."""
    return FaultyPlatform(
        LocalSettings(
            data_dir=folder,
            ack_wait=timedelta(seconds=3),
            durable=False,
            environment={
                "TRAINYARD_EVALUATOR_RECONCILE_EVERY": "PT2S",
                "TRAINYARD_TRAINER_THREADS": "1",
                "TRAINYARD_TRAINER_KINDS": json.dumps(KINDS),
                "TRAINYARD_LOG_LEVEL": "WARNING",
            },
        )
    )


def csv() -> bytes:
    """Return a series of 25 days: a daily shape, a trend and noise, always the same."""
    rng = np.random.default_rng(7)
    hours = np.arange(600)
    values = 50 + 10 * np.sin(2 * np.pi * hours / 24) + 0.01 * hours + rng.normal(0, 1, len(hours))
    stamps = np.datetime64("2024-01-01T00:00") + hours.astype("timedelta64[h]")
    rows = [f"{stamp}Z,{value:.4f}" for stamp, value in zip(stamps, values, strict=True)]
    return "\n".join(["time,load", *rows]).encode() + b"\n"


@dataclass
class SmallRun:
    """One run of the campaign, and what became of it."""

    variant: int
    session_id: str = ""
    run_id: str = ""
    status: str = ""
    board: Board = ()
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def persist(attempt: Callable[[], Awaitable[T]], *, patience: float = RESUMED_WITHIN_S) -> T:
    """Do as a patient client does: ask again while the answer is that somebody is away."""
    async with asyncio.timeout(patience):
        while True:
            try:
                return await attempt()
            except ApiError as error:
                if error.status < 500 and error.status not in (408, 429):
                    raise
            except (httpx.HTTPError, OSError, websockets.WebSocketException):
                pass
            await asyncio.sleep(0.4)


async def begin(client: AsyncClient, run: SmallRun, content: bytes) -> None:
    """Upload and start; every request may be repeated."""
    made = await persist(lambda: client.create_session("campaign"))
    run.session_id = made
    name = "load.csv"
    await persist(lambda: client.upload(made, content, role="input", name=name, timeout=RESUMED_WITHIN_S))
    series = await persist(lambda: client.series(made))
    spec: DatasetSpec = plan_dataset(
        series,
        target="load",
        horizon=timedelta(hours=6),
        lookback=timedelta(hours=24),
        stride=timedelta(hours=1),
        timezone="UTC",
    )
    models = [VARIANTS[run.variant]]
    key = f"campaign-{made}"
    started = await persist(lambda: client.run(made, spec, models, idempotency_key=key))
    run.run_id = started.run_id


async def follow(client: AsyncClient, run: SmallRun) -> None:
    """Wait for the end and read the leaderboard."""
    while True:
        state = await persist(lambda: client.status(run.session_id, run_id=run.run_id))
        if state.status in ("completed", "failed", "cancelled"):
            break
        await asyncio.sleep(0.3)
    results = await persist(lambda: client.results(run.session_id, run_id=run.run_id))
    run.status = results.status
    rows = results.leaderboard.get("rows", []) if isinstance(results.leaderboard, dict) else []
    run.board = tuple((row["label"], row["test"]["rmse"]) for row in rows)


async def check_once(yard: FaultyPlatform, storage: Storage, run: SmallRun) -> None:
    """Every event once, one end, every job with one result."""
    session = run.session_id.replace("-", "")
    client = await nats.connect(yard.broker.url, **yard.broker.login())
    try:
        info = await client.jetstream().stream_info("EVT", subjects_filter=f"evt.{session}.>")
    finally:
        await client.close()
    subjects = Counter(info.state.subjects or {})
    doubled = [subject for subject, n in subjects.items() if n != 1]
    ends = [subject for subject in subjects if subject.endswith(".finished")]
    if doubled:
        run.wrong.append(f"doubled: {doubled[:2]}")
    if len(ends) != 1:
        run.wrong.append(f"{len(ends)} ends")
    jobs = await storage.records.select(JobRow, {"run_id": run.run_id})
    results = await storage.records.select(ResultRow, {"run_id": run.run_id})
    row = await storage.records.get(RunRow, run.run_id)
    if row is None or row.finished_at is None:
        run.wrong.append("the run's row is not closed")
    if run.status == "completed" and sorted(r.id for r in results) != sorted(j.id for j in jobs):
        run.wrong.append("jobs and results differ")


async def agree(storage: Storage) -> Report:
    """Return what does not agree between rows and objects."""
    return await check_store(storage)


def orphans(yard: FaultyPlatform) -> list[int]:
    """Return processes of the platform that outlived the service they belong to."""
    services = {service.pid for service in yard.services.values()} | {yard.broker.pid}
    mine = str(yard.settings.data_dir)
    found = []
    for process in psutil.process_iter(["pid", "ppid", "environ", "status"]):
        told = process.info["environ"] or {}
        if told.get("TRAINYARD_DATA_DIR") != mine or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        pid, parent = process.info["pid"], process.info["ppid"]
        if pid not in services and parent not in services and not _below(parent, services):
            found.append(pid)
    return found


def _below(pid: int, services: set[int | None]) -> bool:
    try:
        return any(parent.pid in services for parent in psutil.Process(pid).parents())
    except psutil.Error:
        return True
