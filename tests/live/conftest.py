"""The whole platform as processes, quick to give up on silence so that faults show fast."""

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shared.contracts.kinds import KINDS, Kind, ModelSpec
from shared.storage.connect import Storage, open_embedded
from tests.support.load import MODELS, READING, short_files, short_plan
from trainyard.client import AsyncClient
from trainyard.local import LocalSettings, Platform
from trainyard.responses import Run


@dataclass
class Yard:
    """A running platform, its client, and a look into its ledger."""

    platform: Platform
    client: AsyncClient
    storage: Storage

    async def upload_all(self) -> str:
        """Open a session with demand and temperature in it."""
        session = await self.client.create_session("live")
        for file in short_files():
            await self.client.upload(session, file.content, role="input", name=file.name, options=READING)
        return session

    async def start_run(self, models: tuple[ModelSpec, ...] = MODELS) -> Run:
        """Upload and start a run."""
        session = await self.upload_all()
        return await self.client.run(session, short_plan(await self.client.series(session)), models)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat every fault as often as ``TRAINYARD_FAULT_ROUNDS`` says (``make test-faults``)."""
    rounds = int(os.environ.get("TRAINYARD_FAULT_ROUNDS", "1"))
    if rounds > 1 and metafunc.module.__name__.endswith("test_faults"):
        metafunc.fixturenames.append("fault_round")
        metafunc.parametrize("fault_round", range(rounds))


OpenYard = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture
def open_yard(tmp_path: Path) -> OpenYard:
    """Start a platform on an empty folder."""

    @asynccontextmanager
    async def opened(*, trainers: int = 1, kinds: tuple[Kind, ...] = KINDS) -> AsyncIterator[Yard]:
        settings = LocalSettings(
            data_dir=tmp_path / "yard",
            trainers=trainers,
            ack_wait=timedelta(seconds=3),
            durable=False,
            environment={
                "TRAINYARD_EVALUATOR_RECONCILE_EVERY": "PT2S",
                "TRAINYARD_TRAINER_THREADS": "1",
                "TRAINYARD_TRAINER_KINDS": json.dumps(kinds),
            },
        )
        async with Platform(settings) as platform, AsyncClient(platform.url) as client:
            storage = await open_embedded(settings.data_dir)
            try:
                yield Yard(platform, client, storage)
            finally:
                await storage.close()

    return opened
