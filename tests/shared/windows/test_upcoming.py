"""The window of a forecast: the same as training's wherever both exist, and honest about what is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.series.problems import IncompleteWindow, NoNumbers, UnknownSeries
from shared.series.series import Series
from shared.windows.upcoming import (
    BeforeTheRows,
    FutureInputsMissing,
    FutureValuesMalformed,
    future_stamps,
    newest_reference,
    past_windows,
    reference_at,
    references,
    upcoming_window,
    with_future,
)
from tests.support.forecasting import HOUR_NS, hourly_series, small_dataset

ROWS = hourly_series()
DATASET = small_dataset()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, DATASET.n_windows - 1), st.integers(0, HOUR_NS - 1))
def test_at_a_reference_time_of_training_the_window_is_that_of_training(sample: int, later_ns: int) -> None:
    ref_ns = int(DATASET.ref_ns[sample])

    found = upcoming_window(DATASET, ROWS, reference_at(DATASET, ref_ns + later_ns))

    assert found.ref_ns == ref_ns
    np.testing.assert_array_equal(found.x, DATASET.x(np.array([sample])))


def test_many_windows_of_the_past_are_those_of_training_and_of_forecasts() -> None:
    grown = hourly_series(800)
    refs = references(DATASET, int(DATASET.ref_ns[0]), 799 * HOUR_NS)

    complete, x = past_windows(DATASET, grown, refs)

    assert len(x) == complete.sum()
    assert not complete[-6:].any()
    for ref_ns, window in zip(refs[complete][::50], x[::50], strict=True):
        assert np.array_equal(window[None], upcoming_window(DATASET, grown, int(ref_ns)).x)
    _, trained = past_windows(DATASET, ROWS, DATASET.ref_ns)
    assert np.array_equal(trained, DATASET.x())


def test_a_window_of_the_past_that_would_read_a_later_row_is_none() -> None:
    gap = (ROWS["load"].times_ns < 600 * HOUR_NS) | (ROWS["load"].times_ns > 603 * HOUR_NS)
    holed = {**ROWS, "load": Series("load", ROWS["load"].times_ns[gap], ROWS["load"].values[gap])}
    refs = references(DATASET, 590 * HOUR_NS, 640 * HOUR_NS)
    until = {name: _until(series, 601 * HOUR_NS) for name, series in holed.items()}

    complete, x = past_windows(DATASET, holed, refs)
    known, early = past_windows(DATASET, {**until, "temperature": ROWS["temperature"]}, refs)

    assert not complete[refs == 601 * HOUR_NS].any()
    assert np.array_equal(x[: len(early)], early)
    assert not known[refs > 601 * HOUR_NS].any()


def test_rows_after_the_reference_time_change_nothing_but_what_is_known_ahead() -> None:
    ref_ns = int(DATASET.ref_ns[100])
    cut = {
        name: Series(name, s.times_ns[s.times_ns <= ref_ns], s.values[s.times_ns <= ref_ns])
        for name, s in ROWS.items()
    }
    cut["temperature"] = ROWS["temperature"]

    assert np.array_equal(upcoming_window(DATASET, cut, ref_ns).x, upcoming_window(DATASET, ROWS, ref_ns).x)


def test_now_is_the_newest_moment_whose_past_is_complete_however_short_the_future_is() -> None:
    grown = hourly_series(730)

    assert newest_reference(DATASET, grown) == 729 * HOUR_NS
    late = {**grown, "load": _until(grown["load"], 726 * HOUR_NS)}
    assert newest_reference(DATASET, late) <= 729 * HOUR_NS
    with pytest.raises(FutureInputsMissing, match="temperature ahead"):
        upcoming_window(DATASET, grown, 729 * HOUR_NS)


def test_values_of_the_future_make_the_window_that_their_rows_would_have_made() -> None:
    ref_ns = int(DATASET.ref_ns[300])
    short = {**ROWS, "temperature": _until(ROWS["temperature"], ref_ns)}
    stamps = future_stamps(DATASET, ref_ns)["temperature ahead"]
    known = np.interp(stamps, ROWS["temperature"].times_ns, ROWS["temperature"].values)

    told = with_future(
        DATASET, short, ref_ns, {"temperature ahead": dict(zip(stamps.tolist(), known.tolist(), strict=True))}
    )

    np.testing.assert_allclose(
        upcoming_window(DATASET, told, ref_ns).x, DATASET.x(np.array([300])), rtol=0, atol=2e-2
    )


@pytest.mark.parametrize(
    ("future", "problem"),
    [
        ({"wind": {1: 1.0}}, UnknownSeries),
        ({"load": {10**18: 1.0}}, UnknownSeries),
        ({"temperature ahead": {10**18: float("nan")}}, FutureValuesMalformed),
        ({"temperature ahead": {0: 1.0}}, FutureValuesMalformed),
    ],
)
def test_values_of_the_future_that_fit_nothing_are_refused(
    future: dict[str, dict[int, float]], problem: type[IncompleteWindow]
) -> None:
    with pytest.raises(problem):
        with_future(DATASET, ROWS, int(DATASET.ref_ns[-1]), future)


def test_what_cannot_be_forecast_says_why() -> None:
    with pytest.raises(BeforeTheRows, match="asked is 1966"):
        reference_at(DATASET, -(10**17))
    with pytest.raises(UnknownSeries, match="'load'"):
        newest_reference(DATASET, {name: s for name, s in ROWS.items() if name != "load"})
    unknown = {name: Series(name, s.times_ns, np.full(len(s), np.nan)) for name, s in ROWS.items()}
    ended = {**unknown, "load": ROWS["load"]}
    with pytest.raises(NoNumbers):
        newest_reference(DATASET, ended)
    stopped = {**hourly_series(6000), "load": ROWS["load"]}
    with pytest.raises(IncompleteWindow, match="'load' ends at 1970-01-30"):
        newest_reference(DATASET, stopped)


def test_the_window_names_the_rows_it_read() -> None:
    found = upcoming_window(DATASET, ROWS, int(DATASET.ref_ns[50]))

    by_name = {one.series: one for one in found.read}
    assert ROWS["load"].times_ns[by_name["load"].rows[-1, 1]] == found.ref_ns
    assert set(by_name["load"].origin) == {"exact"}


def _until(series: Series, at_ns: int) -> Series:
    kept = series.times_ns <= at_ns
    return Series(series.name, series.times_ns[kept], series.values[kept])
