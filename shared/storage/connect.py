"""Which store stands behind the two ports: the embedded one, or Supabase."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from shared.errors import InvalidInput
from shared.storage.folder import FolderObjects
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.sqlite import SqliteRecords


class StorageSettings(Protocol):
    """Where things are kept: a folder of this machine, or a Supabase project."""

    @property
    def data_dir(self) -> Path | None: ...
    @property
    def supabase_url(self) -> str | None: ...
    @property
    def supabase_key(self) -> SecretStr | None: ...


class StorageNotConfigured(InvalidInput):
    """The settings name no store, or half of one."""

    code = "STORAGE_NOT_CONFIGURED"
    advice = ("Set the data folder for one machine, or the Supabase URL together with its secret key.",)


@dataclass(frozen=True)
class Storage:
    """The two ports of one store, opened together."""

    records: Records
    objects: Objects

    async def ping(self) -> None:
        """Raise ``Unavailable`` if either does not answer."""
        await self.records.ping()
        await self.objects.ping()

    async def close(self) -> None:
        """Let go of connections."""
        await self.records.close()


async def open_storage(settings: StorageSettings) -> Storage:
    """Open the store the settings name: Supabase if it is configured, the data folder otherwise."""
    if settings.data_dir is None:
        raise StorageNotConfigured("no store is configured")
    return await open_embedded(settings.data_dir)


async def open_embedded(data_dir: Path) -> Storage:
    """Open the store of one machine: a ledger file and a folder of objects side by side."""
    records = await SqliteRecords.open(data_dir / "ledger.sqlite")
    objects = await FolderObjects.open(data_dir / "objects")
    return Storage(records, objects)
