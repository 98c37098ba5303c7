"""Every implementation of the two storage ports, as one parametrised fixture each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage.local_files import FolderObjects
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.scoped import OwnedRecords
from shared.storage.sqlite import SqliteRecords
from shared.storage.supabase import client_for, key_headers, open_http
from shared.storage.supabase_objects import SupabaseObjects
from shared.storage.supabase_records import SupabaseRecords
from tests.support.supabase import SECRET_KEY, LocalSupabase


@pytest.fixture(params=["sqlite", "owned", "supabase"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    if request.param == "supabase":
        project: LocalSupabase = request.getfixturevalue("supabase")
        opened: Records = SupabaseRecords(
            client_for(open_http(), project.url, key_headers(SECRET_KEY)), owns_http=True
        )
    else:
        opened = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    yield OwnedRecords(opened, "local") if request.param == "owned" else opened
    await opened.close()


@pytest.fixture
async def owner(request: pytest.FixtureRequest, records: Records) -> str:
    """The owner of the test's rows; in Supabase a user of its own."""
    if isinstance(records, SupabaseRecords):
        project: LocalSupabase = request.getfixturevalue("supabase")
        return await project.new_user()
    return "local"


@pytest.fixture(params=["folder", "supabase"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Objects]:
    if request.param == "folder":
        yield await FolderObjects.open(tmp_path / "objects")
        return
    project: LocalSupabase = request.getfixturevalue("supabase")
    async with open_http() as http:
        yield SupabaseObjects(client_for(http, project.url, key_headers(SECRET_KEY)))
