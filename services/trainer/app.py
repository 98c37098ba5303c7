"""Wiring of the trainer: planner reactions, the job loop, the warm child."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker

from services.trainer.answers import answers
from services.trainer.checkpoints import FolderCheckpoints, StoredCheckpoints
from services.trainer.child.warm import WarmChild
from services.trainer.forecasts import LedgerForecasts
from services.trainer.handlers import fitting, planning
from services.trainer.job_loop import JobLoop
from services.trainer.metrics import JobMetrics
from services.trainer.ports import Checkpoints
from services.trainer.settings import TrainerSettings
from services.trainer.storage import LedgerJobs, LedgerModels, LedgerRuns
from shared.cancellation import end
from shared.messaging.broker import connected
from shared.messaging.work_queue import WorkQueue
from shared.queueing.release import FairRelease
from shared.runtime.serve import serve
from shared.runtime.service import Instruments, ServiceParts, worker_app
from shared.storage.connect import open_storage

FIT_NICE = 4  # a third of a core beside a busy one: somebody waits for answers, and events go first


def create_app(settings: TrainerSettings) -> AsgiFastStream:
    """Build the trainer."""

    @asynccontextmanager
    async def lifespan(broker: NatsBroker, instruments: Instruments) -> AsyncIterator[ServiceParts]:
        storage = await open_storage(settings)
        child, answering = _children(settings)
        with tempfile.TemporaryDirectory(prefix="trainyard-trainer-") as cache:
            names = ("datasets", "models", "rows", "checkpoints")
            datasets, models, rows, unfinished = (Path(cache) / name for name in names)
            for folder in (datasets, models, rows, unfinished):
                await asyncio.to_thread(folder.mkdir)
            jobs = LedgerJobs(storage, cache=datasets, lease=settings.ack_wait)
            checkpoints: Checkpoints = StoredCheckpoints(
                storage, cache=unfinished, patience=settings.ack_wait.total_seconds() / 6
            )
            if settings.checkpoints is not None:  # a folder that all replicas share
                checkpoints = FolderCheckpoints(settings.checkpoints)
            turns = FairRelease(storage, least=settings.jobs_ahead, weights=settings.user_weights)
            job_loop = JobLoop(
                jobs,
                child,
                broker,
                JobMetrics(instruments.registry),
                beat=settings.ack_wait.total_seconds() / 3,
                attempts=settings.trainer_attempts,
                threads=settings.trainer_threads,
                checkpoints=checkpoints,
                deliveries=instruments.deliveries,
                turns=turns,
            )
            started = [*([child] if settings.fits else []), *([answering] if settings.answers else [])]
            for one in started:
                await one.start()
            working = asyncio.create_task(_work(broker, job_loop, settings))

            async def hand_back() -> None:
                await end(working)

            collaborators = {
                "runs": LedgerRuns(storage),
                "turns": turns,
                "job_loop": job_loop,
                "models": LedgerModels(storage, cache=models),
                "forecasts": LedgerForecasts(storage, cache=rows),
                "worker": answering,
            }
            try:
                yield ServiceParts(collaborators, {"storage": storage.ping}, before_stop=hand_back)
            finally:
                await hand_back()
                for one in started:
                    await one.stop()
                await storage.close()

    parts = {"plan": planning, "fit": fitting, "answer": answers}
    return worker_app("trainer", settings, [parts[role] for role in settings.trainer_roles], lifespan)


def _children(settings: TrainerSettings) -> tuple[WarmChild, WarmChild]:
    """Return the child that fits and the one that answers; neither is started.

    The one that answers takes one thread, so that it disturbs no fit. Where fits are at home, too, it loads
    the libraries of networks when the first network is asked: two loads at the start would be one too many.
    """
    stall = settings.trainer_stall.total_seconds()
    fitting = WarmChild(
        threads=settings.trainer_threads,
        memory_bytes=settings.trainer_memory_bytes,
        stall_seconds=stall,
        warm_for=settings.trainer_kinds,
        nice=FIT_NICE,
    )
    warm_for = () if settings.fits else settings.trainer_kinds
    return fitting, WarmChild(
        threads=1, memory_bytes=settings.trainer_memory_bytes, stall_seconds=stall, warm_for=warm_for
    )


async def _work(broker: NatsBroker, job_loop: JobLoop, settings: TrainerSettings) -> None:
    """Wait for the broker, then work."""
    if not settings.fits:
        return
    await connected(broker)
    await job_loop.run(WorkQueue(broker.connection, settings.trainer_kinds))


def main() -> None:
    """Run the trainer as a process."""
    settings = TrainerSettings()
    serve("trainer", settings, create_app(settings))


if __name__ == "__main__":
    main()
