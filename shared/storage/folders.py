"""Whole folders of objects: a data set, a model's files."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from shared.storage.objects import Objects, Stored
from shared.storage.verified import damaged, digest_in, fetch_verified


async def put_tree(objects: Objects, folder: Path, prefix: str) -> dict[str, JsonValue]:
    """Store every file below a folder under ``prefix/<relative path>``.

    Returns
    -------
    dict
        What a row keeps of each file, by its relative path.
    """
    entries: dict[str, JsonValue] = {}
    for path in await asyncio.to_thread(_files, folder):
        name = path.relative_to(folder).as_posix()
        entries[name] = entry_of(key := f"{prefix}/{name}", await objects.put(key, path))
    return entries


def entry_of(key: str, stored: Stored) -> dict[str, JsonValue]:
    """Return what a row keeps of a stored file: its key, its size, and its SHA-256, the usual digest."""
    return {"key": key, "size_bytes": stored.size_bytes, "sha256": stored.digest}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def fetch_tree(objects: Objects, prefix: str, folder: Path, entries: object = None) -> int:
    """Write every object below a prefix into a folder; return how many there were.

    Parameters
    ----------
    entries
        What a row keeps of the files by relative path; they have to be there, as they were stored.

    Raises
    ------
    ObjectDamaged
        If one is missing or has other bytes.
    """
    keys = await objects.list(prefix)
    names = {key[len(prefix) + 1 :]: key for key in keys}
    if isinstance(entries, Mapping) and (lost := sorted(entries.keys() - names.keys())):
        raise damaged(f"{prefix}/{lost[0]}")
        names = {name: names[name] for name in entries}  # not what was made of them on request
    for name, key in names.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        await fetch_verified(objects, key, target, digest_in(entries, name))
    return len(names)
