"""The average of a run's models on a real ledger: one row, one closing, whatever is doubled, late or lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.evaluator.ensembles import LedgerEnsembles
from services.evaluator.handlers import close_if_over, evaluate
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.reconcile import Reconciler
from services.evaluator.storage import LedgerResults, LedgerVerdicts
from services.trainer.child.protocol import PredictTask, TrainTask
from services.trainer.child.tasks import predict, train
from services.trainer.core.export import load_forecaster
from services.trainer.storage import LedgerModels
from shared.contracts.base import Event, utc_now
from shared.contracts.events import ModelDone, ModelEvaluated, RunFinished
from shared.contracts.kinds import MODEL_SPEC, EnsembleSpec, LinearSpec, ModelSpec, SvrMimoSpec
from shared.fingerprint import file_facts
from shared.models.passport import (
    Passport,
    PassportViolated,
    layout_to_json,
    read_passport,
    write_passport,
)
from shared.scoring.forecasts import Forecast, PartForecast
from shared.series.arrays import Float64
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.rows import DatasetRow, JobRow, ResultRow, RunRow
from shared.windows.dataset import Dataset, Part
from tests.support.forecasting import stored_dataset
from tests.support.runs import Heard, ledger, planned_run, turns_of

COUNTS = ForecastMetrics(CollectorRegistry())

THREE: tuple[ModelSpec, ...] = (LinearSpec(), LinearSpec(refit=False), SvrMimoSpec())
SOON = timedelta(minutes=1)
PARTS: tuple[Part, ...] = ("validation", "test")
NOISE = {"lin": 1.0, "svr_mimo": 1.3, "seasonal_naive": 3.0, "last_value": 4.0}


class Evaluator:
    """The evaluator's reactions without a broker: what is said is heard in turn, each subject once."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.results, self.verdicts = LedgerResults(storage), LedgerVerdicts(storage)
        self.ensembles = LedgerEnsembles(storage, self.results)
        self.said: list[Event] = []

    async def hear(self, event: Event) -> Event | None:
        """React to one event, as the handlers do."""
        if isinstance(event, ModelDone):
            return await evaluate(event, self.results, self.verdicts, self.ensembles, COUNTS)
        return await self.close(event)

    async def close(self, cause: Event) -> Event | None:
        return await close_if_over(cause, cause.run_id or "", self.verdicts, self.ensembles, COUNTS)

    async def hear_all(self, *events: Event) -> None:
        """React until there is nothing left to react to."""
        waiting = list(events)
        while waiting:
            said = await self.hear(waiting.pop(0))
            if said and said.subject() not in {event.subject() for event in self.said}:
                self.said.append(said)
                waiting += [] if isinstance(said, RunFinished) else [said]

    async def jobs(self, run: RunRow) -> list[JobRow]:
        return await self.storage.records.select(JobRow, {"run_id": run.id}, order="position")

    async def run(self, run: RunRow) -> RunRow:
        return await self.storage.records.get(RunRow, run.id) or run


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored_dataset(tmp_path_factory.mktemp("data") / "dataset")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await ledger(tmp_path / "yard")
    yield opened
    await opened.close()


async def finished_run(
    storage: Storage, dataset: Path, scratch: Path, **changes: object
) -> tuple[RunRow, list[JobRow]]:
    """Store a run whose jobs have all ended well, with forecasts off by independent noise."""
    run, jobs = await planned_run(storage, **{"models": THREE, **changes})
    await store_dataset(storage, run, dataset)
    opened = Dataset.open(dataset)
    for job in jobs:
        forecast = Forecast(noisy(opened, "validation", job), noisy(opened, "test", job))
        await store_model(storage, job, opened, forecast, scratch / job.id)
    return run, [done for job in jobs if (done := await storage.records.get(JobRow, job.id))]


async def store_dataset(storage: Storage, run: RunRow, folder: Path) -> None:
    prefix = keys.dataset(run.session_id, run.dataset_id)
    await put_tree(storage.objects, folder, prefix)
    await storage.records.update(DatasetRow, run.dataset_id, {"object_key": prefix})


async def store_model(
    storage: Storage, job: JobRow, dataset: Dataset, forecast: Forecast, folder: Path
) -> None:
    """Store what a fit leaves, as far as the evaluator looks at it."""
    await asyncio.to_thread(write_model, job, dataset, forecast, folder)
    await finish(storage, job, folder)


def write_model(job: JobRow, dataset: Dataset, forecast: Forecast, folder: Path) -> None:
    folder.mkdir()
    np.savez(folder / "forecasts.npz", **forecast.to_arrays())  # type: ignore[arg-type]  # means allow_pickle
    (folder / "history.json").write_text("{}")
    passport = Passport(
        kind=job.kind,
        spec=job.spec,
        seed=None,
        dataset_sha256="0" * 64,
        layout=layout_to_json(dataset.layout),
        n_windows={},
        libraries={},
        metrics={},
        notes={},
        files={path.name: file_facts(path) for path in folder.iterdir()},
    )
    write_passport(passport, folder)


async def finish(storage: Storage, job: JobRow, folder: Path) -> None:
    prefix = keys.attempt(job.session_id, job.run_id, job.id, 1)
    files = await put_tree(storage.objects, folder, prefix)
    await storage.records.update(JobRow, job.id, {"status": "finished", "attempt": 1, "files": files})


def noisy(dataset: Dataset, part: Part, job: JobRow, *, size: float | None = None) -> PartForecast:
    index = dataset.indices(part)
    truth = dataset.y_true(index)
    noise = np.random.default_rng(job.position).normal(0, size or NOISE[job.kind], truth.shape)
    return PartForecast(dataset.ref_ns[index], truth, truth + noise)


def done(job: JobRow) -> ModelDone:
    return ModelDone.first(
        session_id=job.session_id, run_id=job.run_id, job_id=job.id, kind=job.kind, label=job.label,
        status="finished",
    )  # fmt: skip


def evaluated(job: JobRow) -> ModelEvaluated:
    return ModelEvaluated.first(
        session_id=job.session_id, run_id=job.run_id, job_id=job.id, kind=job.kind, label=job.label
    )


async def test_the_average_of_a_runs_models_is_one_more_row_and_the_run_closes_once(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    evaluator = Evaluator(storage)

    await evaluator.hear_all(*map(done, jobs))

    *_, ensemble = await evaluator.jobs(run)
    closed = await evaluator.run(run)
    rows = closed.verdict["rows"]
    assert isinstance(rows, list)
    assert [event.type for event in evaluator.said].count("run.finished") == 1
    assert (ensemble.kind, ensemble.label, ensemble.position) == ("ensemble", "Ensemble", len(jobs))
    assert isinstance(ensemble.spec, EnsembleSpec)
    assert {member.job_id for member in ensemble.spec.members} <= {job.id for job in jobs if not job.baseline}
    assert sum(member.weight for member in ensemble.spec.members) == pytest.approx(1.0)
    assert closed.best_job_id == ensemble.id  # independent errors cancel out
    assert len(rows) == len(jobs) + 1
    assert members_of(closed) == {m.job_id: m.weight for m in ensemble.spec.members}


async def test_events_in_any_order_doubled_and_late_change_nothing(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    evaluator = Evaluator(storage)

    await evaluator.hear_all(*map(done, [*reversed(jobs), *jobs]))
    before, said = (await evaluator.jobs(run), await evaluator.run(run)), list(evaluator.said)
    await evaluator.hear_all(*map(done, before[0]), *map(evaluated, before[0]))

    assert (await evaluator.jobs(run), await evaluator.run(run)) == before
    assert evaluator.said == said


async def test_two_evaluators_that_hear_the_last_model_at_once_make_one_average(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    first, second = Evaluator(storage), Evaluator(storage)
    for job in jobs:
        await first.hear(done(job))

    said = await asyncio.gather(*(e.close(evaluated(job)) for e in (first, second) for job in jobs))

    ensembles = [job for job in await first.jobs(run) if job.kind == "ensemble"]
    assert len(ensembles) == 1
    assert {event.subject() for event in said if event} == {done(ensembles[0]).subject()}
    folder = (await models(storage, tmp_path).local(run.session_id, ensembles[0].id)).folder
    read_passport(folder, sha256=sha256_of(ensembles[0], "passport.json"))  # its bytes are those of its row


@pytest.mark.parametrize("lost", ["files", "row", "scores", "verdict"])
async def test_a_crash_after_any_step_is_made_good_by_the_next_delivery(
    storage: Storage, dataset: Path, tmp_path: Path, lost: str
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    evaluator = Evaluator(storage)
    for job in jobs:
        await evaluator.hear(done(job))
    cause = evaluated(jobs[-1])

    await crash_after(lost, evaluator, run, cause)
    last = (await evaluator.jobs(run))[-1]
    await evaluator.hear_all(done(last) if lost == "scores" else cause)

    closed = await evaluator.run(run)
    assert closed.status == "completed"
    assert len(await storage.records.select(ResultRow, {"run_id": run.id})) == len(jobs) + 1
    assert [event.type for event in evaluator.said].count("run.finished") == 1


async def crash_after(step: str, evaluator: Evaluator, run: RunRow, cause: Event) -> None:
    """Leave the run as it is when a process ends after it stored something, before it could say so."""
    state = await evaluator.verdicts.state(run.id)
    assert state is not None
    job = await evaluator.ensembles.make(state)
    if step == "files":
        await evaluator.storage.records.delete(JobRow, {"id": job.id})
    if step in ("scores", "verdict"):
        await evaluator.hear(done(job))
    if step == "verdict":
        await evaluator.close(cause)


@pytest.mark.parametrize("made", [False, True])
async def test_the_reconciler_brings_a_run_to_its_end_that_nobody_speaks_of(
    storage: Storage, dataset: Path, tmp_path: Path, made: bool
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    evaluator, heard = Evaluator(storage), Heard()
    for job in jobs:
        await evaluator.hear(done(job))
    if made:
        await evaluator.close(evaluated(jobs[0]))

    async def close(run: RunRow, cause: Event) -> Event | None:
        return await evaluator.close(cause)

    reconciler = Reconciler(storage.records, heard.post(), close, every=SOON, turns=turns_of(storage))
    await reconciler.look(before=utc_now() + SOON)
    ensemble = (await evaluator.jobs(run))[-1]
    await evaluator.hear(done(ensemble))
    await reconciler.look(before=utc_now() + SOON)

    assert ensemble.kind == "ensemble"
    assert set(heard.types) == {"model.done", "run.finished"}
    assert (await evaluator.run(run)).status == "completed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ensemble": False}, "switched off"),
        ({"models": (LinearSpec(),)}, "the run has 1"),
        ({"cancel_requested": True}, "cancelled"),
    ],
    ids=["switched off", "one model", "cancelled"],
)
async def test_without_an_average_the_run_closes_as_ever_and_says_why(
    storage: Storage, dataset: Path, tmp_path: Path, changes: Mapping[str, object], reason: str
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path, **changes)
    evaluator = Evaluator(storage)

    await evaluator.hear_all(*map(done, jobs))

    closed = await evaluator.run(run)
    assert [job.id for job in await evaluator.jobs(run)] == [job.id for job in jobs]
    assert closed.status in ("completed", "cancelled")
    assert reason in str(closed.verdict["ensemble"])


async def test_a_copy_of_the_best_model_is_no_row_of_its_own(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    opened = Dataset.open(dataset)
    perfect = Forecast(*(noisy(opened, p, jobs[2], size=1e-9) for p in PARTS))
    await store_model(storage, jobs[2], opened, perfect, tmp_path / "perfect")
    evaluator = Evaluator(storage)

    await evaluator.hear_all(*map(done, jobs))

    closed = await evaluator.run(run)
    assert closed.best_job_id == jobs[2].id
    assert "one model alone" in str(closed.verdict["ensemble"])


async def test_a_model_whose_forecasts_are_lost_costs_the_average_not_the_run(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await finished_run(storage, dataset, tmp_path)
    evaluator = Evaluator(storage)
    for job in jobs:
        await evaluator.hear(done(job))
    await storage.objects.delete(f"{keys.attempt(run.session_id, run.id, jobs[3].id, 1)}/forecasts.npz")

    await evaluator.hear_all(evaluated(jobs[0]))

    closed = await evaluator.run(run)
    assert closed.status == "completed"
    assert closed.verdict["ensemble"] != {}
    assert len(await evaluator.jobs(run)) == len(jobs)


async def test_the_stored_average_forecasts_what_its_members_do(
    storage: Storage, dataset: Path, tmp_path: Path
) -> None:
    run, jobs = await planned_run(storage, models=(LinearSpec(), SvrMimoSpec()))
    await store_dataset(storage, run, dataset)
    for job in jobs:
        await asyncio.to_thread(fit_in_place, job, dataset, tmp_path / job.id)
        await finish(storage, job, tmp_path / job.id)
    evaluator = Evaluator(storage)

    await evaluator.hear_all(*map(done, jobs))

    ensemble = (await evaluator.jobs(run))[-1]
    assert isinstance(ensemble.spec, EnsembleSpec)
    stored = await evaluator.results.forecast(ensemble)
    members = {member.job_id: member.weight for member in ensemble.spec.members}
    parts = [(weight, await forecast_of(storage, job_id)) for job_id, weight in members.items()]
    np.testing.assert_allclose(stored.test.y_pred, sum(weight * part.test.y_pred for weight, part in parts))
    folder = (await models(storage, tmp_path).local(run.session_id, ensemble.id)).folder
    answered = predicted(folder, dataset, tmp_path)
    np.testing.assert_allclose(answered, stored.test.y_pred, rtol=1e-4, atol=1e-3)
    with (folder.parent / next(iter(members)) / "model.npz").open("ab") as file:
        file.write(b"!")
    with pytest.raises(PassportViolated, match=r"model\.npz"):
        load_forecaster(folder)


def fit_in_place(job: JobRow, dataset: Path, output: Path) -> None:
    """Fit a job's model as the trainer's child does."""
    spec = MODEL_SPEC.validate_python(job.spec)
    train(TrainTask(spec=spec, dataset=dataset, output=output), lambda progress: None)


async def forecast_of(storage: Storage, job_id: str) -> Forecast:
    results = LedgerResults(storage)
    job = await results.job(job_id)
    assert job is not None
    return await results.forecast(job)


def predicted(model: Path, dataset: Path, scratch: Path) -> Float64:
    """Return what a stored model says about the test windows in original units."""
    opened = Dataset.open(dataset)
    np.savez(scratch / "windows.npz", x=opened.x(opened.indices("test"), scaled=False))
    predict(PredictTask(model=model, windows=scratch / "windows.npz", output=scratch / "answer.npz"))
    answer: Float64 = np.load(scratch / "answer.npz")["y_pred"]
    return answer


def models(storage: Storage, folder: Path) -> LedgerModels:
    cache = folder / "models"
    cache.mkdir()
    return LedgerModels(storage, cache=cache)


def sha256_of(job: JobRow, name: str) -> str:
    file = job.files[name]
    assert isinstance(file, dict)
    return str(file["sha256"])


def members_of(run: RunRow) -> dict[str, float]:
    """Return the weights the verdict tells."""
    told: Any = run.verdict["ensemble"]
    return {member["job_id"]: member["weight"] for member in told["members"]}
