"""Forecasts of the future after the fact, over the ledger: scored when rows arrive, reported when asked."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from services.evaluator.core.challenge import Contest, Judgement, Undecided, judge
from services.evaluator.core.drift import compare_input, drift_to_json
from services.evaluator.core.monitoring import ForecastScore, rolling, score_forecast
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.ports import Results
from shared.errors import ModelNotFound, NotFound, Unavailable
from shared.series.arrays import Float64, Int64
from shared.series.series import NS_PER_HOUR, Series
from shared.storage import keys
from shared.storage.codecs import bytes_to_arrays
from shared.storage.connect import Storage
from shared.storage.forecast_documents import forecast_document
from shared.storage.forecast_rows import ForecastRow
from shared.storage.records import OneOf
from shared.storage.rows import JobRow, SeriesRow
from shared.storage.verified import ObjectDamaged, digest_in, get_verified
from shared.windows.dataset import Dataset

DATASETS_KEPT = 4
CORRECTED = 1000  # newest scored forecasts that a correction of earlier rows can score again
LOOKED_AT = 5000  # newest forecasts a report is made of
_TRIES = 4

log = structlog.get_logger()


class MonitoringQuestion(BaseModel):
    """How the models of a session do since they forecast."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    last: int = Field(default=30, ge=1, le=1000)
    drift_days: float = Field(default=14, gt=0, le=3660)
    job_ids: tuple[str, ...] = ()


class ChallengeQuestion(BaseModel):
    """Whether a candidate forecast better than the champion on the last days: first when, then how.

    Without ``forecast`` the answer is ``ref_ns``, the moments both are to be asked about; with it the
    answers to that are compared. Where there is nothing to compare, a ``judgement`` says so at once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    champion: str
    candidate: str
    days: int = Field(ge=1, le=3660)
    level: float = Field(gt=0, lt=1)
    judged_until: AwareDatetime | None = None
    forecast: bool = False


class BackcastsDiffer(Unavailable):
    """Two models were asked about other moments of the past meanwhile."""

    code = "BACKCASTS_DIFFER"
    advice = ("Try again in a moment.",)


@dataclass(eq=False)
class LedgerMonitoring:
    """Scores of stored forecasts. Whoever scores twice, or two at once, leaves what one would have left."""

    _storage: Storage
    _results: Results
    _metrics: ForecastMetrics
    _datasets: OrderedDict[str, Dataset] = field(default_factory=OrderedDict)

    async def score(self, session_id: str, *, since: datetime | None = None) -> int:
        """Score what is open in a session, as far as its truth has arrived; return how many changed.

        Parameters
        ----------
        since
            Rows from this moment on are new or were corrected: forecasts that reach there are scored again.
        """
        records = self._storage.records
        rows = await records.select(ForecastRow, {"session_id": session_id, "scored": False})
        if since is not None:
            done = await records.select(
                ForecastRow, {"session_id": session_id, "scored": True}, order="-last_time", limit=CORRECTED
            )
            rows += [row for row in done if row.last_time >= since]
        jobs = await self._jobs({row.job_id for row in rows})
        truths: dict[str, dict[str, tuple[Series, str]]] = {}
        changed = 0
        for row in rows:
            if job := jobs.get(row.job_id):
                try:
                    changed += await self._score(row, job, truths)
                except NotFound as error:
                    log.info("a forecast cannot be scored", forecast_id=row.id, code=error.code)
        return changed

    async def report(self, question: MonitoringQuestion) -> dict[str, JsonValue]:
        """Return the figures of the last forecasts of every model, and the drift of its inputs."""
        await self.score(question.session_id)
        where = {"session_id": question.session_id, "parent_id": None}
        wanted = {"job_id": OneOf(question.job_ids)} if question.job_ids else {}
        rows = await self._storage.records.select(
            ForecastRow, {**where, **wanted}, order="-reference_time", limit=LOOKED_AT
        )
        by_job: dict[str, list[ForecastRow]] = {}
        for row in rows:
            by_job.setdefault(row.job_id, []).append(row)
        jobs = await self._jobs(by_job)
        models: list[JsonValue] = []
        for job_id, own in by_job.items():
            scored = [row for row in own if row.n_scored][: question.last]
            models.append(
                {
                    "job_id": job_id,
                    "run_id": own[0].run_id,
                    "model": own[0].label,
                    "kind": own[0].kind,
                    "version": own[0].version,
                    "n_forecasts": len(own),
                    "n_open": sum(not row.scored for row in own),
                    "first": scored[-1].reference_time.isoformat() if scored else None,
                    "last": scored[0].reference_time.isoformat() if scored else None,
                    "targets": list(rolling([ForecastScore.model_validate(row.scores) for row in scored])),
                    "inputs": await self._drift(jobs.get(job_id), question.drift_days),
                }
            )
        return {"last": question.last, "drift_days": question.drift_days, "models": models}

    async def challenge(self, question: ChallengeQuestion) -> dict[str, JsonValue]:
        """Return the moments two models are compared at, or how they compare.

        Raises
        ------
        ModelNotFound
            If one of the two is not there.
        """
        jobs = await self._jobs({question.champion, question.candidate})
        own = [jobs.get(job_id) for job_id in (question.champion, question.candidate)]
        found = [job for job in own if job and job.session_id == question.session_id]
        if len(found) < len(own):
            raise ModelNotFound("there is no such finished model", session_id=question.session_id)
        champion, candidate = [await self._dataset(job) for job in found]
        targets = {output.series_id for one in (champion, candidate) for output in one.spec.outputs}
        rows = await self._rows(found[0], sorted(targets))
        truth = {series_id: series for series_id, (series, _) in rows.items()}
        before = None if question.forecast else question.judged_until
        judged_until_ns = round(before.timestamp()) * 10**9 if before else None
        contest = Contest(champion, candidate, truth, question.days, judged_until_ns)
        try:
            if not question.forecast:
                return {"ref_ns": (await asyncio.to_thread(contest.times)).tolist(), "judgement": None}
            (ref_ns, old), (others, new) = [await self._backcast(job) for job in found]
            if not np.array_equal(ref_ns, others):
                raise BackcastsDiffer("the forecasts to compare are from other moments by now")
            judgement = await asyncio.to_thread(judge, contest, ref_ns, old, new, level=question.level)
        except Undecided as reason:
            judgement = Judgement(
                decision="undecided", reason=str(reason), days=question.days, level=question.level
            )
        return {"ref_ns": [], "judgement": judgement.model_dump(mode="json")}

    async def _backcast(self, job: JobRow) -> tuple[Int64, Float64]:
        key = keys.backcast(job.session_id, job.run_id, job.id)
        objects, digest = self._storage.of_owner(job.owner).objects, digest_in(job.made, keys.BACKCAST)
        try:
            arrays = bytes_to_arrays(await get_verified(objects, key, digest))
        except ObjectDamaged:  # or another was kept since the row was read: both are mended by asking again
            raise BackcastsDiffer("the forecasts to compare were replaced while they were read") from None
        return arrays["ref_ns"], arrays["y_pred"]

    async def _score(
        self, row: ForecastRow, job: JobRow, truths: dict[str, dict[str, tuple[Series, str]]]
    ) -> int:
        mine = self._storage.of_owner(row.owner)
        dataset = await self._dataset(job)
        if job.dataset_id not in truths:
            truths[job.dataset_id] = await self._rows(job, [o.series_id for o in dataset.spec.outputs])
        rows = {series_id: series for series_id, (series, _) in truths[job.dataset_id].items()}
        versions = {series_id: version for series_id, (_, version) in truths[job.dataset_id].items()}
        if row.scores.get("truth") == versions:
            return 0
        newest = max(int(series.times_ns[-1]) for series in rows.values())
        if row.reference_time.timestamp() * 1e9 >= newest:
            return 0
        document = await forecast_document(mine.records, mine.objects, row)
        found = await asyncio.to_thread(score_forecast, document, dataset, rows, versions)
        if not found.n and not found.complete:
            return 0
        changes = {
            "scored": found.complete, "n_scored": found.n, "scores": found.model_dump(mode="json"),
        }  # fmt: skip
        kept = await mine.records.update(ForecastRow, row.id, changes, expect={"revision": row.revision})
        if kept is None:  # another replica was faster; with newer rows, or the next batch says it again
            return 0
        if found.complete and not row.scored:
            self._metrics.arrived(row.kind, found)
        return 1

    async def _drift(self, job: JobRow | None, days: float) -> list[JsonValue]:
        if job is None:
            return []
        try:
            dataset = await self._dataset(job)
            inputs = list(dict.fromkeys((spec.series_id, spec.name) for spec in dataset.spec.inputs))
            rows = await self._rows(job, [series_id for series_id, _ in inputs])
        except NotFound:
            return []
        train = dataset.parts.train
        if not len(train):
            return []
        trained_until = int(dataset.ref_ns[train[-1]])
        newest = max(int(series.times_ns[-1]) for series, _ in rows.values())
        since = newest - round(days * 24 * NS_PER_HOUR)
        found = [
            await asyncio.to_thread(
                compare_input, name, rows[series_id][0], trained_until_ns=trained_until, since_ns=since
            )
            for series_id, name in inputs
        ]
        return drift_to_json(found)

    async def _dataset(self, job: JobRow) -> Dataset:
        key = f"{job.dataset_id}/{job.backtest.model_dump_json() if job.backtest else ''}"
        if key not in self._datasets:
            self._datasets[key] = await self._results.dataset(job)
        self._datasets.move_to_end(key)
        while len(self._datasets) > DATASETS_KEPT:
            self._datasets.popitem(last=False)
        return self._datasets[key]

    async def _rows(self, job: JobRow, series_ids: Sequence[str]) -> dict[str, tuple[Series, str]]:
        """Return the newest rows of series, with their content hash.

        Raises
        ------
        NotFound
            If one was deleted.
        """
        mine = self._storage.of_owner(job.owner)
        found: dict[str, tuple[Series, str]] = {}
        for series_id in series_ids:
            for _ in range(_TRIES):  # a version that is replaced while it is read is gone a moment later
                row = await mine.records.get(SeriesRow, series_id)
                if row is None or row.session_id != job.session_id:
                    raise NotFound("a series of the model was deleted", series_id=series_id)
                try:
                    content = await get_verified(mine.objects, row.object_key, row.sha256)
                except NotFound:
                    continue
                arrays = await asyncio.to_thread(bytes_to_arrays, content)
                found[series_id] = (Series.from_arrays(arrays), row.sha256)
                break
            else:
                raise NotFound("the rows of a series are not there", series_id=series_id)
        return found

    async def _jobs(self, ids: set[str] | Mapping[str, object]) -> dict[str, JobRow]:
        if not ids:
            return {}
        rows = await self._storage.records.select(JobRow, {"id": OneOf(tuple(ids))})
        return {row.id: row for row in rows}
