"""Wiring of the datasets service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker

from services.datasets.builders import Builders
from services.datasets.handlers import reactions
from services.datasets.settings import DatasetsSettings
from services.datasets.storage import LedgerDatasets
from shared.runtime.serve import serve
from shared.runtime.service import Instruments, ServiceParts, worker_app
from shared.storage.connect import open_storage
from shared.windows.size_estimate import Limits


def create_app(settings: DatasetsSettings) -> AsgiFastStream:
    """Build the datasets service."""

    @asynccontextmanager
    async def lifespan(broker: NatsBroker, instruments: Instruments) -> AsyncIterator[ServiceParts]:
        storage = await open_storage(settings)
        try:
            limits = Limits(
                max_windows=settings.datasets_max_windows,
                max_lazy_bytes=settings.datasets_max_bytes,
            )
            builders = Builders(at_once=settings.datasets_at_once, limits=limits)
            collaborators = {"datasets": LedgerDatasets(storage), "limits": limits, "builders": builders}
            yield ServiceParts(collaborators, {"storage": storage.ping})
            await builders.close()
        finally:
            await storage.close()

    return worker_app("datasets", settings, reactions, lifespan)


def main() -> None:
    """Run the datasets service as a process."""
    settings = DatasetsSettings()
    serve("datasets", settings, create_app(settings))


if __name__ == "__main__":
    main()
