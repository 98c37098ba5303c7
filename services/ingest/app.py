"""Wiring of the ingest service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker

from services.ingest.handlers import reactions
from services.ingest.rows import LedgerRows
from services.ingest.scan import Clamd, NoScanner
from services.ingest.settings import IngestSettings
from services.ingest.storage import LedgerUploads
from shared.messaging.publish import Publisher
from shared.runtime.serve import serve
from shared.runtime.service import Instruments, ServiceParts, worker_app
from shared.storage.connect import open_storage


def create_app(settings: IngestSettings) -> AsgiFastStream:
    """Build the ingest service."""
    scanner = None
    if settings.clamd is not None:
        scanner = Clamd(settings.clamd, timeout=settings.clamd_timeout, patience=settings.clamd_patience)

    @asynccontextmanager
    async def lifespan(broker: NatsBroker, instruments: Instruments) -> AsyncIterator[ServiceParts]:
        storage = await open_storage(settings)
        try:
            collaborators = {
                "uploads": LedgerUploads(storage),
                "scanner": scanner or NoScanner(),
                "rows": LedgerRows(storage),
                "post": Publisher(broker),
            }
            checks = {"storage": storage.ping} | ({"scanner": scanner.ping} if scanner else {})
            yield ServiceParts(collaborators, checks)
        finally:
            await storage.close()

    return worker_app("ingest", settings, reactions, lifespan)


def main() -> None:
    """Run the ingest service as a process."""
    settings = IngestSettings()
    serve("ingest", settings, create_app(settings))


if __name__ == "__main__":
    main()
