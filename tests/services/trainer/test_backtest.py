"""A job of a backtest fits, chooses and scales on its fold alone, and forecasts what came after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.trainer.child.protocol import TrainTask
from services.trainer.child.tasks import train
from services.trainer.core.fit import fit
from shared.contracts.backtest import BacktestPart, BacktestSpec, Fold
from shared.contracts.kinds import DenseSpec, LinearSpec, ModelSpec, SeasonalNaiveSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.models.passport import read_passport
from shared.scoring.forecasts import Forecast
from shared.scoring.metrics import measure
from shared.series.series import Series
from shared.storage.codecs import bytes_to_arrays
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.folds import parts_of, plan_backtest
from tests.support.forecasting import HOUR_NS, small_dataset

KINDS = [
    LinearSpec(),
    SeasonalNaiveSpec(),
    pytest.param(DenseSpec(layers=(8,), epochs=2), marks=pytest.mark.keras),
]


def fitted(spec: ModelSpec, stored: Path, folds: Sequence[Fold], output: Path) -> Forecast:
    """Do the job and return the forecasts it stored."""
    part = BacktestPart(model=spec.kind, folds=tuple(folds))
    train(TrainTask(spec=spec, dataset=stored, output=output, backtest=part), lambda _: None)
    return Forecast.from_arrays(bytes_to_arrays((output / "forecasts.npz").read_bytes()))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return small_dataset(500)


@pytest.fixture
def stored(dataset: Dataset, tmp_path: Path) -> Path:
    dataset.save(tmp_path / "dataset")
    return tmp_path / "dataset"


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_a_job_forecasts_its_fold_as_one_does_by_hand(
    spec: ModelSpec, dataset: Dataset, stored: Path, tmp_path: Path
) -> None:
    fold = plan_backtest(dataset, BacktestSpec(n_folds=3))[1]

    forecast = fitted(spec, stored, [fold], tmp_path / "out")

    parts = parts_of(BacktestPart(model="m", folds=(fold,)), dataset.n_windows)
    own = dataset.divided(parts)
    model = fit(spec, own.part("train"), own.part("validation"), own.layout).model
    by_hand = own.layout.y_scaler.inverse(model.predict(own.part("test").x).astype(np.float64))
    np.testing.assert_allclose(forecast.test.y_pred, by_hand, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(forecast.test.y_true, dataset.y_true(np.arange(*fold.test)))
    np.testing.assert_array_equal(forecast.validation.ref_ns, dataset.ref_ns[slice(*fold.validation)])
    passport = read_passport(tmp_path / "out")
    assert passport.n_windows["train"] == fold.train[1]
    assert passport.notes["backtest"] == {"2": fold.cutoff.isoformat()}


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_what_comes_after_the_cutoff_changes_no_bit_of_a_fold(spec: ModelSpec, tmp_path: Path) -> None:
    """The rows from the cutoff on become another world; what was fitted before must not notice."""
    calm, wild = (level_after(400, shift) for shift in (0.0, 1000.0))
    fold = plan_backtest(calm, BacktestSpec(n_folds=2, test_windows=50))[0]
    assert fold.test[0] <= 400

    outputs = []
    for name, dataset in (("calm", calm), ("wild", wild)):
        dataset.save(tmp_path / name)
        fitted(spec, tmp_path / name, [fold], tmp_path / f"{name}-model")
        outputs.append((tmp_path / f"{name}-model" / "model.npz").read_bytes())

    first, second = (bytes_to_arrays(content) for content in outputs)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def level_after(row: int, shift: float, *, n: int = 500, slope: float = 0.0) -> Dataset:
    """Return an hourly load whose level changes at a row, six hours of it forecast from a day."""
    rng = np.random.default_rng(0)
    hours = np.arange(n)
    load = 50 + 10 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 0.5, n)
    load = load + np.where(hours >= row, shift, 0.0) + slope * hours
    own: dict[str, Any] = {"series_id": "load", "name": "load"}
    spec = DatasetSpec(
        series=(
            SeriesSpec(role="input", horizon=Horizon(start=-23, end=0), **own),
            SeriesSpec(role="output", horizon=Horizon(start=1, end=6), **own),
        ),
        input_steps=24,
        output_steps=6,
        stride=60,
    )
    return build_dataset(spec, {"load": Series("load", hours * HOUR_NS, load)})


def test_where_the_world_drifts_refitting_wins(tmp_path: Path) -> None:
    """The daily shape turns over slowly: what was learned first is wrong at the end."""
    dataset = turning(2000)
    dataset.save(tmp_path / "dataset")
    refitted = plan_backtest(dataset, BacktestSpec(n_folds=4, window="sliding"))
    kept = plan_backtest(dataset, BacktestSpec(n_folds=4, refit=False))

    anew = fitted(LinearSpec(), tmp_path / "dataset", [refitted[-1]], tmp_path / "anew").test
    once = fitted(LinearSpec(), tmp_path / "dataset", kept, tmp_path / "once").test

    last = slice(len(once) - len(anew), None)
    np.testing.assert_array_equal(once.ref_ns[last], anew.ref_ns)
    rmse_anew = measure(anew.y_true.ravel(), anew.y_pred.ravel())["rmse"]
    rmse_once = measure(once.y_true[last].ravel(), once.y_pred[last].ravel())["rmse"]
    assert rmse_anew is not None
    assert rmse_once is not None
    assert rmse_anew < 0.9 * rmse_once


def turning(n: int) -> Dataset:
    """Return a load that follows a signal, less and less, and in the end its opposite."""
    rng = np.random.default_rng(1)
    hours = np.arange(n)
    signal = np.convolve(rng.normal(0, 1, n + 5), np.ones(6) / 6, "valid")
    load = 50 + 10 * np.linspace(1, -1, n) * np.roll(signal, 6) + rng.normal(0, 0.2, n)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="signal", name="signal", role="input", horizon=Horizon(start=-11, end=0)),
            SeriesSpec(series_id="load", name="load", role="output", horizon=Horizon(start=1, end=6)),
        ),
        input_steps=12,
        output_steps=6,
        stride=60,
    )
    series = {"signal": signal, "load": load}
    return build_dataset(spec, {name: Series(name, hours * HOUR_NS, v) for name, v in series.items()})
