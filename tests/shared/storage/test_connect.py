"""Settings decide which store stands behind the ports."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.settings import CommonSettings
from shared.storage.connect import StorageNotConfigured, open_storage
from shared.storage.rows import JobRow, SessionRow
from shared.storage.scoped import OtherOwner
from shared.storage.supabase import NoPublishableKey
from tests.support.ledger_rows import job_row, session_row
from tests.support.supabase import PUBLISHABLE_KEY, SECRET_KEY, LocalSupabase, mint


async def test_a_data_folder_holds_the_ledger_and_the_objects(tmp_path: Path) -> None:
    settings = CommonSettings(data_dir=tmp_path / "new" / "data")
    row = session_row("local")

    first = await open_storage(settings)
    await first.records.insert([row])
    await first.objects.put("sessions/a", b"x")
    await first.close()
    second = await open_storage(settings)
    await second.ping()

    assert await second.records.get(SessionRow, row.id) == row
    assert await second.objects.get("sessions/a") == b"x"
    await second.close()


@pytest.mark.parametrize(
    "settings", [CommonSettings(), CommonSettings(supabase_url="http://x")], ids=["nothing", "no key"]
)
async def test_settings_without_a_whole_store_are_refused(settings: CommonSettings) -> None:
    with pytest.raises(StorageNotConfigured):
        await open_storage(settings)


async def test_a_url_and_keys_open_supabase(supabase: LocalSupabase) -> None:
    settings = CommonSettings(
        supabase_url=supabase.url,
        supabase_key=SecretStr(SECRET_KEY),
        supabase_publishable_key=SecretStr(PUBLISHABLE_KEY),
    )
    user = await supabase.new_user()
    row = session_row(user)
    storage = await open_storage(settings)
    await storage.ping()

    await storage.records.insert([row])
    as_user = await storage.of_user(user, mint(user)).records.get(SessionRow, row.id)
    as_owner = await storage.of_owner(user).records.get(SessionRow, row.id)

    await storage.close()
    assert as_user == as_owner == row


async def test_users_are_not_served_without_a_publishable_key(supabase: LocalSupabase) -> None:
    settings = CommonSettings(supabase_url=supabase.url, supabase_key=SecretStr(SECRET_KEY))
    storage = await open_storage(settings)

    with pytest.raises(NoPublishableKey):
        storage.of_user("someone", mint("someone"))
    with pytest.raises(StorageNotConfigured):
        storage.of_user("someone", None)

    await storage.close()


async def test_the_embedded_store_keeps_owners_apart(tmp_path: Path) -> None:
    storage = await open_storage(CommonSettings(data_dir=tmp_path))
    mine, theirs = storage.of_user("me", None), storage.of_owner("them")
    session = session_row("me")
    job = job_row(session)
    key = f"sessions/{session.id}/a"
    await mine.records.insert([session, job])
    await mine.objects.put(key, b"x")

    assert await mine.objects.get(key) == b"x"
    assert await theirs.records.get(JobRow, job.id) is None
    assert await theirs.records.select(JobRow, {}) == []
    assert await theirs.records.update(JobRow, job.id, {"label": "x"}) is None
    assert await theirs.records.delete(JobRow, {"session_id": session.id}) == 0
    assert await theirs.records.count(JobRow, {"owner": "me"}) == 0
    with pytest.raises(OtherOwner):
        await theirs.records.insert([job])
    for call in (theirs.objects.get(key), theirs.objects.put(key, b"y"), theirs.objects.delete(key)):
        with pytest.raises(OtherOwner):
            await call
    await storage.close()
