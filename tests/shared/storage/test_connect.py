"""Settings decide which store stands behind the ports."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.storage.connect import StorageNotConfigured, open_storage
from shared.storage.rows import SessionRow
from tests.support.ledger_rows import session_row


@dataclass(frozen=True)
class Settings:
    """The settings the connection reads."""

    data_dir: Path | None = None
    supabase_url: str | None = None
    supabase_key: SecretStr | None = None


async def test_a_data_folder_holds_the_ledger_and_the_objects(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new" / "data")
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


async def test_settings_without_a_store_are_refused() -> None:
    with pytest.raises(StorageNotConfigured):
        await open_storage(Settings())
