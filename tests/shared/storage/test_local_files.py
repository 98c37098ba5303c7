"""What only the folder must bear: crashes between two bytes, links that lead out, a full or absent disk."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage import local_files
from shared.storage.local_files import FolderObjects, FolderUnavailable
from shared.storage.objects import InvalidKey, ObjectNotFound

ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, os, sys
from pathlib import Path
from shared.storage.local_files import FolderObjects

async def endless():
    for n in range(10**6):
        yield bytes(1 << 20)
        if n == 3:
            os.kill(os.getpid(), 9)

async def main():
    objects = await FolderObjects.open(Path(sys.argv[1]))
    await objects.put("runs/a", b"whole")
    await objects.put("runs/a", endless())

asyncio.run(main())
"""


async def test_a_writer_killed_midway_leaves_what_was_there(tmp_path: Path) -> None:
    killed = subprocess.run(  # noqa: ASYNC221 - nothing else runs on this loop
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, check=False
    )

    objects = await FolderObjects.open(tmp_path)

    assert killed.returncode == -9
    assert await objects.list("runs") == ["runs/a"]
    assert await objects.get("runs/a") == b"whole"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was brought to the disk, in order."""
    paths: list[Path] = []
    bring = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        bring(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


async def test_a_durable_object_is_on_the_disk_with_its_name(tmp_path: Path, synced: list[Path]) -> None:
    objects = await FolderObjects.open(tmp_path)

    await objects.put("a/b", b"x")

    assert synced[0].parent == tmp_path / ".unfinished"  # the bytes, before they have their name
    assert synced[-1] == tmp_path / "a"


async def test_objects_that_need_not_be_durable_yet_are_so_after_a_sync(
    tmp_path: Path, synced: list[Path]
) -> None:
    objects = await FolderObjects.open(tmp_path)
    await objects.put("a/first", b"durable, so that the folder is")
    synced.clear()

    await objects.put("a/b/1", b"x", durable=False)
    await objects.put("a/b/2", b"y", durable=False)
    in_between = [path for path in synced if path.name in ("1", "2", "b")]
    await objects.sync("a/b")

    assert in_between == []
    assert {tmp_path / "a/b/1", tmp_path / "a/b/2", tmp_path / "a/b"} <= set(synced)


async def test_what_a_dead_writer_left_is_swept_after_a_day(tmp_path: Path) -> None:
    await FolderObjects.open(tmp_path)
    old, young = (tmp_path / ".unfinished" / name for name in ("old", "young"))
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)

    await FolderObjects.open(tmp_path)

    assert os.listdir(tmp_path / ".unfinished") == ["young"]


async def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    objects = await FolderObjects.open(tmp_path / "objects")
    (tmp_path / "objects" / "way").symlink_to(outside)
    (tmp_path / "objects" / "file").symlink_to(outside / "secret")

    with pytest.raises(InvalidKey):
        await objects.get("way/secret")
    with pytest.raises(InvalidKey):
        await objects.put("way/new", b"x")
    with pytest.raises(ObjectNotFound):
        await objects.get("file")
    await objects.delete("way")

    assert os.listdir(outside) == ["secret"]


async def test_a_key_is_an_object_or_a_folder_but_not_both(tmp_path: Path) -> None:
    objects = await FolderObjects.open(tmp_path)
    await objects.put("a/b", b"x")

    with pytest.raises(InvalidKey):
        await objects.put("a", b"x")
    with pytest.raises(InvalidKey):
        await objects.put("a/b/c", b"x")


async def test_a_folder_that_went_away_is_unavailable(tmp_path: Path) -> None:
    objects = await FolderObjects.open(tmp_path / "objects")
    (tmp_path / "objects" / ".unfinished").rmdir()
    (tmp_path / "objects").rmdir()

    with pytest.raises(FolderUnavailable):
        await objects.ping()
    with pytest.raises(FolderUnavailable):
        await objects.put("a", b"x")


async def test_a_large_object_passes_in_small_memory(tmp_path: Path) -> None:
    objects = await FolderObjects.open(tmp_path)

    async def pieces() -> AsyncIterator[bytes]:
        for n in range(200):
            yield bytes([n]) * (1 << 20)

    await objects.put("warm", bytes(1 << 21))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await objects.put("large", pieces())
    size_bytes = 0
    async for piece in objects.stream("large"):
        size_bytes += len(piece)
    await objects.fetch("large", tmp_path / "copy")
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert size_bytes == (200 << 20)
    assert grown_kb < 30_000


async def test_bringing_a_folder_to_the_disk_while_it_is_deleted_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that is repeated is brought to the disk again, while its chunks are taken away."""
    objects = await FolderObjects.open(tmp_path)
    for number in range(3):
        await objects.put(f"files/a/{number}", b"x", durable=False)
    real = local_files._sync

    def sync_after_a_delete(path: Path) -> None:
        shutil.rmtree(tmp_path / "files", ignore_errors=True)
        real(path)

    monkeypatch.setattr(local_files, "_sync", sync_after_a_delete)

    await objects.sync("files")

    assert await objects.list("files") == []
