"""Every implementation of the two storage ports, as one parametrised fixture each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage.folder import FolderObjects
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.sqlite import SqliteRecords


@pytest.fixture
def owner() -> str:
    return "0b5c6a4e-6f0e-4d0a-9d3c-0f8f6f1f7a11"


@pytest.fixture(params=["sqlite"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    opened = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    yield opened
    await opened.close()


@pytest.fixture(params=["folder"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return await FolderObjects.open(tmp_path / "objects")
