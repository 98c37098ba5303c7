"""The trainer's runs and jobs over the ledger and the object store."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import JsonValue

from services.trainer.made import keep_made
from services.trainer.ports import LocalModel, Product, StoredObject
from shared.contracts.base import derive, new_id, utc_now
from shared.contracts.data_contract import SeriesContract
from shared.contracts.kinds import EnsembleSpec
from shared.contracts.problems import Problem
from shared.errors import ModelNotFound, Unavailable
from shared.models.passport import PASSPORT
from shared.storage import keys
from shared.storage.codecs import json_to_bytes
from shared.storage.connect import Storage
from shared.storage.data_contract import data_contract, files_of
from shared.storage.datasets import fetch_dataset, ready_dataset
from shared.storage.folders import entry_of, fetch_tree, put_tree
from shared.storage.leases import is_held
from shared.storage.records import OneOf, Where
from shared.storage.rows import DatasetRow, JobRow, RunRow, SeriesRow


class LeaseHeld(Unavailable):
    """Another replica holds the job's lease."""

    code = "JOB_HELD"


@dataclass(eq=False)
class LedgerModels:
    """Stored models of finished jobs, kept beside once fetched."""

    _storage: Storage
    cache: Path = field(kw_only=True)

    async def local(self, session_id: str, job_id: str) -> LocalModel:
        return await self.of(await self._finished(session_id, job_id))

    async def of(self, job: JobRow) -> LocalModel:
        folder, passport = await self._fetched(job), _entry(job, PASSPORT)
        if isinstance(job.spec, EnsembleSpec):  # it looks for its members beside itself, by their ids
            for member in job.spec.members:
                fetched = await self._fetched(await self._finished(job.session_id, member.job_id))
                await asyncio.to_thread(_link, folder.parent / member.job_id, fetched)
        return LocalModel(folder, passport.sha256 if passport else None, job.backtest)

    async def fetch_dataset(self, session_id: str, job_id: str, folder: Path) -> None:
        job = await self._finished(session_id, job_id)
        mine = self._storage.of_owner(job.owner)
        await fetch_dataset(mine, await ready_dataset(mine, job.dataset_id), folder)

    async def keep_importance(
        self, session_id: str, job_id: str, seed: int, answer: Mapping[str, JsonValue]
    ) -> None:
        job = await self._finished(session_id, job_id)
        name, mine = keys.importance_name(seed), self._storage.of_owner(job.owner)
        key = keys.importance(job.session_id, job.run_id, job.id, name)
        await keep_made(mine, job, name, key, json_to_bytes(dict(answer)))

    async def find(self, session_id: str, job_id: str, name: str) -> StoredObject | None:
        return _entry(await self._finished(session_id, job_id), name)

    async def add(self, session_id: str, job_id: str, path: Path) -> StoredObject:
        job = await self._finished(session_id, job_id)
        mine, key = self._storage.of_owner(job.owner), f"{_prefix(job)}/{path.name}"
        written = await mine.objects.put(key, path)
        files = {**job.files, path.name: entry_of(key, written)}
        # Should somebody else have changed the row meanwhile, the next request writes the same file again.
        await mine.records.update(JobRow, job.id, {"files": files}, expect={"revision": job.revision})
        return StoredObject(key, written.size_bytes, written.digest)

    async def _finished(self, session_id: str, job_id: str) -> JobRow:
        job = await self._storage.records.get(JobRow, job_id)
        if job is None or job.session_id != session_id or job.status != "finished":
            raise ModelNotFound("there is no such finished model", job_id=job_id)
        return job

    async def _fetched(self, job: JobRow) -> Path:
        folder = self.cache / derive(job.id, json.dumps(job.files, sort_keys=True)) / job.id
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            part = folder.with_name(f".{job.id}-{new_id()[:8]}")
            await fetch_tree(self._storage.of_owner(job.owner).objects, _prefix(job), part, job.files)
            await asyncio.to_thread(_move, part, folder)
        return folder


def _move(part: Path, folder: Path) -> None:
    """Give a fetched folder its name; another question may have fetched the same meanwhile."""
    try:
        part.replace(folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(part)


def _link(link: Path, folder: Path) -> None:
    """Let a name lead to a fetched folder, to the newest one of that job."""
    part = link.with_name(f".{link.name}-{new_id()[:8]}")
    part.symlink_to(folder, target_is_directory=True)
    part.replace(link)


def _prefix(job: JobRow) -> str:
    """Return where the files of a finished job lie."""
    return keys.attempt(job.session_id, job.run_id, job.id, job.attempt)


def _entry(job: JobRow, name: str) -> StoredObject | None:
    """Return a file the ledger knows of a job."""
    entry = job.files.get(name)
    if not isinstance(entry, dict):
        return None
    return StoredObject(str(entry["key"]), int(str(entry["size_bytes"])), str(entry["sha256"]))


@dataclass(eq=False)
class LedgerRuns:
    """Runs in the ledger."""

    _storage: Storage

    async def ready(self, run_id: str) -> RunRow | None:
        run = await self._storage.records.get(RunRow, run_id)
        if run is None or run.status not in ("waiting", "running"):
            return None
        dataset = await self._storage.records.get(DatasetRow, run.dataset_id)
        return run if dataset and dataset.status == "ready" else None

    async def waiting_for(self, dataset_id: str) -> list[RunRow]:
        return await self._storage.records.select(RunRow, {"dataset_id": dataset_id, "status": "waiting"})

    async def plan(self, run: RunRow, jobs: Sequence[JobRow]) -> list[JobRow]:
        mine = self._storage.of_owner(run.owner).records
        await mine.insert(jobs)
        started: dict[str, object] = {"status": "running", "started_at": utc_now()}
        await mine.update(RunRow, run.id, started, expect={"status": "waiting"})
        written = await mine.select(JobRow, {"run_id": run.id}, order="position")
        if run.cancel_requested:
            await self.cancel_queued(run.id, None)
            written = await mine.select(JobRow, {"run_id": run.id}, order="position")
        return written

    async def searches(self, run_id: str) -> list[tuple[JobRow, list[JobRow]]]:
        jobs = await self._storage.records.select(JobRow, {"run_id": run_id}, order="position")
        return [
            (model, [job for job in jobs if job.trial and job.trial.model == model.id])
            for model in jobs
            if model.status == "searching" and not model.cancel_requested
        ]

    async def try_out(self, jobs: Sequence[JobRow]) -> None:
        if jobs:
            await self._storage.of_owner(jobs[0].owner).records.insert(jobs)

    async def end_search(self, model: JobRow, changes: Mapping[str, object]) -> JobRow | None:
        mine = self._storage.of_owner(model.owner).records
        return await mine.update(JobRow, model.id, changes, expect={"status": "searching"})

    async def cancel_queued(self, run_id: str, job_id: str | None) -> list[JobRow]:
        ended = []
        for job in await self._storage.records.select(JobRow, {"run_id": run_id}, order="position"):
            if job_id not in (None, job.id, job.trial and job.trial.model):
                continue  # a search is cancelled with its trials
            row = await self._storage.records.update(
                JobRow, job.id, {"status": "cancelled"}, expect={"status": OneOf(("searching", "queued"))}
            ) or await self._storage.records.update(
                JobRow, job.id, {"cancel_requested": True}, expect={"status": "running"}
            )
            if (row or job).status == "cancelled":
                ended.append(row or job)
        return ended


@dataclass(eq=False)
class LedgerJobs:
    """Jobs in the ledger; every change is fenced by the attempt that makes it."""

    _storage: Storage
    _: KW_ONLY
    cache: Path
    lease: timedelta
    _holder: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{new_id()[:8]}")

    async def claim(self, job_id: str) -> JobRow | None:
        job = await self._storage.records.get(JobRow, job_id)
        if job is None or job.status not in ("queued", "running"):
            return job
        if job.status == "running" and is_held(job.lease_until, now=utc_now(), longest=self.lease):
            raise LeaseHeld("another replica works on this job", holder=job.leased_by)
        mine = self._storage.of_owner(job.owner).records
        run = await mine.get(RunRow, job.run_id)
        if job.cancel_requested or run is None or run.cancel_requested:
            return await mine.update(
                JobRow, job.id, {"status": "cancelled"}, expect={"revision": job.revision}
            )
        claimed = await mine.update(
            JobRow,
            job.id,
            {
                "status": "running",
                "attempt": job.attempt + 1,
                "leased_by": self._holder,
                "lease_until": utc_now() + self.lease,
            },
            expect={"revision": job.revision},
        )
        if claimed is None:
            raise LeaseHeld("another replica took this job")
        return claimed

    async def renew(self, job: JobRow) -> JobRow | None:
        return await self._change(job, {"lease_until": utc_now() + self.lease})

    async def dataset_folder(self, job: JobRow) -> Path:
        dataset = await ready_dataset(self._storage.of_owner(job.owner), job.dataset_id)
        folder = self.cache / derive(dataset.id, json.dumps(dataset.report.get("files"), sort_keys=True))
        if not folder.exists():
            part = self.cache / f".{folder.name}-{new_id()[:8]}"
            await fetch_dataset(self._storage.of_owner(job.owner), dataset, part)
            await asyncio.to_thread(part.replace, folder)
            await asyncio.to_thread(self._forget_others, folder)
        return folder

    async def contract(self, job: JobRow) -> tuple[SeriesContract, ...]:
        mine = self._storage.of_owner(job.owner)
        dataset = await ready_dataset(mine, job.dataset_id)
        wanted = OneOf(tuple({one.series_id for one in dataset.spec.series}))
        series = await mine.records.select(SeriesRow, {"session_id": job.session_id, "id": wanted})
        return data_contract(dataset.spec, series, await files_of(mine.records, series))

    async def finish(self, job: JobRow, product: Product) -> JobRow | None:
        prefix = keys.attempt(job.session_id, job.run_id, job.id, job.attempt)
        files = await put_tree(self._storage.of_owner(job.owner).objects, product.folder, prefix)
        ended = await self._change(
            job,
            {
                "status": "finished",
                "files": files,
                "notes": job.notes | product.notes,
                "seconds": product.seconds,
            },
        )
        if ended is None:
            await self._storage.of_owner(job.owner).objects.delete(prefix)
        return ended

    async def end(self, job: JobRow, status: str, problem: Problem | None) -> JobRow | None:
        return await self._change(job, {"status": status, "problem": problem})

    async def give_back(self, job: JobRow, *, failed: bool) -> JobRow | None:
        changes = {"status": "queued", "lease_until": None, "failures": job.failures + int(failed)}
        return await self._change(job, changes)

    async def _change(self, job: JobRow, changes: Mapping[str, object]) -> JobRow | None:
        mine: Where = {"attempt": job.attempt, "status": "running", "leased_by": self._holder}
        return await self._storage.of_owner(job.owner).records.update(JobRow, job.id, changes, expect=mine)

    def _forget_others(self, keep: Path) -> None:
        """Keep the newest data set only: a replica works on one job at a time."""
        for folder in self.cache.iterdir():
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
