"""Baselines: what they repeat, what they say when they cannot, and that they survive storage."""

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.core.baselines import (
    ReferenceModel,
    SeasonalModel,
    fit_last_value,
    fit_seasonal_naive,
)
from services.trainer.core.problems import TooFewWindows
from shared.contracts.kinds import LastValueSpec, SeasonalNaiveSpec
from tests.support.forecasting import small_task


def test_the_last_value_is_repeated_in_the_scale_of_the_output() -> None:
    train, validation, test, layout = small_task()

    forecast = fit_last_value(LastValueSpec(), train, validation, layout).model.predict(test.x)

    for output, own in enumerate(layout.own_past):
        assert own is not None
        last = (test.x[:, -1, own] - layout.x_scaler.low[own]) / layout.x_scaler.gain[own]
        last = last + layout.x_scaler.lo[own]
        unscaled = layout.y_scaler.inverse(forecast.astype(np.float64))[:, :, output]
        np.testing.assert_allclose(unscaled, np.repeat(last[:, None], layout.output_steps, axis=1), rtol=1e-5)


def test_the_season_of_an_hourly_load_is_a_day() -> None:
    train, validation, _, layout = small_task(input_steps=30)

    fitted = fit_seasonal_naive(SeasonalNaiveSpec(), train, validation, layout)

    assert fitted.notes == {"forecast": {"load": "season of 24 h", "export": "season of 24 h"}}


def test_a_season_that_was_asked_for_is_taken() -> None:
    train, validation, _, layout = small_task()

    fitted = fit_seasonal_naive(SeasonalNaiveSpec(season_length=7), train, validation, layout)

    assert fitted.notes == {"forecast": {"load": "season of 7 h", "export": "season of 7 h"}}


def test_a_season_longer_than_the_past_falls_back_to_the_last_value_and_says_so() -> None:
    train, validation, test, layout = small_task()

    seasonal = fit_seasonal_naive(SeasonalNaiveSpec(season_length=500), train, validation, layout)

    last = fit_last_value(LastValueSpec(), train, validation, layout)
    assert seasonal.notes == last.notes == {"forecast": {"load": "last value", "export": "last value"}}
    np.testing.assert_array_equal(seasonal.model.predict(test.x), last.model.predict(test.x))


def test_without_an_own_past_the_training_mean_of_each_step_is_forecast_and_said() -> None:
    train, validation, test, layout = small_task(own_past=False)

    fitted = fit_seasonal_naive(SeasonalNaiveSpec(), train, validation, layout)

    assert fitted.notes == {"forecast": {"load": "training mean", "export": "training mean"}}
    np.testing.assert_allclose(fitted.model.predict(test.x)[0], train.y.mean(axis=0), rtol=1e-5)


def test_without_training_windows_there_is_no_mean_to_forecast() -> None:
    train, validation, _, layout = small_task(own_past=False)
    nothing = train.rows(slice(0, 0))

    with pytest.raises(TooFewWindows):
        fit_last_value(LastValueSpec(), nothing, validation, layout)


@pytest.mark.parametrize("family", [ReferenceModel, SeasonalModel])
def test_a_baseline_forecasts_the_same_after_storage(family: type[ReferenceModel]) -> None:
    train, validation, test, layout = small_task()
    model = fit_seasonal_naive(SeasonalNaiveSpec(), train, validation, layout).model

    restored = family.from_arrays(model.to_arrays(), layout)

    np.testing.assert_array_equal(restored.predict(test.x), model.predict(test.x))


def test_a_single_input_step_is_enough_for_the_last_value() -> None:
    train, validation, test, layout = small_task()
    one = replace(layout, input_steps=1)

    fitted = fit_last_value(LastValueSpec(), replace(train, x=train.x[:, -1:]), validation, one)

    full = fit_last_value(LastValueSpec(), train, validation, layout)
    np.testing.assert_array_equal(fitted.model.predict(test.x[:, -1:]), full.model.predict(test.x))
