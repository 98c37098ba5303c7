"""Reading what was stored, and nothing else: bytes are compared with the digest the ledger keeps of them."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from shared.contracts.problems import Category
from shared.errors import InvalidInput
from shared.storage.objects import Objects

AT_ONCE_BYTES = 1 << 18  # a thread is worth its while for more


class ObjectDamaged(InvalidInput):
    """Stored bytes are not those that were stored; trying again does not mend them."""

    code = "OBJECT_DAMAGED"
    category: ClassVar[Category] = Category.INTERNAL
    severity = "critical"
    advice = ("Train again, or upload the file again; `trainyard fsck` lists everything that is damaged.",)


def digest_in(entries: object, name: str) -> str | None:
    """Return the digest a row keeps of a file; rows of earlier releases may have none.

    >>> digest_in({"a.npy": {"sha256": "00", "size_bytes": 1}}, "a.npy"), digest_in({}, "a.npy")
    ('00', None)
    """
    entry = entries.get(name) if isinstance(entries, Mapping) else None
    digest = entry.get("sha256") if isinstance(entry, Mapping) else None
    return digest if isinstance(digest, str) else None


async def get_verified(objects: Objects, key: str, sha256: str | None) -> bytes:
    """Return an object whole.

    Raises
    ------
    ObjectNotFound, ObjectDamaged
    """
    content = await objects.get(key)
    if sha256 is None:
        return content
    at_once = len(content) <= AT_ONCE_BYTES
    digest = hashlib.sha256(content) if at_once else await asyncio.to_thread(hashlib.sha256, content)
    if digest.hexdigest() != sha256:
        raise damaged(key)
    return content


async def fetch_verified(objects: Objects, key: str, target: Path, sha256: str | None) -> None:
    """Write an object to a file; raises as ``get_verified`` does."""
    await objects.fetch(key, target)
    if sha256 is not None and await asyncio.to_thread(_digest_of_file, target) != sha256:
        await asyncio.to_thread(target.unlink)
        raise damaged(key)


async def require_intact(objects: Objects, key: str, sha256: str) -> None:
    """Raise ``ObjectDamaged`` if the bytes of an object are not those that were stored."""
    digest = hashlib.sha256()
    async for piece in objects.stream(key):
        digest.update(piece)
    if digest.hexdigest() != sha256:
        raise damaged(key)


def damaged(key: str) -> ObjectDamaged:
    """Return the error of an object whose bytes have changed."""
    return ObjectDamaged("a stored file is not as it was stored", file=key.rsplit("/", 1)[-1])


def without_keys(entries: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return sizes and digests of files whose place is known anyway."""
    return {
        name: {part: value for part, value in entry.items() if part != "key"}
        for name, entry in entries.items()
        if isinstance(entry, dict)
    }


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
