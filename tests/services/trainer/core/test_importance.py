import numpy as np
import pytest

from services.trainer.core.fit import fit
from services.trainer.core.importance import (
    MAX_FORECASTS,
    N_REPEATS,
    Input,
    choose_windows,
    inputs_of,
    permutation_importance,
)
from services.trainer.core.predict import Forecaster
from services.trainer.core.problems import NoValidationWindows
from shared.contracts.kinds import LinearSpec
from shared.contracts.specs import Calendar, CalendarFeature, DatasetSpec, Horizon, SeriesSpec, Split
from shared.series.arrays import Float32, Float64
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler
from tests.support.forecasting import HOUR_NS


def layout_of(*columns: tuple[str, str]) -> Layout:
    unit = Scaler(*(np.full(len(columns), value) for value in (0.0, 1.0, 0.0, 1.0)))
    inputs = tuple(Column(name, source, -2.0, 0.0) for name, source in columns)  # type: ignore[arg-type]  # literals
    return Layout(inputs, (Column("load", "series", 1.0, 2.0),), 3, 2, 60.0, unit, unit, (0,))


PLAIN = layout_of(("load", "series"), ("noise", "series"), ("day_sin", "calendar"), ("day_cos", "calendar"))
X = np.random.default_rng(0).normal(size=(300, 3, 4)).astype(np.float32)


def forecast(x: Float32) -> Float64:
    """Twice the last load plus the last sine, at both steps."""
    return np.repeat(2.0 * x[:, -1:, :1] + x[:, -1:, 2:3], 2, axis=1).astype(np.float64)


def test_what_the_model_uses_is_important_and_the_rest_is_not() -> None:
    found = permutation_importance(forecast, X, PLAIN, y_true=forecast(X) + 0.1, train_std=[1.0])

    assert [importance.name for importance in found.importances] == ["load", "day", "noise"]
    assert found.loss == pytest.approx(0.1)
    assert found.importances[0].rise == pytest.approx(2 * np.sqrt(2), abs=0.4)
    assert found.importances[2].rise == 0.0


def test_a_seed_decides_the_result_and_the_windows_stay_as_they_are() -> None:
    before, y_true = X.copy(), forecast(X) + 0.1

    first, same, other = (
        permutation_importance(forecast, X, PLAIN, y_true=y_true, train_std=[1.0], seed=seed)
        for seed in (9, 9, 10)
    )

    assert first == same != other
    np.testing.assert_array_equal(X, before)


def test_losses_are_counted_in_training_standard_deviations() -> None:
    y_true = forecast(X) + 0.1

    one, four = (
        permutation_importance(forecast, X, PLAIN, y_true=y_true, train_std=[std]) for std in (None, 4.0)
    )

    assert four.loss == pytest.approx(one.loss / 4)
    assert four.importances[0].rise == pytest.approx(one.importances[0].rise / 4)


def test_halves_of_a_calendar_feature_belong_together() -> None:
    assert inputs_of(PLAIN) == (
        Input("load", "series", (0,)),
        Input("noise", "series", (1,)),
        Input("day", "calendar", (2, 3)),
    )


def test_a_series_that_is_called_like_a_calendar_feature_stays_apart() -> None:
    layout = layout_of(("day", "series"), ("day_sin", "series"), ("day_sin", "calendar"))

    found = inputs_of(layout)

    assert [(one.name, one.source) for one in found] == [
        ("day", "series"),
        ("day_sin", "series"),
        ("day", "calendar"),
    ]


@pytest.mark.parametrize("n_inputs", [1, 7, 40, 500])
def test_many_inputs_are_measured_on_fewer_windows(n_inputs: int) -> None:
    chosen = choose_windows(5000, n_inputs, seed=1)

    assert 50 <= len(chosen) <= 500
    assert len(chosen) == 50 or len(chosen) * (1 + N_REPEATS * n_inputs) <= MAX_FORECASTS
    assert (np.diff(chosen) > 0).all()


def test_without_validation_windows_there_is_nothing_to_measure() -> None:
    with pytest.raises(NoValidationWindows):
        choose_windows(0, 3, seed=0)


def test_a_fitted_model_relies_on_the_driver_and_the_clock_it_was_planted_with() -> None:
    dataset = planted_dataset()
    model = fit(LinearSpec(), dataset.part("train"), dataset.part("validation"), dataset.layout).judged
    forecaster, index = Forecaster(model, dataset.layout), dataset.indices("validation")

    found = permutation_importance(
        forecaster.forecast_scaled,
        dataset.x(index),
        dataset.layout,
        y_true=dataset.y_true(index),
        train_std=[dataset.training_values(0).std()],
    )

    rises = {one.name: one.rise for one in found.importances}
    assert rises["driver"] > 0.5
    assert rises["day"] > 0.5
    assert abs(rises["irrelevant"]) < 0.02
    assert abs(rises["week"]) < 0.02


def planted_dataset() -> Dataset:
    """Return a load that follows a known driver and the hour of the day, and nothing else."""
    rng, hours = np.random.default_rng(3), np.arange(1500)
    driver = rng.normal(0, 1, len(hours))
    values = {
        "driver": driver,
        "irrelevant": rng.normal(0, 1, len(hours)),
        "load": 20 + driver + 1.5 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 0.05, len(hours)),
    }
    ahead = Horizon(start=1, end=3)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="driver", name="driver", role="input", horizon=ahead),
            SeriesSpec(series_id="irrelevant", name="irrelevant", role="input", horizon=ahead),
            SeriesSpec(series_id="load", name="load", role="output", horizon=ahead),
        ),
        input_steps=3,
        output_steps=3,
        stride=60,
        calendar=Calendar(
            day=CalendarFeature(enabled=True, horizon=ahead),
            week=CalendarFeature(enabled=True, horizon=ahead),
        ),
        split=Split(train=60, validation=20, test=20),
    )
    return build_dataset(
        spec, {name: Series(name, hours * HOUR_NS, column) for name, column in values.items()}
    )
