"""Tracks: when nothing is copied, what is read on demand, and the range of a selection."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import Horizon, SeriesSpec
from shared.series.grid import ReferenceGrid
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.columns import GridColumn, OnDemandColumn, extent, series_track
from shared.windows.plan import window_rule
from shared.windows.series_windows import SeriesWindows
from tests.shared.windows.strategies import START, thorough


def source(series: Series, *, start: float = -5, end: float = 0, steps: int = 6) -> SeriesWindows:
    spec = SeriesSpec(series_id="s", name="s", role="input", horizon=Horizon(start=start, end=end))
    return SeriesWindows(window_rule(spec, steps, series), series)


def hourly(n: int = 200) -> Series:
    return Series("s", START + np.arange(n) * NS_PER_HOUR, np.random.default_rng(0).normal(size=n))


def grid(stride_min: int, n: int) -> ReferenceGrid:
    return ReferenceGrid(START + 5 * NS_PER_HOUR, stride_min * 60_000_000_000, n)


@pytest.mark.parametrize("stride_min", [60, 120, 1440])
def test_points_that_are_rows_are_a_view_of_the_rows(stride_min: int) -> None:
    series = hourly()

    track, codes = series_track(source(series), grid(stride_min, 5))

    assert isinstance(track, GridColumn)
    assert np.may_share_memory(track.values, series.values)
    assert not codes.any()


def test_points_that_share_nothing_with_the_stride_are_read_on_demand() -> None:
    track, _ = series_track(source(hourly(), start=-4.123456789), grid(60, 50))

    assert isinstance(track, OnDemandColumn)


def test_two_windows_far_from_any_common_lattice_stay_small() -> None:
    series = hourly()

    track, codes = series_track(source(series, start=-95.123456789, end=-0.000000001, steps=96), grid(61, 2))

    assert isinstance(track, OnDemandColumn)
    assert len(codes) == 2


@given(
    number=st.lists(st.integers(0, 60), min_size=1, unique=True).map(sorted),
    hop=st.integers(1, 5),
    skip=st.integers(1, 4),
    n_points=st.integers(1, 6),
)
@thorough
def test_the_extent_covers_the_selected_windows_and_nothing_else(
    number: list[int], hop: int, skip: int, n_points: int
) -> None:
    values = np.random.default_rng(hop).normal(size=60 * hop + n_points * skip + 1)
    track = GridColumn(values, 0, hop, skip, n_points)

    got = extent(track, np.array(number))

    windows = track.take(np.array(number))
    assert got == (windows.min(), windows.max())
