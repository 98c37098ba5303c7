"""Wiring of the evaluator: scoring, closing runs, dead letters, the reconciler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker

from services.evaluator.dead_letters import DeadLetters
from services.evaluator.ensembles import LedgerEnsembles
from services.evaluator.handlers import close_if_over, reactions
from services.evaluator.metrics import ForecastMetrics, QueueDepth
from services.evaluator.monitoring import LedgerMonitoring
from services.evaluator.reconcile import Reconciler
from services.evaluator.report import ReportWriter
from services.evaluator.settings import EvaluatorSettings
from services.evaluator.shown_windows import ShownWindows
from services.evaluator.storage import LedgerChronicle, LedgerResults, LedgerVerdicts, StoredMessages
from shared.cancellation import end
from shared.contracts.base import Event
from shared.messaging.broker import connected
from shared.messaging.publish import Publisher
from shared.queueing.release import FairRelease
from shared.runtime.serve import serve
from shared.runtime.service import Instruments, ServiceParts, worker_app
from shared.storage.connect import Storage, open_storage
from shared.storage.rows import RunRow


def create_app(settings: EvaluatorSettings) -> AsgiFastStream:
    """Build the evaluator."""

    @asynccontextmanager
    async def lifespan(broker: NatsBroker, instruments: Instruments) -> AsyncIterator[ServiceParts]:
        storage = await open_storage(settings)
        results, verdicts = LedgerResults(storage), LedgerVerdicts(storage)
        reporter = ReportWriter(storage, results)
        ensembles = LedgerEnsembles(storage, results)
        metrics = ForecastMetrics(instruments.registry)
        reconciling = asyncio.create_task(_reconcile(broker, storage, verdicts, ensembles, settings, metrics))

        async def rest() -> None:
            await end(reconciling, measuring)

        await broker.connect()
        depth = QueueDepth(broker.connection, instruments.registry)
        measuring = asyncio.create_task(depth.watch())
        messages = StoredMessages(broker.connection.jetstream(timeout=5))
        collaborators = {
            "metrics": metrics,
            "results": results,
            "verdicts": verdicts,
            "ensembles": ensembles,
            "chronicle": LedgerChronicle(storage),
            "reporter": reporter,
            "monitoring": LedgerMonitoring(storage, results, metrics),
            "shown_windows": ShownWindows(results),
            "dead_letters": DeadLetters(storage.records, messages),
        }
        try:
            yield ServiceParts(collaborators, {"storage": storage.ping}, before_stop=rest)
        finally:
            await rest()
            reporter.close()
            await storage.close()

    return worker_app("evaluator", settings, reactions, lifespan)


async def _reconcile(
    broker: NatsBroker,
    storage: Storage,
    verdicts: LedgerVerdicts,
    ensembles: LedgerEnsembles,
    settings: EvaluatorSettings,
    metrics: ForecastMetrics,
) -> None:
    async def close(run: RunRow, cause: Event) -> Event | None:
        return await close_if_over(cause, run.id, verdicts, ensembles, metrics)

    await connected(broker)
    every = settings.evaluator_reconcile_every
    turns = FairRelease(storage, least=settings.jobs_ahead, weights=settings.user_weights)
    await Reconciler(
        storage.records, Publisher(broker), close, every=every, turns=turns, count=metrics.announced.inc
    ).run()


def main() -> None:
    """Run the evaluator as a process."""
    settings = EvaluatorSettings()
    serve("evaluator", settings, create_app(settings))


if __name__ == "__main__":
    main()
