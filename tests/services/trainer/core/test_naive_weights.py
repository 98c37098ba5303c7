"""References: what they repeat, and that rescaling does not matter to them."""

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.core.naive_weights import candidate_seasons, mean_of_last, seasonal
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler

IDENTITY = Scaler(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))


def layout(input_steps: int, output_steps: int, *, step: float = 1.0, lead: float = 1.0) -> Layout:
    """One series, forecast from its own past."""
    return Layout(
        inputs=(Column("load", "series", -(input_steps - 1) * step, 0.0),),
        outputs=(Column("load", "series", lead, lead + (output_steps - 1) * step),),
        input_steps=input_steps,
        output_steps=output_steps,
        stride=60.0,
        x_scaler=IDENTITY,
        y_scaler=IDENTITY,
        own_past=(0,),
    )


def test_a_season_repeats_a_periodic_series_exactly() -> None:
    hours = np.arange(208.0)
    series = np.sin(2 * np.pi * hours / 24) + (hours % 24 == 7)
    weights = seasonal(layout(48, 60), 0, 24.0)
    assert weights is not None

    forecast = series[100:148] @ weights

    np.testing.assert_allclose(forecast, series[148:208], atol=1e-12)


def test_a_season_between_two_steps_takes_both() -> None:
    weights = seasonal(layout(5, 1), 0, 2.5)
    assert weights is not None

    forecast = np.array([0.0, 1.0, 2.0, 3.0, 4.0]) @ weights

    assert forecast == pytest.approx([2.5])  # 2.5 h before hour 5


def test_the_newest_season_is_taken_however_far_ahead_the_forecast_reaches() -> None:
    weights = seasonal(layout(24, 72), 0, 24.0)
    assert weights is not None

    forecast = np.arange(24.0) @ weights

    np.testing.assert_allclose(forecast, np.tile(np.arange(24.0), 3))


def test_a_past_shorter_than_the_season_has_none() -> None:
    assert seasonal(layout(12, 6), 0, 24.0) is None
    assert [hours for hours, _ in candidate_seasons(layout(12, 6), 0)] == [12.0]


def test_an_output_without_its_own_past_has_no_season() -> None:
    alone = replace(layout(48, 6), own_past=(None,))

    assert seasonal(alone, 0, 24.0) is None
    assert list(candidate_seasons(alone, 0)) == []


def test_every_reference_sums_to_one_so_that_units_do_not_matter() -> None:
    for _, weights in candidate_seasons(layout(200, 30, step=0.5), 0):
        np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(mean_of_last(3, 7, 4).sum(axis=0), 1.0)
