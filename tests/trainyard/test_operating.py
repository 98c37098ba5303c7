"""What operators run on a data folder."""

import stat
from pathlib import Path

from shared.storage.connect import open_embedded
from shared.storage.manifest import KEY_FILE, key_id, stored_key
from trainyard.operating import backup


async def test_a_backup_signs_with_the_key_of_the_original_and_keeps_it_private(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    storage = await open_embedded(data)
    await storage.close()
    key = stored_key(data / KEY_FILE)

    backup(copy, data)

    assert key_id(stored_key(copy / KEY_FILE).public_key()) == key_id(key.public_key())
    assert stat.S_IMODE((copy / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700


async def test_a_backup_of_a_platform_that_never_signed_has_no_key(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    await (await open_embedded(data)).close()

    backup(copy, data)

    assert not (copy / KEY_FILE).exists()
