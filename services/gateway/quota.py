"""Room for what users keep: on the disk, of a user, of a session. Asked before a byte is stored."""

import asyncio
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from services.gateway.settings import GatewaySettings
from shared.errors import ResourceExhausted
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.records import Records, each_row
from shared.storage.rows import ChunkRow, DatasetRow, FileRow, JobRow, RunRow

_FRESH_S = 10.0
_BEFORE_REFUSING_S = 1.0  # a refusal rests on newer numbers: somebody may just have deleted something
_BYTES_PER_ROW = 16  # a stamp and a value


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
    """How many bytes an owner keeps, by session, and when that was counted."""

    at: float
    sessions: dict[str, int] = field(default_factory=dict)

    def add(self, session_id: str, n_bytes: int) -> None:
        """Count so many bytes more."""
        self.sessions[session_id] = self.sessions.get(session_id, 0) + n_bytes


@dataclass(frozen=True)
class Room:
    """What users keep, counted and remembered for a moment; what comes in meanwhile is added."""

    records: Records  # as the caller has them
    settings: GatewaySettings
    kept: dict[str, Kept]  # by owner, of this process

    async def require(self, owner: str, session_id: str, n_bytes: int) -> None:
        """Raise if so many more bytes have no room: uploads, data sets, models and reports together.

        Raises
        ------
        StorageFull, QuotaExceeded
        """
        settings = self.settings
        if settings.data_dir is not None:
            disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
            if disk.free - n_bytes < settings.gateway_free_bytes:
                raise StorageFull("the disk is nearly full, so nothing is stored for now")
        if settings.single_user:
            return
        kept = await self._counted(owner, fresh_s=_FRESH_S)
        refusal = _refusal(kept, settings, session_id, n_bytes)
        if refusal is not None:
            kept = await self._counted(owner, fresh_s=_BEFORE_REFUSING_S)
            refusal = _refusal(kept, settings, session_id, n_bytes)
        if refusal is not None:
            raise refusal
        kept.add(session_id, n_bytes)

    async def _counted(self, owner: str, *, fresh_s: float) -> Kept:
        kept = self.kept.get(owner)
        if kept is None or time.monotonic() - kept.at > fresh_s:
            kept = self.kept[owner] = await _counted(self.records, owner)
        return kept


def _refusal(kept: Kept, settings: GatewaySettings, session_id: str, n_bytes: int) -> QuotaExceeded | None:
    """Return why so many more bytes have no room; None if they have."""
    limits = (
        ("session", kept.sessions.get(session_id, 0), settings.gateway_session_bytes),
        ("user", sum(kept.sessions.values()), settings.gateway_user_bytes),
    )
    for whose, n, limit in limits:
        if n + n_bytes > limit:
            return QuotaExceeded(
                f"this {whose} may keep {limit:,} bytes of uploads, data sets, models and reports; it keeps"
                f" {n:,}, and this would add about {n_bytes:,}",
                limit_bytes=limit,
                kept_bytes=n,
                asked_bytes=n_bytes,
            )
    return None


async def _counted(records: Records, owner: str) -> Kept:
    """Return what an owner keeps, by the sizes the ledger knows."""
    kept = Kept(time.monotonic())
    async for file in each_row(records, FileRow, {"owner": owner}):
        size = file.size_bytes or 0
        if file.status == "receiving":
            chunks = await records.select(ChunkRow, {"file_id": file.id})
            size = sum(chunk.size_bytes for chunk in chunks)
        kept.add(file.session_id, size)
    async for batch in each_row(records, RowBatchRow, {"owner": owner}):
        kept.add(batch.session_id, batch.n_rows * _BYTES_PER_ROW)
    stored: set[str] = set()
    async for dataset in each_row(records, DatasetRow, {"owner": owner}):
        if dataset.status != "failed":
            kept.add(dataset.session_id, dataset_bytes(dataset, stored))
    async for job in each_row(records, JobRow, {"owner": owner}):
        kept.add(job.session_id, _sizes(job.files) + _sizes(job.made))
    async for run in each_row(records, RunRow, {"owner": owner}):
        archive = run.verdict.get("archive")
        kept.add(run.session_id, _size(archive, "report_bytes") or _size(archive, "size_bytes"))
    return kept


def dataset_bytes(dataset: DatasetRow, stored: set[str]) -> int:
    """Return the bytes of a data set and of what was made of it; those in ``stored``, which grows, are known.

    Data sets of the same rows and settings share their files. Of one that is not built yet what is expected.
    """
    made = _sizes(dataset.report.get("made"))
    if dataset.object_key in stored:
        return made
    if dataset.object_key is not None:
        stored.add(dataset.object_key)
    return made + (_sizes(dataset.report.get("files")) or _size(dataset.report, "expected_bytes"))


def _sizes(entries: object) -> int:
    return sum(_size(one, "size_bytes") for one in entries.values()) if isinstance(entries, Mapping) else 0


def _size(entry: object, name: str) -> int:
    size = entry.get(name) if isinstance(entry, Mapping) else None
    return size if isinstance(size, int) else 0
