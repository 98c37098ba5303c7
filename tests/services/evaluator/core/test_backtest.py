"""A backtest's table: an oracle by hand, ranks by the mean over folds, and what lacks a fold has none."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.evaluator.core.backtest import fold_table, score_folds
from services.evaluator.core.problems import ScoresMissing, UnknownMetric
from services.evaluator.core.scores import Scores, score
from services.evaluator.core.verdict import reach_verdict
from services.trainer.core.planning import plan_jobs
from shared.contracts.backtest import Backtest, BacktestSpec, Fold
from shared.contracts.base import new_id
from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.contracts.problems import Problem
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64
from shared.storage.rows import JobRow, ResultRow, RunRow

HOUR_NS = 3_600_000_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def folds_of(n_folds: int, size: int = 10) -> tuple[Fold, ...]:
    """Return folds of so many windows after fifty for training."""
    return tuple(
        Fold(
            number=number + 1,
            cutoff=START + timedelta(hours=50 + number * size),
            last=START + timedelta(hours=49 + (number + 1) * size),
            train=(0, 40 + number * size),
            validation=(42 + number * size, 48 + number * size),
            test=(50 + number * size, 50 + (number + 1) * size),
        )
        for number in range(n_folds)
    )


def run_of(n_folds: int = 3, *, refit: bool = True) -> RunRow:
    spec = BacktestSpec(n_folds=n_folds, refit=refit)
    return RunRow(
        id=new_id(),
        owner="ada",
        session_id=new_id(),
        dataset_id=new_id(),
        models=(LinearSpec(), DenseSpec()),
        backtest_of=new_id(),
        backtest=Backtest(spec=spec, folds=folds_of(n_folds)),
    )


def truth_of(fold: Fold) -> Float64:
    """Return true values of two outputs, shape (n_windows, 3, 2)."""
    ramp = np.arange(*fold.test)[:, None, None] + np.arange(3)[None, :, None]
    truth: Float64 = ramp * np.array([1.0, 10.0])
    return truth


def scored(part: PartForecast, *, train_std: float = 1.0) -> Scores:
    y_train = [np.arange(40.0) * train_std, np.arange(40.0) * 10 * train_std]
    return score(part, y_train=y_train, delta_minutes=[60.0, 60.0], names=["load", "export"])


def forecast_of(folds: Sequence[Fold], errors: Sequence[float]) -> PartForecast:
    """Return forecasts that are off by a constant on each fold, ten times as much in the second output."""
    truth = [truth_of(fold) for fold in folds]
    off = [y + error * np.array([1.0, 10.0]) for y, error in zip(truth, errors, strict=True)]
    ref_ns = np.arange(folds[0].test[0], folds[-1].test[1]) * HOUR_NS
    return PartForecast(ref_ns, np.concatenate(truth), np.concatenate(off))


def result_of(job: JobRow, errors: Sequence[float]) -> ResultRow:
    """Return the stored scores of a job that is off by so much on each of its folds."""
    assert job.backtest is not None
    test = forecast_of(job.backtest.folds, errors)
    # Later folds train on more: were each divided by its own spread, the mean would be in no unit.
    spread = float(job.backtest.folds[0].number)
    folds = score_folds(test, job.backtest, lambda part: scored(part, train_std=spread))
    scores = {"test": scored(test, train_std=spread).to_json(), "folds": [fold.to_json() for fold in folds]}
    return ResultRow(
        id=job.id, owner=job.owner, session_id=job.session_id, run_id=job.run_id, label=job.label,
        kind=job.kind, scores=scores if folds else {"test": scores["test"]},
    )  # fmt: skip


ERRORS = {
    "Seasonal naive": (4.0, 4.0, 8.0),
    "Last value": (9.0, 9.0, 9.0),
    "LIN": (1.0, 2.0, 6.0),
    "Dense": (2.0, 2.0, 2.0),
}


def finished(run: RunRow) -> tuple[list[JobRow], dict[str, ResultRow]]:
    """Return the jobs of a backtest, all finished, with the errors above."""
    jobs = [job.changed(status="finished") for job in plan_jobs(run)]
    return jobs, {job.id: result_of(job, errors_of(job)) for job in jobs}


def errors_of(job: JobRow) -> list[float]:
    assert job.backtest is not None
    return [ERRORS[job.backtest.model][fold.number - 1] for fold in job.backtest.folds]


@pytest.mark.parametrize("refit", [True, False])
def test_the_table_is_what_one_computes_by_hand(refit: bool) -> None:
    run = run_of(refit=refit)
    jobs, results = finished(run)
    assert run.backtest is not None

    table = fold_table(run.backtest.folds, jobs, results, metric="rmse")

    assert len(jobs) == (12 if refit else 4)
    assert [row.label for row in table.rows] == ["Dense", "LIN", "Seasonal naive", "Last value"]
    lin = table.rows[1]
    assert [fold.outputs["load"]["rmse"] for fold in lin.folds] == pytest.approx([1.0, 2.0, 6.0])
    assert [fold.scores["mae"] for fold in lin.folds] == pytest.approx([5.5, 11.0, 33.0])
    assert lin.outputs["export"]["mae"] == pytest.approx(30.0)
    assert lin.output_spread["load"]["rmse"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert lin.test["rmse"] == pytest.approx(5.5 * 3)
    assert lin.loss == pytest.approx(3.0 / np.std(np.arange(40.0)))
    assert lin.loss_spread == pytest.approx(np.std([1, 2, 6], ddof=1) / np.std(np.arange(40.0)))
    assert lin.skill == pytest.approx(1 - 9 / 16)
    assert [fold.skill for fold in lin.folds] == pytest.approx([0.75, 0.5, 0.25])
    assert (lin.beats_baseline, table.rows[2].beats_baseline) == (True, None)
    json.dumps(table.to_json(), allow_nan=False)


def test_scores_of_a_fold_are_those_of_its_windows_alone() -> None:
    folds = folds_of(3)
    run = run_of(refit=False)
    part = next(job.backtest for job in plan_jobs(run))

    scores = score_folds(forecast_of(folds, (1.0, 2.0, 6.0)), part, scored)

    assert [s.n_windows for s in scores] == [10, 10, 10]
    for fold, error, own in zip(folds, (1.0, 2.0, 6.0), scores, strict=True):
        assert own.to_json() == scored(forecast_of([fold], [error])).to_json()


def test_one_fold_has_a_mean_and_no_spread() -> None:
    run = run_of(1)
    jobs, results = finished(run)
    assert run.backtest is not None

    table = fold_table(run.backtest.folds, jobs, results, metric="mae")

    assert {row.label: row.outputs["load"]["mae"] for row in table.rows}["LIN"] == pytest.approx(1.0)
    assert {row.loss_spread for row in table.rows} == {None}


def test_a_model_that_lacks_a_fold_has_no_rank_and_says_why() -> None:
    run = run_of()
    jobs, results = finished(run)
    assert run.backtest is not None
    lost = next(job for job in jobs if job.label == "Dense, fold 2 of 3")
    problem = Problem(code="X", message="the fit diverged")
    jobs[jobs.index(lost)] = lost.changed(status="failed", problem=problem)
    del results[lost.id]

    table = fold_table(run.backtest.folds, jobs, results, metric="rmse")

    dense = table.rows[-1]
    assert table.best is not None
    assert table.best.label == "LIN"
    assert (dense.label, dense.rank) == ("Dense", None)
    assert dense.reason == "only 2 of 3 folds are there: the fit diverged"
    assert [fold.status for fold in dense.folds] == ["finished", "failed", "finished"]
    assert dense.folds[1].loss is None
    assert dense.loss is None


def test_a_model_with_fewer_finite_forecasts_has_no_rank() -> None:
    run = run_of(2)
    jobs, results = finished(run)
    assert run.backtest is not None
    job = next(job for job in jobs if job.label == "Dense, fold 1 of 2")
    results[job.id] = result_of(job, [float("nan")])

    table = fold_table(run.backtest.folds, jobs, results, metric="rmse")

    assert table.rows[-1].label == "Dense"
    assert table.rows[-1].reason == "only 60 of 120 forecasts are finite numbers"


def test_the_verdict_names_the_fit_of_the_newest_fold() -> None:
    run = run_of()
    jobs, results = finished(run)
    assert run.backtest is not None

    verdict = reach_verdict(jobs, results, metric="rmse", cancelled=False, folds=run.backtest.folds)

    best = next(job for job in jobs if job.id == verdict.best_job_id)
    assert (verdict.status, verdict.best_label, best.label) == ("completed", "Dense", "Dense, fold 3 of 3")


def test_a_backtest_of_which_nothing_finished_has_a_table_without_scores() -> None:
    run = run_of()
    jobs = [job.changed(status="cancelled") for job in plan_jobs(run)]
    assert run.backtest is not None

    verdict = reach_verdict(jobs, {}, metric="rmse", cancelled=True, folds=run.backtest.folds)

    assert (verdict.status, verdict.best_job_id) == ("cancelled", None)
    assert isinstance(verdict.leaderboard["rows"], list)
    assert len(verdict.leaderboard["rows"]) == 4


def test_scores_that_do_not_fit_the_folds_are_refused() -> None:
    run = run_of(refit=False)
    jobs, results = finished(run)
    assert run.backtest is not None
    first = results[jobs[0].id]
    results[jobs[0].id] = first.changed(scores={"test": first.scores["test"]})

    with pytest.raises(ScoresMissing):
        fold_table(run.backtest.folds, jobs, results, metric="rmse")
    with pytest.raises(UnknownMetric):
        fold_table(run.backtest.folds, jobs, results, metric="luck")
