"""How a network sees its window."""

import numpy as np
import pytest

from services.trainer.core.networks.standardise import fit_standardisation, places_of, rollout_clock
from tests.support.forecasting import small_task


def test_columns_are_standardised_by_training_windows_alone() -> None:
    train, _, _, layout = small_task()

    frame = fit_standardisation(train, layout, relative=False)

    z = (train.x - frame.x_mean) / frame.x_scale
    np.testing.assert_allclose(z.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(z.std((0, 1)), 1, atol=1e-4)


def test_relative_windows_forget_the_level_of_own_past_columns_only() -> None:
    train, _, _, layout = small_task()

    frame = fit_standardisation(train, layout, relative=True)

    assert np.flatnonzero(frame.level).tolist() == sorted(k for k in layout.own_past if k is not None)


def test_own_past_in_standard_units_agrees_with_the_target_scaled_its_own_way() -> None:
    train, _, _, layout = small_task()
    column = layout.own_past[0]
    assert column is not None
    original = np.array([40.0, 55.0])

    frame = fit_standardisation(train, layout, relative=False)

    x = (original - layout.x_scaler.lo[column]) * layout.x_scaler.gain[column] + layout.x_scaler.low[column]
    y = (original - layout.y_scaler.lo[0]) * layout.y_scaler.gain[0] + layout.y_scaler.low[0]
    own = x * frame.own_gain[0] + frame.own_offset[0]
    np.testing.assert_allclose(own, (y - frame.y_mean[0]) / frame.y_scale[0], rtol=1e-4)


def test_columns_reaching_past_the_reference_time_and_calendars_are_known_ahead() -> None:
    _, _, _, layout = small_task()

    clock = rollout_clock(layout)

    names = [layout.inputs[f].name for f in clock.known]
    assert names == ["temperature ahead", "day_sin", "day_cos"]
    assert [layout.inputs[f].name for f in clock.past] == ["pressure"]


def test_known_inputs_are_read_at_the_time_of_each_forecast_step() -> None:
    _, _, _, layout = small_task()

    clock = rollout_clock(layout)

    day = clock.known.index(next(f for f, c in enumerate(layout.inputs) if c.name == "day_sin"))
    ahead = clock.places[day, -layout.output_steps :]
    np.testing.assert_allclose(ahead, np.linspace(0, layout.input_steps - 1, layout.output_steps))


@pytest.mark.parametrize(("time", "place"), [(-3.0, 0.0), (0.0, 0.0), (0.5, 0.25), (4.0, 2.0), (7.0, 2.0)])
def test_places_between_points_are_fractional_and_end_at_the_ends(time: float, place: float) -> None:
    points = np.array([0.0, 2.0, 4.0])

    found = places_of(np.array([time]), points)

    assert found.tolist() == [place]
