"""Second moments of windows, against a naive loop over the windows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.core.linear.moments import Moments, sliding_moments, window_moments
from shared.series.arrays import Float64


def loop(x: Float64, y: Float64) -> Moments:
    """Sum the products window by window."""
    total = Moments.zero(x.shape[1], y.shape[1])
    for past, future in zip(x, y, strict=True):
        total += Moments(1, np.outer(past, past), np.outer(past, future), future**2, past, future)
    return total


def windows_of(series: Float64, lookback: int, horizon: int) -> tuple[Float64, Float64]:
    """Cut every window out of every series."""
    cut = [
        row[start : start + lookback + horizon]
        for row in series
        for start in range(len(row) - lookback - horizon + 1)
    ]
    stacked = np.stack(cut)
    return stacked[:, :lookback], stacked[:, lookback:]


def assert_equal(ours: Moments, theirs: Moments) -> None:
    """Compare every sum."""
    assert ours.n == theirs.n
    for name in ("xx", "xy", "yy", "x", "y"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9)


@given(
    seed=st.integers(0, 1000),
    lookback=st.integers(1, 9),
    horizon=st.integers(1, 7),
    n_windows=st.integers(1, 40),
    n_series=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_sliding_over_series_equals_a_loop_over_their_windows(
    seed: int, lookback: int, horizon: int, n_windows: int, n_series: int
) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(n_series, n_windows + lookback + horizon - 1))

    slid = sliding_moments(series, lookback=lookback, horizon=horizon)

    assert_equal(slid, loop(*windows_of(series, lookback, horizon)))


def test_multiplying_windows_out_equals_a_loop() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(57, 5)), rng.normal(size=(57, 3))

    assert_equal(window_moments(x, y), loop(x, y))


def test_moments_of_levelled_windows_follow_from_those_of_the_raw_ones() -> None:
    rng = np.random.default_rng(1)
    x, y, level = rng.normal(size=(30, 6)), rng.normal(size=(30, 2)), np.full(6, 1 / 6)

    levelled = window_moments(x, y).relative(level)

    reference = (x @ level)[:, None]
    assert_equal(levelled, loop(x - reference, y - reference))


def test_the_squared_error_needs_no_windows() -> None:
    rng = np.random.default_rng(2)
    x, y, weights = rng.normal(size=(40, 4)), rng.normal(size=(40, 3)), rng.normal(size=(4, 3))

    error = window_moments(x, y).squared_error(weights)

    np.testing.assert_allclose(error, ((y - x @ weights) ** 2).sum(axis=0))


def test_fewer_inputs_and_targets_are_parts_of_the_whole() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 5))

    part = window_moments(x, y).last(2).every(2)

    assert_equal(part, loop(x[:, -2:], y[:, ::2]))
