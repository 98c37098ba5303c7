"""Room for uploads: of the disk, of a user, of a session. Asked before a byte is stored."""

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from services.gateway.settings import GatewaySettings
from shared.errors import ResourceExhausted
from shared.storage.records import Records
from shared.storage.rows import ChunkRow, FileRow

_FRESH_S = 10.0


class QuotaExceeded(ResourceExhausted):
    """A user or a session keeps as much as it may."""

    code = "QUOTA_EXCEEDED"
    advice = ("Delete files or sessions that are no longer needed.",)


class StorageFull(ResourceExhausted):
    """The disk under the data folder is nearly full."""

    status: ClassVar[int] = 507
    code = "STORAGE_FULL"
    advice = ("Free space on the disk of the data folder, or delete sessions that are no longer needed.",)


@dataclass
class Kept:
    """How many uploaded bytes an owner keeps, by session, and when that was counted."""

    at: float
    sessions: dict[str, int] = field(default_factory=dict)


class UploadQuota:
    """Counts what is kept, and remembers it for a moment; what comes in meanwhile is added."""

    def __init__(self) -> None:
        self._owners: dict[str, Kept] = {}

    async def require_room(
        self, records: Records, settings: GatewaySettings, file: FileRow, n_bytes: int
    ) -> None:
        """Raise if so many more bytes have no room.

        Raises
        ------
        StorageFull, QuotaExceeded
        """
        if settings.data_dir is not None:
            free = await asyncio.to_thread(_free, settings.data_dir)
            if free - n_bytes < settings.gateway_free_bytes:
                raise StorageFull("the disk is nearly full, so nothing is uploaded for now")
        if settings.single_user:
            return
        kept = self._owners.get(file.owner)
        if kept is None or time.monotonic() - kept.at > _FRESH_S:
            kept = self._owners[file.owner] = await _counted(records, file.owner)
        of_session = kept.sessions.get(file.session_id, 0) + n_bytes
        limits = (
            ("session", of_session, settings.gateway_session_bytes),
            ("user", sum(kept.sessions.values()) + n_bytes, settings.gateway_user_bytes),
        )
        for whose, n, limit in limits:
            if n > limit:
                raise QuotaExceeded(
                    f"this {whose} may keep {limit:,} uploaded bytes; with these it would be {n:,}",
                    limit_bytes=limit,
                )
        kept.sessions[file.session_id] = of_session


async def _counted(records: Records, owner: str) -> Kept:
    """Return what an owner keeps: of whole files their size, of others the chunks that have come."""
    kept = Kept(time.monotonic())
    for file in await records.select(FileRow, {"owner": owner}):
        size = file.size_bytes or 0
        if file.status == "receiving":
            chunks = await records.select(ChunkRow, {"file_id": file.id})
            size = sum(chunk.size_bytes for chunk in chunks)
        kept.sessions[file.session_id] = kept.sessions.get(file.session_id, 0) + size
    return kept


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
