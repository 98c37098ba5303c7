"""Which store stands behind the two ports: the embedded one, or Supabase."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.errors import InvalidInput
from shared.settings import CommonSettings
from shared.storage.local_files import FolderObjects
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.scoped import OwnedObjects, OwnedRecords
from shared.storage.sqlite import SqliteRecords
from shared.storage.supabase import Project, RetryPolicy, client_for, open_http
from shared.storage.supabase_objects import SupabaseObjects
from shared.storage.supabase_records import SupabaseRecords


class StorageNotConfigured(InvalidInput):
    """The settings name no store, or half of one."""

    code = "STORAGE_NOT_CONFIGURED"
    advice = ("Set the data folder for one machine, or the Supabase URL together with its secret key.",)


@dataclass(frozen=True)
class Storage:
    """The two ports of one store, opened together."""

    records: Records
    objects: Objects
    as_user: Callable[[str], "Storage"] | None = None

    def of_owner(self, owner: str) -> "Storage":
        """Return the store narrowed to one owner: for work an event asked for."""
        records = OwnedRecords(self.records, owner)
        return Storage(records, OwnedObjects(self.objects, records))

    def of_user(self, owner: str, token: str | None) -> "Storage":
        """Return the store as a signed-in user has it: for requests.

        In Supabase the user's own token goes along, so that the database decides what the user sees. The
        embedded store has no tokens; there the owner decides.
        """
        if self.as_user is None:
            return self.of_owner(owner)
        if token is None:
            raise StorageNotConfigured("a request of a user needs the user's access token")
        return self.as_user(token)

    async def ping(self) -> None:
        """Raise ``Unavailable`` if either does not answer."""
        await self.records.ping()
        await self.objects.ping()

    async def close(self) -> None:
        """Let go of connections."""
        await self.records.close()


async def open_storage(settings: CommonSettings) -> Storage:
    """Open the store the settings name: Supabase if it is configured, the data folder otherwise."""
    if settings.supabase_url is not None:
        if settings.supabase_key is None:
            raise StorageNotConfigured("the Supabase URL is set, its secret key is not")
        publishable_key = settings.supabase_publishable_key
        return open_supabase(Project(settings.supabase_url, settings.supabase_key, publishable_key))
    if settings.data_dir is None:
        raise StorageNotConfigured("no store is configured")
    return await open_embedded(settings.data_dir)


async def open_embedded(data_dir: Path) -> Storage:
    """Open the store of one machine: a ledger file and a folder of objects side by side."""
    records = await SqliteRecords.open(data_dir / "ledger.sqlite")
    objects = await FolderObjects.open(data_dir / "objects")
    return Storage(records, objects)


def open_supabase(project: Project, retries: RetryPolicy = RetryPolicy()) -> Storage:  # noqa: B008 - frozen
    """Open a Supabase project as a service, which may do everything."""
    http = open_http()

    def as_user(token: str) -> Storage:
        return _identity(http, project.url, project.user_headers(token), retries)

    service = _identity(http, project.url, project.service_headers(), retries, owns_http=True)
    return Storage(service.records, service.objects, as_user)


def _identity(
    http: httpx.AsyncClient,
    url: str,
    headers: dict[str, str],
    retries: RetryPolicy,
    *,
    owns_http: bool = False,
) -> Storage:
    client = client_for(http, url, headers)
    records = SupabaseRecords(client, retries=retries, owns_http=owns_http)
    return Storage(records, SupabaseObjects(client, retries=retries))
