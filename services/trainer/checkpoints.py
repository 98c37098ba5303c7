"""Where an unfinished fit is kept for the next attempt: in a shared folder, or in the object store."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Unavailable
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import JobRow


@dataclass(eq=False)
class FolderCheckpoints:
    """Files in a folder that all replicas see: what is written there is kept."""

    _folder: Path

    async def begin(self, job: JobRow) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{job.id}.npz"

    async def keep(self, job: JobRow) -> None:
        pass

    async def forget(self, job: JobRow) -> None:
        for path in self._folder.glob(f"{job.id}.*"):
            path.unlink(missing_ok=True)


class StoredCheckpoints:
    """Objects of the job's session, brought up to date at every beat of the fit and when it is handed back.

    Parameters
    ----------
    patience
        Seconds one upload may take: the job's lease is renewed between two of them.
    """

    def __init__(self, storage: Storage, *, cache: Path, patience: float) -> None:
        self._storage, self._patience = storage, patience
        self._local = FolderCheckpoints(cache)
        self._kept: tuple[str, int] | None = None  # job and time of the file last stored

    async def begin(self, job: JobRow) -> Path:
        path = await self._local.begin(job)
        path.unlink(missing_ok=True)
        try:
            await self._storage.of_owner(job.owner).objects.fetch(_key(job), path)
        except (ObjectNotFound, Unavailable):  # the fit then begins at its first epoch
            path.unlink(missing_ok=True)
        self._kept = await asyncio.to_thread(_version, job, path)
        return path

    async def keep(self, job: JobRow) -> None:
        path = await self._local.begin(job)
        version = await asyncio.to_thread(_version, job, path)
        if version in (None, self._kept):
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._storage.of_owner(job.owner).objects.put(_key(job), path)
        except (Unavailable, TimeoutError):  # the next beat tries again
            return
        self._kept = version

    async def forget(self, job: JobRow) -> None:
        await self._local.forget(job)
        with suppress(Unavailable):  # it goes with its session
            await self._storage.of_owner(job.owner).objects.delete(_key(job))


def _key(job: JobRow) -> str:
    return keys.checkpoint(job.session_id, job.run_id, job.id)


def _version(job: JobRow, path: Path) -> tuple[str, int] | None:
    """Return which checkpoint lies in the file; None without a file."""
    try:
        return job.id, path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
