"""A backtest on a real ledger: fitted, scored and closed once, however often it is told."""

import asyncio
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.evaluator.ensembles import LedgerEnsembles
from services.evaluator.handlers import close_if_over, close_run, evaluate
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.reconcile import Reconciler
from services.evaluator.report import ReportWriter
from services.evaluator.storage import LedgerResults, LedgerVerdicts
from services.trainer.child.protocol import TrainTask
from services.trainer.child.tasks import train
from services.trainer.core.planning import plan_jobs
from services.trainer.ports import Product
from services.trainer.storage import LedgerJobs
from shared.contracts.backtest import Backtest, BacktestSpec
from shared.contracts.base import Event, new_id, utc_now
from shared.contracts.events import ModelDone, ModelEvaluated, RunFinished
from shared.contracts.kinds import LinearSpec
from shared.scoring.metrics import measure
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.rows import DatasetRow, JobRow, ResultRow, RunRow, SessionRow
from shared.windows.dataset import Dataset
from shared.windows.folds import plan_backtest
from tests.support.forecasting import small_dataset
from tests.support.runs import Heard, ledger, turns_of

COUNTS = ForecastMetrics(CollectorRegistry())

RECOMPUTE = Path(__file__).parents[3] / "examples" / "recompute_scores.py"


async def fitted_backtest(storage: Storage, scratch: Path, dataset: Dataset, *, refit: bool) -> RunRow:
    """Store a data set and a run, plan three folds, and fit every job as a replica does."""
    spec = BacktestSpec(n_folds=3, refit=refit)
    session = SessionRow(id=new_id(), owner="ada")
    own = {"owner": "ada", "session_id": session.id}
    key = keys.dataset(session.id, "d" * 32)
    built = DatasetRow(id="d" * 32, spec=dataset.spec, status="ready", object_key=key, **own)
    plan = Backtest(spec=spec, folds=plan_backtest(dataset, spec))
    run = RunRow(
        id=new_id(), dataset_id=built.id, models=(LinearSpec(),), status="running", backtest_of=new_id(),
        backtest=plan, **own,
    )  # fmt: skip
    dataset.save(scratch / "dataset")
    await put_tree(storage.objects, scratch / "dataset", key)
    for rows in ([session], [built], [run], plan_jobs(run)):
        await storage.records.insert(rows)
    replica = LedgerJobs(storage, cache=scratch, lease=timedelta(seconds=60))
    for planned in plan_jobs(run):
        job = await replica.claim(planned.id)
        assert job is not None
        folder = scratch / job.id
        task = TrainTask(spec=job.spec, dataset=scratch / "dataset", output=folder, backtest=job.backtest)
        train(task, lambda _: None)
        assert await replica.finish(job, Product(folder, 0.1, {}))
    return run


def done(job: JobRow) -> ModelDone:
    return ModelDone.first(
        session_id=job.session_id, run_id=job.run_id, job_id=job.id, kind=job.kind, label=job.label,
        status="finished",
    )  # fmt: skip


@pytest.mark.parametrize("refit", [True, False])
async def test_events_told_twice_score_every_fold_once_and_close_the_backtest_once(
    tmp_path: Path, refit: bool
) -> None:
    storage, dataset = await ledger(tmp_path / "ledger"), small_dataset(400)
    run = await fitted_backtest(storage, tmp_path, dataset, refit=refit)
    results, verdicts = LedgerResults(storage), LedgerVerdicts(storage)
    jobs = await storage.records.select(JobRow, {"run_id": run.id}, order="position")

    finished: list[RunFinished] = []
    for event in [done(job) for job in (*jobs, *jobs)]:
        evaluated = await evaluate(event, results, verdicts, LedgerEnsembles(storage, results), COUNTS)
        assert isinstance(evaluated, ModelEvaluated)
        end = await close_run(evaluated, verdicts, LedgerEnsembles(storage, results), COUNTS)
        finished += [end] if isinstance(end, RunFinished) else []

    closed = await storage.records.get(RunRow, run.id)
    assert closed is not None
    assert (closed.status, closed.revision) == ("completed", 1)
    assert {(end.subject(), end.best_label, end.backtest) for end in finished} == {
        (finished[0].subject(), "LIN", True)
    }
    rows = await storage.records.select(ResultRow, {"run_id": run.id})
    assert len(rows) == len(jobs) == (9 if refit else 3)
    await check_by_hand(storage, closed, dataset)
    await check_archive(storage, closed, tmp_path / "results.zip")
    await storage.close()


async def check_by_hand(storage: Storage, run: RunRow, dataset: Dataset) -> None:
    """Recompute the table's scores of one model from the stored forecasts and the data set alone."""
    assert run.backtest is not None
    table = run.verdict["rows"]
    assert isinstance(table, list)
    lin = next(row for row in table if isinstance(row, dict) and row["label"] == "LIN")
    assert isinstance(lin["folds"], list)
    for fold, told in zip(run.backtest.folds, lin["folds"], strict=True):
        assert isinstance(told, dict)
        job = await storage.records.get(JobRow, str(told["job_id"]))
        assert job is not None
        test = (await LedgerResults(storage).forecast(job)).test
        of_fold = np.isin(test.ref_ns, dataset.ref_ns[slice(*fold.test)])
        by_hand = measure(test.y_true[of_fold, :, 0].ravel(), test.y_pred[of_fold, :, 0].ravel())
        outputs = told["outputs"]
        assert isinstance(outputs, dict)
        scores = outputs["load"]
        assert isinstance(scores, dict)
        for name in ("mae", "rmse", "wape", "r2"):
            assert scores[name] == pytest.approx(by_hand[name], rel=1e-9), (fold.number, name)
        source = dataset.sources[len(dataset.spec.inputs)]
        last = dataset.ref_ns[fold.train[1] - 1] + source.rule.reach_ns[1]
        y_train = source.series.values[source.series.times_ns <= last]
        naive = float(np.abs(np.diff(y_train)).mean())
        assert scores["mase"] == pytest.approx((by_hand["mae"] or 0) / naive, rel=1e-9)


async def check_archive(storage: Storage, run: RunRow, path: Path) -> None:
    """Write the report twice, and compute the archive's scores anew as a user would."""
    reporter = ReportWriter(storage, LedgerResults(storage))
    for _ in range(2):
        state = await LedgerVerdicts(storage).state(run.id)
        assert state is not None
        plots = await reporter.report(state)
    reporter.close()
    await storage.objects.fetch(keys.archive(run.session_id, run.id), path)
    recomputed = await asyncio.create_subprocess_exec(sys.executable, str(RECOMPUTE), str(path))

    reported = await storage.records.get(RunRow, run.id)
    assert reported is not None
    assert reported.reported
    assert reported.verdict == run.verdict | {"claims": [], "archive": reported.verdict["archive"]}
    assert plots == ("plots/error_by_fold.png",)
    assert await recomputed.wait() == 0
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert archive.read("tables/folds.csv").decode().count("\n") == 1 + 3 * 3 * 2
    assert "README.md" in names
    assert sum(name.endswith("passport.json") for name in names) == 3


async def test_the_reconciler_scores_and_closes_a_backtest_nobody_was_told_of(tmp_path: Path) -> None:
    storage, heard = await ledger(tmp_path / "ledger"), Heard()
    run = await fitted_backtest(storage, tmp_path, small_dataset(400), refit=True)
    results, verdicts = LedgerResults(storage), LedgerVerdicts(storage)

    async def close(row: RunRow, cause: Event) -> Event | None:
        return await close_if_over(cause, row.id, verdicts, LedgerEnsembles(storage, results), COUNTS)

    reconciler = Reconciler(
        storage.records, heard.post(), close, every=timedelta(minutes=1), turns=turns_of(storage)
    )
    await reconciler.look(before=utc_now() + timedelta(minutes=1))
    for message in heard.messages:
        assert isinstance(message, ModelDone)
        await evaluate(message, results, verdicts, LedgerEnsembles(storage, results), COUNTS)
    await reconciler.look(before=utc_now() + timedelta(minutes=1))

    closed = await storage.records.get(RunRow, run.id)
    assert closed is not None
    assert heard.types == ["model.done"] * 9 + ["run.finished"]
    assert closed.status == "completed"
    await storage.close()
