import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.evaluator.core.ensemble import N_BLOCKS, Ensemble, combine, judged, select
from services.evaluator.core.problems import ForecastMismatch
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Int64


def _models(seed: int, n_models: int = 3) -> dict[str, PartForecast]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, 1.0, (60, 4, 2))
    return {
        f"m{i}": PartForecast(np.arange(60), truth, truth + rng.normal(0.0, 1.0 + i / 4, truth.shape))
        for i in range(n_models)
    }


def test_an_average_says_how_far_off_it_is_where_a_member_does_so_in_every_block() -> None:
    models = _models(5)
    of_all = {
        name: PartForecast(part.ref_ns, part.y_true, part.y_pred, np.full(part.y_pred.shape, 1.0 + i))
        for i, (name, part) in enumerate(models.items())
    }
    weights = {"m0": 0.5, "m1": 0.25, "m2": 0.25}

    everyone = combine(of_all, Ensemble(weights, None))
    one = combine(models | {"m1": of_all["m1"]}, Ensemble(weights, None))
    nobody = combine(models, Ensemble(weights, None))

    assert everyone.spread is not None
    assert one.spread is not None
    np.testing.assert_allclose(everyone.spread, 0.5 + 0.25 * 2 + 0.25 * 3)
    np.testing.assert_allclose(one.spread, 2.0)
    assert nobody.spread is None
    assert judged(of_all, train_std=[1.0, 1.0]).spread is not None
    assert judged(models, train_std=[1.0, 1.0]).spread is None


def _rows(models: dict[str, PartForecast], rows: Int64) -> dict[str, PartForecast]:
    return {
        name: PartForecast(part.ref_ns[rows], part.y_true[rows], part.y_pred[rows])
        for name, part in models.items()
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


def test_each_block_is_averaged_with_weights_chosen_on_the_others() -> None:
    models, train_std = _models(3), [1.0, 2.5]
    blocks = np.array_split(np.arange(60), N_BLOCKS)

    found = judged(models, train_std=train_std)

    for block in blocks:
        elsewhere = np.setdiff1d(np.arange(60), block)
        weights = select(_rows(models, elsewhere), train_std=train_std)
        expected = combine(_rows(models, block), weights)
        np.testing.assert_allclose(found.y_pred[block], expected.y_pred, rtol=1e-12)
    np.testing.assert_array_equal(found.ref_ns, models["m0"].ref_ns)


def test_weights_flatter_the_windows_they_were_chosen_on() -> None:
    trials = [_models(seed, n_models=8) for seed in range(20)]
    flattered = [select(models, train_std=[1.0, 1.0]).loss for models in trials]
    honest = [_loss(judged(models, train_std=[1.0, 1.0]), [1.0, 1.0]) for models in trials]

    assert all(known is not None for known in flattered)
    assert np.mean([known or 0.0 for known in flattered]) < np.mean(honest)


def test_a_model_that_is_absurd_in_one_block_only_is_averaged_in_none() -> None:
    models = _models(1)
    models["m0"].y_pred[0, 0, 0] = 1e300

    assert np.abs(judged(models, train_std=[1.0, 1.0]).y_pred).max() < 100


def test_one_window_cannot_be_chosen_on_and_judged_on() -> None:
    with pytest.raises(ForecastMismatch, match="one validation window to choose on"):
        judged(_rows(_models(1), np.array([0])), train_std=[1.0, 1.0])


def test_models_of_different_windows_are_not_averaged() -> None:
    models = _models(1)
    other = models["m1"]
    models["m1"] = PartForecast(other.ref_ns + 1, other.y_true, other.y_pred)

    with pytest.raises(ForecastMismatch, match="m1 forecasts other windows than m0"):
        select(models, train_std=[1.0, 1.0])
