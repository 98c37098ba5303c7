"""The average of a run's models: chosen on validation, stored like a model, a job of the run like any other.

Everything about it follows from the run: its id, its files to the last byte, its row. Making it twice, at the
same time or after a crash, leaves one.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.evaluator.core.ensemble import Ensemble, combine, judged, may_join, select
from services.evaluator.core.problems import NoEnsemble
from services.evaluator.ports import Results, RunState
from shared.contracts.base import derive
from shared.contracts.kinds import ENSEMBLE, WIRE_NAMES, EnsembleSpec, Member
from shared.fingerprint import file_facts
from shared.models.passport import (
    PASSPORT,
    Passport,
    first_scores,
    library_versions,
    parse_passport,
    write_passport,
)
from shared.scoring.forecasts import Forecast, alike
from shared.scoring.metrics import known_std
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes, json_to_bytes
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.rows import JobRow
from shared.storage.verified import get_verified

_FIRST = 1  # the only attempt there is


@dataclass(frozen=True)
class Average:
    """Weights, and the forecasts that follow from them."""

    ensemble: Ensemble
    forecast: Forecast


@dataclass(eq=False)
class LedgerEnsembles:
    """Averages in the ledger and the object store."""

    _storage: Storage
    _results: Results

    async def make(self, state: RunState) -> JobRow:
        started = time.perf_counter()
        jobs = candidates(state)
        context = await self._results.scoring_context(jobs[0])
        forecasts = {job.id: await self._results.forecast(job) for job in jobs}
        train_std = [known_std(values) for values in context.y_train]
        try:
            made = await asyncio.to_thread(average, forecasts, train_std)
        except MemoryError as error:  # a run shall not stay open because this one more model is too large
            raise NoEnsemble("the memory of this machine did not suffice for it") from error
        spec = EnsembleSpec(members=_members(jobs, made.ensemble.weights))
        with tempfile.TemporaryDirectory(prefix="trainyard-ensemble-") as scratch:
            key, sha256 = _passport_of(jobs[0])
            passport = await get_verified(self._storage.of_owner(jobs[0].owner).objects, key, sha256)
            member = parse_passport(passport, sha256=sha256)
            await asyncio.to_thread(write_product, Path(scratch), spec, made, member)
            job = _job(state, spec, made.ensemble)
            mine = self._storage.of_owner(job.owner)
            prefix = keys.attempt(job.session_id, job.run_id, job.id, job.attempt)
            job = job.changed(files=await put_tree(mine.objects, Path(scratch), prefix))
        await mine.records.insert([job.changed(seconds=round(time.perf_counter() - started, 3))])
        return await mine.records.get(JobRow, job.id) or job


def candidates(state: RunState) -> list[JobRow]:
    """Return the jobs whose models may be averaged.

    Raises
    ------
    NoEnsemble
        If nobody wants an average, or there are fewer than two models.
    """
    if state.run.backtest:
        raise NoEnsemble("a backtest compares its models fold by fold")
    if not state.run.ensemble:
        raise NoEnsemble("it was switched off in the request")
    if state.run.cancel_requested:
        raise NoEnsemble("the run was cancelled")
    able = [job for job in state.jobs if job.status == "finished" and may_join(job.kind)]
    if len(able) < 2:
        raise NoEnsemble(
            f"an average needs two finished models; the run has {len(able)} beside the baselines"
        )
    return able


def average(forecasts: Mapping[str, Forecast], train_std: Sequence[float | None]) -> Average:
    """Choose weights and average the forecasts: on validation as one that has not seen what it forecasts.

    Raises
    ------
    NoEnsemble
        If there is no validation part, or one model alone is best.
    ForecastMismatch
        If the models forecast different windows.
    """
    validation = {job_id: forecast.validation for job_id, forecast in forecasts.items()}
    ensemble = select(validation, train_std=train_std)
    if not ensemble.weights:
        raise NoEnsemble("no model has validation forecasts to choose weights on")
    if len(ensemble.weights) == 1:
        raise NoEnsemble("on validation one model alone is better than any average with others")
    test = combine({job_id: forecast.test for job_id, forecast in forecasts.items()}, ensemble)
    return Average(ensemble, Forecast(*alike([judged(validation, train_std=train_std), test])))


def write_product(folder: Path, spec: EnsembleSpec, made: Average, member: Passport) -> None:
    """Write what every stored model has; data set and layout are those of any member."""
    (folder / "forecasts.npz").write_bytes(arrays_to_bytes(made.forecast.to_arrays()))
    (folder / "history.json").write_bytes(json_to_bytes({}))
    (folder / "ensemble.json").write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    passport = Passport(
        kind=ENSEMBLE,
        spec=spec,
        seed=None,
        dataset_sha256=member.dataset_sha256,
        layout=member.layout,
        n_windows=member.n_windows,
        libraries=library_versions(),
        contract=member.contract,
        metrics=first_scores(made.forecast),
        notes={"loss_where_chosen": made.ensemble.loss},
        files={path.name: file_facts(path) for path in sorted(folder.iterdir())},
    )
    write_passport(passport, folder)


def _members(jobs: Sequence[JobRow], weights: Mapping[str, float]) -> tuple[Member, ...]:
    """Return the models with a say, the heaviest first."""
    chosen = sorted((job for job in jobs if job.id in weights), key=lambda job: -weights[job.id])
    return tuple(
        Member(
            job_id=job.id,
            kind=job.kind,
            label=job.label,
            weight=weights[job.id],
            passport_sha256=_passport_of(job)[1],
        )
        for job in chosen
    )


def _passport_of(job: JobRow) -> tuple[str, str]:
    """Return where a job's passport lies, and its hash."""
    file = job.files.get(PASSPORT)
    if not isinstance(file, dict):
        raise NoEnsemble(f"{job.label} has no passport")
    return str(file["key"]), str(file["sha256"])


def _job(state: RunState, spec: EnsembleSpec, ensemble: Ensemble) -> JobRow:
    run = state.run
    return JobRow(
        id=derive("job", run.id, ENSEMBLE),
        owner=run.owner,
        session_id=run.session_id,
        run_id=run.id,
        dataset_id=run.dataset_id,
        position=1 + max(job.position for job in state.jobs),
        kind=ENSEMBLE,
        label=WIRE_NAMES[ENSEMBLE],
        spec=spec,
        status="finished",
        attempt=_FIRST,
        notes={"loss_where_chosen": ensemble.loss},
    )
