"""Slots of the day that were always dark: what a window tells, against the sun and against mishaps."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from shared.series.arrays import Bool, Float32, Float64
from shared.windows.darkness import Darkness, learn_darkness

STEPS_BACK, STEPS_AHEAD = 192, 24  # hours
PAST, AHEAD = np.arange(1.0 - STEPS_BACK, 1.0), np.arange(1.0, STEPS_AHEAD + 1)
TINY = 1e-6


def height_of_the_sun(n_days: int, *, latitude: float, first_day: int = 0) -> Float64:
    """Return the sine of the sun's height per hour, negative at night."""
    hours = np.arange(n_days * 24)
    tilt = -np.radians(23.44) * np.cos(2 * np.pi * (first_day + hours / 24 + 10) / 365.25)
    turn = 2 * np.pi * (hours % 24 - 12) / 24
    lat = np.radians(latitude)
    return np.asarray(np.sin(lat) * np.sin(tilt) + np.cos(lat) * np.cos(tilt) * np.cos(turn))


def windows_of(light: Float64) -> tuple[Float32, Bool]:
    """Return all windows (n, STEPS_BACK, 1) of hourly values, and whether the truth is zero."""
    cut = np.lib.stride_tricks.sliding_window_view(light, STEPS_BACK + STEPS_AHEAD)
    x = cut[:, :STEPS_BACK, None].astype(np.float32)
    return x, cut[:, STEPS_BACK:] <= TINY


def learned(light: Float64) -> Darkness | None:
    def windows() -> Iterator[tuple[Float32, Bool]]:
        yield windows_of(light)

    return learn_darkness(0, AHEAD, PAST, TINY, windows)


@pytest.mark.parametrize("latitude", [-34.0, 23.0, 38.0, 52.0, 60.0])
def test_nights_of_a_season_nobody_has_seen_are_told_and_no_light_is_taken_for_night(latitude: float) -> None:
    light = np.maximum(height_of_the_sun(365, latitude=latitude), 0.0)
    rule = learned(light[: 250 * 24])

    assert rule is not None
    x, is_zero = windows_of(light[240 * 24 :])
    dark = rule.dark(x, AHEAD, PAST)
    assert not (dark & ~is_zero).any()
    assert dark.sum() > 0.5 * is_zero.sum()


def test_a_slot_dark_on_all_days_but_one_of_the_training_part_makes_the_rule_wider_or_none() -> None:
    light = np.maximum(height_of_the_sun(60, latitude=0.0), 0.0)
    at_midnight = light.copy()
    at_midnight[40 * 24] = 5.0
    early = light.copy()
    early[[20 * 24 + 5, 40 * 24 + 5]] = 5.0  # two hours before it is light

    narrow, wide = learned(light), learned(early)
    assert narrow is not None
    assert wide is not None
    assert narrow.neighbours < wide.neighbours
    assert learned(at_midnight) is None


def test_a_past_of_zeros_alone_is_no_night() -> None:
    rule = Darkness(column=0, season=24.0, repeats=7, neighbours=1, zero=TINY)
    light = np.maximum(height_of_the_sun(9, latitude=0.0), 0.0)
    fails = light.copy()
    fails[2 * 24 :] = 0.0  # but for the first day: noon is not taken for night after a week of failure
    fails[:24] = 0.0

    assert rule.dark(windows_of(light)[0], AHEAD, PAST).any()
    assert not rule.dark(windows_of(0.0 * light)[0], AHEAD, PAST).any()
    assert not rule.dark(windows_of(fails)[0], AHEAD, PAST)[0, 11:13].any()


def test_days_that_a_week_tells_are_compared_by_weeks() -> None:
    days = np.arange(400)
    open_days = np.where(days % 7 == 6, 0.0, 1.0 + np.random.default_rng(0).random(400))
    past, ahead = np.arange(-55.0, 1.0) * 24, np.arange(1.0, 8.0) * 24
    cut = np.lib.stride_tricks.sliding_window_view(open_days, 63)
    x, is_zero = cut[:, :56, None].astype(np.float32), cut[:, 56:] <= TINY

    rule = learn_darkness(0, ahead, past, TINY, lambda: iter([(x, is_zero)]))

    assert rule == Darkness(column=0, season=168.0, repeats=8, neighbours=0, zero=TINY)
    np.testing.assert_array_equal(rule.dark(x, ahead, past), is_zero)


def test_a_step_is_dark_exactly_if_all_points_it_looks_at_are_zero() -> None:
    rng = np.random.default_rng(1)
    x = (rng.random((200, STEPS_BACK, 2)) * (rng.random((200, STEPS_BACK, 2)) < 0.03)).astype(np.float32)
    rule = Darkness(column=1, season=24.0, repeats=3, neighbours=1, zero=TINY)

    found = rule.dark(x, AHEAD, PAST)

    for step in (0, 7, 23):  # 1, 8 and 24 hours ahead
        at = [STEPS_BACK - 1 + step + 1 - 24 * back + side for back in (1, 2, 3) for side in (-1, 0, 1)]
        points = np.minimum(at, STEPS_BACK - 1)
        expected = (x[:, points, 1] <= TINY).all(axis=1) & (x[:, :, 1] > TINY).any(axis=1)
        np.testing.assert_array_equal(found[:, step], expected)
    assert 0 < found.mean() < 1
    assert not (replace(rule, neighbours=3).dark(x, AHEAD, PAST) & ~found).any()
