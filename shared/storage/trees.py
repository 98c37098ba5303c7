"""Whole folders of objects: a data set, a model's files."""

import asyncio
from pathlib import Path

from shared.storage.objects import Objects, Stored


async def put_tree(objects: Objects, folder: Path, prefix: str) -> dict[str, Stored]:
    """Store every file below a folder under ``prefix/<relative path>``; return them by relative path."""
    stored = {}
    for path in await asyncio.to_thread(_files, folder):
        name = path.relative_to(folder).as_posix()
        stored[name] = await objects.put(f"{prefix}/{name}", path)
    return stored


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def fetch_tree(objects: Objects, prefix: str, folder: Path) -> int:
    """Write every object below a prefix into a folder; return how many there were."""
    keys = await objects.list(prefix)
    for key in keys:
        target = folder / key[len(prefix) + 1 :]
        target.parent.mkdir(parents=True, exist_ok=True)
        await objects.fetch(key, target)
    return len(keys)
