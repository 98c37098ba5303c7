"""Do rows and objects agree? A check of a whole store, for users and for the fault campaign."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow, RowBatchRow
from shared.storage.objects import ObjectNotFound
from shared.storage.records import R, each_row
from shared.storage.registry_rows import ModelVersionRow, StageChangeRow
from shared.storage.rows import (
    LIVE_RUN,
    OPEN_JOB,
    SESSION_TABLES,
    DatasetRow,
    FileRow,
    JobRow,
    PlotRow,
    ResultRow,
    RunRow,
    SeriesRow,
    SessionRow,
)
from shared.storage.verified import digest_in

Kind = Literal["damaged", "missing", "contradiction", "orphan row", "leftover"]
ERRORS: tuple[Kind, ...] = ("damaged", "missing", "contradiction", "orphan row")
PAGE = 1_000


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; a leftover costs space and nothing else."""

    kind: Kind
    what: str
    session_id: str
    key: str = ""


@dataclass(frozen=True)
class Report:
    """What was looked at, and what was found."""

    n_sessions: int
    n_objects: int
    findings: Sequence[Finding]

    @property
    def errors(self) -> list[Finding]:
        """The findings that are more than leftovers."""
        return [finding for finding in self.findings if (finding.kind in ERRORS)]

    def counts(self) -> Counter[str]:
        """Return how many findings there are of each kind."""
        return Counter(finding.kind for finding in self.findings)


async def check_store(storage: Storage) -> Report:
    """Read every row and every object of a store and compare them."""
    sessions = {row.id async for row in each_row(storage.records, SessionRow, {}, page=PAGE)}
    known: defaultdict[str, set[str]] = defaultdict(set)
    findings: list[Finding] = []
    for table in SESSION_TABLES:
        async for row in each_row(storage.records, table, {}, page=PAGE):
            session_id = str(getattr(row, "session_id", ""))
            if session_id not in sessions:
                findings.append(Finding("orphan row", f"{table.table} {row.id}", session_id))
    checker = _Checker(storage, known)
    for session_id in sorted(sessions):
        findings += [finding async for finding in checker.session(session_id)]
    n_objects = 0
    for key in await storage.objects.list("sessions"):
        n_objects += 1
        session_id = key.split("/")[1]
        parts = key.split("/")  # a row names the object itself, or a folder it lies in
        if not any("/".join(parts[:n]) in known[session_id] for n in range(2, len(parts) + 1)):
            findings.append(Finding("leftover", "no row names this object", session_id, key))
    return Report(len(sessions), n_objects, tuple(findings))


async def remove_leftovers(storage: Storage, report: Report) -> int:
    """Delete the objects no row names; return how many. Only while nothing is being written."""
    left = [finding for finding in report.findings if finding.kind == "leftover"]
    return sum([await storage.objects.delete(finding.key) for finding in left])


@dataclass(eq=False)
class _Checker:
    """Checks one session after the other and notes which objects the rows name."""

    _storage: Storage
    _known: defaultdict[str, set[str]]

    async def session(self, session_id: str) -> AsyncIterator[Finding]:
        """Yield what is wrong with a session."""
        for part in (self._files, self._datasets, self._runs, self._forecasts):
            async for finding in part(session_id):
                yield finding

    async def _files(self, session_id: str) -> AsyncIterator[Finding]:
        series = await self._of(SeriesRow, session_id)
        for file in await self._of(FileRow, session_id):
            if file.status in ("receiving", "uploaded"):
                self._known[session_id].add(keys.chunks(session_id, file.id))
            if file.status == "ready" and not any(row.file_id == file.id for row in series):
                yield Finding("contradiction", f"file {file.id} is ready and has no series", session_id)
        for row in series:
            async for finding in self._object(session_id, row.object_key, row.sha256, f"series {row.id}"):
                yield finding
            if row.base_key is not None:
                async for finding in self._object(
                    session_id, row.base_key, row.base_sha256, f"upload of series {row.id}"
                ):
                    yield finding
            if row.version > 0:  # readers of the version before may still be at it
                before = keys.series_version(session_id, row.id, row.version - 1)
                self._known[session_id].add(before)
        for batch in await self._of(RowBatchRow, session_id):
            what = f"rows {batch.version} of file {batch.file_id}"
            async for finding in self._object(session_id, batch.object_key, batch.sha256, what):
                yield finding

    async def _forecasts(self, session_id: str) -> AsyncIterator[Finding]:
        documents = {row.id: row.content for row in await self._of(ForecastDocumentRow, session_id)}
        for row in await self._of(ForecastRow, session_id):
            if row.object_key is None:
                content = documents.get(row.id)
                if content is None:
                    yield Finding("missing", f"the document of forecast {row.id}", session_id)
                elif hashlib.sha256(content.encode()).hexdigest() != row.sha256:
                    yield Finding("damaged", f"the document of forecast {row.id}", session_id)
                continue
            async for finding in self._object(session_id, row.object_key, row.sha256, f"forecast {row.id}"):
                yield finding
        jobs = {job.id for job in await self._of(JobRow, session_id)}
        versions = await self._of(ModelVersionRow, session_id)
        for version in versions:
            if version.job_id not in jobs:
                yield Finding("contradiction", f"model version {version.number} is of no job", session_id)
        numbers = {version.number for version in versions}
        for change in await self._of(StageChangeRow, session_id):
            if change.version not in numbers:
                what = f"stage change {change.number} is of no model version"
                yield Finding("contradiction", what, session_id)

    async def _datasets(self, session_id: str) -> AsyncIterator[Finding]:
        for row in await self._of(DatasetRow, session_id):
            self._known[session_id].add(row.object_key or keys.dataset(session_id, row.id))
            if row.status == "ready" and (
                row.object_key is None or not await self._storage.objects.list(row.object_key)
            ):
                yield Finding("missing", f"the files of data set {row.id}", session_id, row.object_key or "")
            files = row.report.get("files")
            for name in files if isinstance(files, dict) and row.status == "ready" else ():
                key, what = f"{row.object_key}/{name}", f"{name} of data set {row.id}"
                async for finding in self._object(session_id, key, digest_in(files, name), what):
                    yield finding

    async def _runs(self, session_id: str) -> AsyncIterator[Finding]:
        jobs, results = await self._of(JobRow, session_id), await self._of(ResultRow, session_id)
        scored = {row.id for row in results}
        for run in await self._of(RunRow, session_id):
            mine = [job for job in jobs if job.run_id == run.id]
            self._known[session_id] |= {keys.archive(session_id, run.id)}
            self._known[session_id] |= {f"{keys.run(session_id, run.id)}/{part}" for part in _REPORT}
            if run.status not in LIVE_RUN:
                for what in _over(run, mine, scored):
                    yield Finding("contradiction", f"run {run.id} is {run.status}, {what}", session_id)
            if run.reported:
                key, stored = keys.archive(session_id, run.id), digest_in(run.verdict, "archive")
                async for finding in self._object(session_id, key, stored, f"archive of run {run.id}"):
                    yield finding
        for job in jobs:
            self._known[session_id] |= {
                f"{keys.job(session_id, job.run_id, job.id)}/importance",
                keys.backcast(session_id, job.run_id, job.id),
            }
            for name, entry in {**job.files, **job.made}.items() if job.status == "finished" else ():
                if isinstance(entry, dict):
                    named = f"{name} of job {job.id}"
                    async for finding in self._object(
                        session_id, str(entry["key"]), str(entry["sha256"]), named
                    ):
                        yield finding
        for row in results:
            if row.id not in {job.id for job in jobs}:
                yield Finding("contradiction", f"result {row.id} is of no job", session_id)
        for plot in await self._of(PlotRow, session_id):
            stem = plot.object_key.removesuffix(".png")
            for suffix, digest in ({"png": None} | plot.settings).items():
                known, what = digest if isinstance(digest, str) else None, f"plot {plot.name}"
                async for finding in self._object(session_id, f"{stem}.{suffix}", known, what):
                    yield finding

    async def _object(
        self, session_id: str, key: str, sha256: str | None, what: str
    ) -> AsyncIterator[Finding]:
        self._known[session_id].add(key)
        digest = hashlib.sha256()
        try:
            async for piece in self._storage.objects.stream(key):
                digest.update(piece)
        except ObjectNotFound:
            yield Finding("missing", what, session_id, key)
            return
        if sha256 is not None and digest.hexdigest() != sha256:
            yield Finding("damaged", what, session_id, key)

    async def _of(self, table: type[R], session_id: str) -> list[R]:
        return await self._storage.records.select(table, {"session_id": session_id}, order="id")


_REPORT = ("plots", "metrics", "tables")


def _over(run: RunRow, jobs: Iterable[JobRow], scored: set[str]) -> list[str]:
    """Return what contradicts that a run is over."""
    found = [f"job {job.id} is {job.status}" for job in jobs if job.status in OPEN_JOB]
    found += [
        f"finished job {job.id} has no scores"
        for job in jobs
        if job.status == "finished" and not job.trial and job.id not in scored and run.status == "completed"
    ]
    if run.status == "completed" and not run.verdict.get("rows"):
        found.append("and has no leaderboard")
    return found
