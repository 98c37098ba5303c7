"""Windows, reference times and lattices in exact integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import Horizon
from shared.series.grid import ReferenceGrid, Window, lattice_of, reference_grid, window_of
from shared.series.problems import BadSetting
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE
from tests.shared.windows.strategies import START, thorough

nanoseconds = st.integers(1, 400 * 24 * NS_PER_HOUR)


@given(start=st.integers(-(10**17), 10**17), span=nanoseconds, n=st.integers(2, 500))
@thorough
def test_every_point_is_within_half_a_nanosecond_of_its_exact_place(start: int, span: int, n: int) -> None:
    offsets = Window(start, start + span, n).offsets_ns()

    exact = [start + Fraction(k * span, n - 1) for k in range(n)]
    assert all(abs(int(o) - e) <= Fraction(1, 2) for o, e in zip(offsets, exact, strict=True))
    assert (offsets[0], offsets[-1]) == (start, start + span)


@given(
    stride=st.sampled_from([1, 7, 15, 60, 1440]),
    span=st.sampled_from([13, 60, 96, 1440]),
    n=st.integers(1, 30),
    unit=st.sampled_from([1, 1000, NS_PER_MINUTE]),
)
@thorough
def test_the_lattice_holds_the_points_of_every_window(stride: int, span: int, n: int, unit: int) -> None:
    grid = ReferenceGrid(START, stride * unit, 8)
    window = Window(-span * unit, 0, n) if n > 1 else Window(0, 0, 1)

    lattice = lattice_of(grid, window)

    times = lattice.times(0, lattice.size(grid.n))
    for number in range(grid.n):
        places = number * lattice.hop + np.arange(n) * lattice.skip
        np.testing.assert_array_equal(times[places], grid.at(np.array(number)) + window.offsets_ns())


@pytest.mark.parametrize(
    ("minutes", "stride", "offset", "first", "count"),
    [
        ((5, 65), 15, 0, 15, 4),  # the anchor is an hour before the full hour
        ((0, 60), 60, 0, 0, 2),
        ((0, 120), 45, 10, 40, 2),  # -60 + 10 + 45 * 2
        ((0, 3000), 1440, 600, 540, 2),  # an anchor after the first stamp stays
        ((0, 10), 60, 30, 30, 0),
    ],
)
def test_reference_times_start_on_the_anchor_grid(
    minutes: tuple[int, int], stride: float, offset: float, first: int, count: int
) -> None:
    span = START + minutes[0] * NS_PER_MINUTE, START + minutes[1] * NS_PER_MINUTE

    grid = reference_grid([span], stride_min=stride, offset_min=offset)

    assert (grid.origin_ns - START, grid.n) == (first * NS_PER_MINUTE, count)


def test_the_earliest_start_and_the_earliest_end_of_the_inputs_bound_the_range() -> None:
    spans = [(START, START + 10 * NS_PER_HOUR), (START + NS_PER_HOUR, START + 5 * NS_PER_HOUR)]

    grid = reference_grid(spans, stride_min=60, offset_min=0)

    assert grid.at(np.array([0, grid.n - 1])).tolist() == [START, START + 5 * NS_PER_HOUR]


def test_a_single_point_is_the_end_of_an_input_and_the_start_of_an_output() -> None:
    horizon = Horizon(start=-1, end=2)

    assert window_of(horizon, 1, "input").start_ns == 2 * NS_PER_HOUR
    assert window_of(horizon, 1, "output").start_ns == -NS_PER_HOUR


@pytest.mark.parametrize("offset", [-1, 60, 61])
def test_an_offset_outside_the_stride_is_refused(offset: float) -> None:
    with pytest.raises(BadSetting) as raised:
        reference_grid([(0, 1)], stride_min=60, offset_min=offset)

    assert raised.value.details["field"] == "offset"
