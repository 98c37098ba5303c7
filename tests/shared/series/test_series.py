"""Series: rows as they come, native statistics, arrays for storage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.series.problems import BadSeries, NoNumbers
from shared.series.series import NS_PER_MINUTE, Series
from tests.shared.windows.strategies import archived, thorough

rows = st.lists(st.tuples(st.integers(0, 30), st.floats(allow_nan=True, allow_infinity=True)), min_size=1)


@given(rows)
@thorough
def test_rows_in_any_order_become_ascending_and_the_last_double_wins(table: list[tuple[int, float]]) -> None:
    times, values = zip(*table, strict=True)
    last = dict(table)

    series = Series.from_rows("a", times, values)

    assert series.times_ns.tolist() == sorted(last)
    wanted = [last[t] if np.isfinite(last[t]) else np.nan for t in sorted(last)]
    np.testing.assert_array_equal(series.values, wanted)


@given(archived())
@thorough
def test_arrays_bring_a_series_back(series: Series) -> None:
    again = Series.from_arrays(series.to_arrays())

    assert again.content_hash() == series.content_hash()
    assert again.name == series.name


def test_a_shuffled_archive_is_sorted_by_target_then_issue() -> None:
    series = Series.from_rows("f", [20, 10, 20, 20], [1, 2, 3, 4], [5, 5, 1, 5])

    assert series.times_ns.tolist() == [10, 20, 20]
    assert series.values.tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("minutes", "step", "offset"),
    [
        ([0, 15, 30, 45], 15, 0),
        ([7, 22, 37, 52], 15, 7),
        ([70, 130, 190], 60, 10),
        ([0, 7, 14], 7, "var"),
        ([0, 15, 60], 30, 0),
    ],
)
def test_step_and_offset_of_native_rows(minutes: list[int], step: float, offset: float | str) -> None:
    times = np.array(minutes) * NS_PER_MINUTE

    statistics = Series("a", times, np.ones(len(times))).statistics()

    assert (statistics.step_min, statistics.offset) == (step, offset)


def test_the_share_of_numbers_is_percent_with_two_decimals() -> None:
    statistics = Series.from_rows("a", [0, 1, 2], [1, np.nan, np.inf]).statistics()

    assert (statistics.n, statistics.n_numeric, statistics.numeric_share) == (3, 1, 33.33)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_a_series_without_a_number_has_no_statistics(values: list[float]) -> None:
    with pytest.raises(NoNumbers):
        Series("a", np.arange(len(values)), np.array(values, dtype=np.float64)).statistics()


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(BadSeries):
        Series("a", np.arange(3), np.zeros(2))
