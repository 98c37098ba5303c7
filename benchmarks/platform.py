"""A whole platform on this machine with the demonstration's data uploaded, for the benchmarks."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shared.contracts.kinds import DenseSpec, ModelSpec
from shared.contracts.specs import DatasetSpec
from trainyard.client import AsyncClient
from trainyard.demo import COUNTRY, TIMEZONE, demo_files
from trainyard.local import LocalSettings, Platform
from trainyard.plan import plan_dataset
from trainyard.responses import Live, Run

WARM = DenseSpec(layers=(8,), epochs=1)  # needs the libraries every neural kind needs


@dataclass(frozen=True)
class Yard:
    """A running platform, its client, and a session with demand and temperature in it."""

    platform: Platform
    client: AsyncClient
    session_id: str
    dataset: DatasetSpec

    async def start(self, models: Sequence[ModelSpec]) -> Run:
        """Start a run of these models alone, without their average."""
        return await self.client.run(self.session_id, self.dataset, models, ensemble=False)

    async def first(self, run: Run, event_type: str, *, kind: str | None = None) -> Live:
        """Wait for an event of a run, about one kind of model if one is named."""
        async for event in self.client.watch(run.session_id, run.run_id):
            if event.type == event_type and kind in (None, event.data.get("kind")):
                return event
        raise RuntimeError(f"the run ended without {event_type}")

    async def warm_up(self, n_replicas: int = 1) -> None:
        """Return when every replica has loaded the libraries of the neural kinds."""
        run = await self.start((WARM,) * (2 * n_replicas))
        async for _ in self.client.watch(run.session_id, run.run_id, until="run.reported"):
            pass  # its plots would be drawn beside whatever is measured next


@asynccontextmanager
async def open_yard(
    *, trainers: int = 1, threads: int = 1, n_rows: int = 17_520, hours: int = 24
) -> AsyncIterator[Yard]:
    """Start a platform and upload the first rows of the demonstration.

    Parameters
    ----------
    trainers, threads
        Replicas of the trainer, and threads of a fit in each.
    hours
        Length of both the past and the forecast window; a sample every hour.
    """
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as folder:
        settings = LocalSettings(
            data_dir=Path(folder),
            trainers=trainers,
            ack_wait=timedelta(seconds=30),
            durable=False,
            environment={"TRAINYARD_TRAINER_THREADS": str(threads)},
        )
        async with Platform(settings) as platform, AsyncClient(platform.url) as client:
            session_id = await client.create_session("benchmark")
            for file in demo_files():
                content = b"\n".join(file.content.split(b"\n")[: n_rows + 1]) + b"\n"
                await client.upload(
                    session_id, content, role="input", name=file.name, options={"timezone": TIMEZONE}
                )
            dataset = plan_dataset(
                await client.series(session_id),
                target="demand",
                horizon=timedelta(hours=hours),
                lookback=timedelta(hours=hours),
                stride=timedelta(hours=1),
                timezone=TIMEZONE,
                country=COUNTRY,
            )
            yield Yard(platform, client, session_id, dataset)
