import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.evaluator.core.ensemble import combine, select
from services.evaluator.core.problems import ForecastMismatch
from shared.timeseries.forecasts import PartForecast


def _models(seed: int, n_models: int = 3) -> dict[str, PartForecast]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, 1.0, (60, 4, 2))
    return {
        f"m{i}": PartForecast(np.arange(60), truth, truth + rng.normal(0.0, 1.0 + i / 4, truth.shape))
        for i in range(n_models)
    }


def _loss(part: PartForecast, train_std: list[float]) -> float:
    error = (part.y_pred - part.y_true) / train_std
    return float(np.sqrt((error**2).mean(axis=(0, 1))).mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_ensemble_is_never_worse_on_validation_than_the_best_model(seed: int) -> None:
    models, train_std = _models(seed), [1.0, 2.5]

    ensemble = select(models, train_std=train_std)

    assert sum(ensemble.weights.values()) == pytest.approx(1.0)
    assert ensemble.loss == pytest.approx(_loss(combine(models, ensemble), train_std), rel=1e-9)
    assert ensemble.loss is not None
    assert ensemble.loss <= min(_loss(part, train_std) for part in models.values()) + 1e-12


def test_the_first_rounds_agree_with_an_exhaustive_greedy_search() -> None:
    models = _models(5)
    bag: list[str] = []
    for _ in range(4):
        tried = {name: np.mean([models[m].y_pred for m in [*bag, name]], axis=0) for name in models}
        first = models["m0"]
        parts = {name: PartForecast(first.ref_ns, first.y_true, mean) for name, mean in tried.items()}
        bag.append(min(parts, key=lambda name: _loss(parts[name], [1.0, 1.0])))

    ensembles = [select(models, train_std=[1.0, 1.0], n_rounds=n) for n in range(1, 5)]

    for ensemble, n in zip(ensembles, itertools.count(1)):
        losses = [
            _loss(
                PartForecast(
                    first.ref_ns, first.y_true, np.mean([models[m].y_pred for m in bag[:k]], axis=0)
                ),
                [1.0, 1.0],
            )
            for k in range(1, n + 1)
        ]
        assert ensemble.loss == pytest.approx(min(losses), rel=1e-12)


def test_a_model_with_missing_forecasts_takes_no_part() -> None:
    models = _models(1)
    models["m0"].y_pred[3, 0, 0] = np.nan

    ensemble = select(models, train_std=[1.0, 1.0])

    assert "m0" not in ensemble.weights
    assert ensemble.weights


@pytest.mark.parametrize("n_windows", [0, 60])
def test_nothing_to_choose_from_gives_no_weights(n_windows: int) -> None:
    nowhere = PartForecast(
        np.arange(n_windows), np.zeros((n_windows, 2, 1)), np.full((n_windows, 2, 1), np.nan)
    )

    ensemble = select({"a": nowhere}, train_std=[1.0])

    assert ensemble.weights == {}
    assert ensemble.loss is None


def test_models_of_different_windows_are_not_averaged() -> None:
    models = _models(1)
    other = models["m1"]
    models["m1"] = PartForecast(other.ref_ns + 1, other.y_true, other.y_pred)

    with pytest.raises(ForecastMismatch, match="m1 forecasts other windows than m0"):
        select(models, train_std=[1.0, 1.0])
