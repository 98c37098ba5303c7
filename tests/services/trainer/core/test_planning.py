"""The jobs of a run: baselines first, names that tell models apart, ids that follow from the run."""

from datetime import UTC, datetime

from services.trainer.core.planning import plan_jobs
from shared.contracts.backtest import Backtest, BacktestSpec, Fold
from shared.contracts.base import new_id
from shared.contracts.kinds import DenseSpec, LinearSpec, ModelSpec, SeasonalNaiveSpec
from shared.storage.rows import RunRow


def run_of(*models: ModelSpec) -> RunRow:
    return RunRow(id=new_id(), owner="ada", session_id=new_id(), dataset_id=new_id(), models=models)


def test_the_baselines_come_first_and_models_of_one_kind_are_numbered() -> None:
    jobs = plan_jobs(run_of(LinearSpec(), DenseSpec(), DenseSpec(layers=(8,))))

    assert [job.label for job in jobs] == ["Seasonal naive", "Last value", "LIN", "Dense 1", "Dense 2"]
    assert [job.baseline for job in jobs] == [True, True, False, False, False]


def test_a_baseline_that_was_asked_for_comes_once() -> None:
    jobs = plan_jobs(run_of(SeasonalNaiveSpec(season_length=24)))

    assert [(job.kind, job.spec) for job in jobs][1:] == [
        ("seasonal_naive", SeasonalNaiveSpec(season_length=24))
    ]


def backtest_of(run: RunRow, *, n_folds: int, refit: bool) -> RunRow:
    cutoffs = [datetime(2026, 1, 1 + n, tzinfo=UTC) for n in range(n_folds)]
    folds = [
        Fold(number=n + 1, cutoff=at, last=at, train=(0, 40), validation=(42, 48), test=(50 + n, 51 + n))
        for n, at in enumerate(cutoffs)
    ]
    plan = Backtest(spec=BacktestSpec(n_folds=n_folds, refit=refit), folds=tuple(folds))
    return run.changed(backtest=plan, backtest_of=new_id())


def test_a_backtest_fits_every_model_at_every_cutoff_the_oldest_first() -> None:
    jobs = plan_jobs(backtest_of(run_of(LinearSpec()), n_folds=2, refit=True))

    assert [job.label for job in jobs] == [
        f"{model}, fold {number} of 2"
        for number in (1, 2)
        for model in ("Seasonal naive", "Last value", "LIN")
    ]
    assert [job.backtest.folds[0].number for job in jobs if job.backtest] == [1, 1, 1, 2, 2, 2]
    assert len({job.id for job in jobs}) == 6


def test_without_refit_every_model_is_fitted_once_for_all_folds() -> None:
    jobs = plan_jobs(backtest_of(run_of(LinearSpec()), n_folds=3, refit=False))

    assert [job.label for job in jobs][-1] == "LIN, all 3 folds"
    assert [len(job.backtest.folds) for job in jobs if job.backtest] == [3, 3, 3]
    assert {job.backtest.test for job in jobs if job.backtest} == {(50, 53)}


def test_planning_again_gives_the_same_jobs() -> None:
    run = run_of(LinearSpec())

    assert [job.id for job in plan_jobs(run)] == [job.id for job in plan_jobs(run)]
