"""Damaged objects are found wherever they are read, and never given on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage.connect import Storage, open_embedded
from shared.storage.folders import fetch_tree, put_tree
from shared.storage.verified import ObjectDamaged, get_verified, require_intact

KEY = "sessions/0a/x.bin"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await open_embedded(tmp_path / "store")
    yield opened
    await opened.close()


def hurt(root: Path, key: str, how: str) -> None:
    path = root / "store" / "objects" / key
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if how == "flipped" else content[:-1])


@pytest.mark.parametrize("how", ["flipped", "torn"])
async def test_an_object_that_was_changed_is_not_given(storage: Storage, tmp_path: Path, how: str) -> None:
    stored = await storage.objects.put(KEY, b"a" * 3_000_000)
    assert len(await get_verified(storage.objects, KEY, stored.digest)) == 3_000_000

    hurt(tmp_path, KEY, how)

    with pytest.raises(ObjectDamaged):
        await get_verified(storage.objects, KEY, stored.digest)
    with pytest.raises(ObjectDamaged):
        await require_intact(storage.objects, KEY, stored.digest)


@pytest.mark.parametrize("how", ["flipped", "torn", "missing"])
async def test_a_folder_of_objects_is_fetched_whole_and_unchanged_or_not_at_all(
    storage: Storage, tmp_path: Path, how: str
) -> None:
    source = tmp_path / "made"
    (source / "deep").mkdir(parents=True)
    (source / "a.npy").write_bytes(b"12345678")
    (source / "deep" / "b.npy").write_bytes(b"87654321")
    entries = await put_tree(storage.objects, source, "sessions/0a/tree")
    assert await fetch_tree(storage.objects, "sessions/0a/tree", tmp_path / "whole", entries) == 2

    if how == "missing":
        await storage.objects.delete("sessions/0a/tree/deep/b.npy")
    else:
        hurt(tmp_path, "sessions/0a/tree/deep/b.npy", how)

    with pytest.raises(ObjectDamaged):
        await fetch_tree(storage.objects, "sessions/0a/tree", tmp_path / "hurt", entries)


async def test_rows_of_earlier_releases_have_no_digest_and_stay_readable(storage: Storage) -> None:
    await storage.objects.put(KEY, b"abc")

    assert await get_verified(storage.objects, KEY, None) == b"abc"
