import numpy as np
import pytest

from services.evaluator.core.intervals import judge_intervals, pinball
from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import Intervals, fit_intervals
from shared.series.arrays import Float64


def _part(n_windows: int, seed: int, n_steps: int = 3) -> PartForecast:
    rng = np.random.default_rng(seed)
    y_pred = rng.normal(10.0, 2.0, (n_windows, n_steps, 2))
    spread = np.arange(1, n_steps + 1)[:, None] * [1.0, 5.0]
    return PartForecast(np.arange(n_windows), y_pred + rng.gumbel(0.0, spread, y_pred.shape), y_pred)


def test_intervals_hold_what_they_promise_for_independent_errors() -> None:
    intervals = fit_intervals(_part(2000, seed=0))

    results = judge_intervals(intervals, _part(20_000, seed=1)).scores(("a", "b"))

    for result in results:
        assert result.coverage == pytest.approx(result.level, abs=0.03)
        assert result.coverage_per_step == pytest.approx([result.level] * 3, abs=0.04)


def test_intervals_widen_with_the_level_and_the_step() -> None:
    intervals = fit_intervals(_part(500, seed=0))

    width = intervals.upper - intervals.lower

    assert (np.diff(width, axis=0) > 0).all()
    assert (np.diff(width, axis=1) > 0).all()


def test_the_ranks_are_those_of_split_conformal_prediction() -> None:
    residuals = np.arange(1.0, 100.0)  # 99 of them: the 80 % interval spans ranks 10 and 90
    shuffled = np.random.default_rng(0).permutation(residuals).reshape(99, 1, 1)
    validation = PartForecast(np.arange(99), shuffled, np.zeros((99, 1, 1)))

    intervals = fit_intervals(validation, levels=(0.8,))

    assert (intervals.lower.item(), intervals.upper.item()) == (10.0, 90.0)


def test_too_few_windows_leave_a_level_undefined_and_say_how_many_are_needed() -> None:
    intervals = fit_intervals(_part(20, seed=0))

    by_level = {r.level: r for r in judge_intervals(intervals, _part(50, seed=1)).scores(("a", "b"))}

    assert by_level[0.8].coverage is not None
    assert by_level[0.95].coverage is None
    assert by_level[0.95].reason == "validation has 20 windows, 95% needs 39 finite residuals"


@pytest.mark.parametrize(("n_validation", "n_test"), [(0, 10), (100, 0), (0, 0)])
def test_an_empty_part_gives_nulls_with_reasons(n_validation: int, n_test: int) -> None:
    intervals = fit_intervals(_part(n_validation, seed=0))

    results = judge_intervals(intervals, _part(n_test, seed=1)).scores(("a", "b"))

    assert len(results) == 6
    assert all(result.coverage is None and result.reason for result in results)


def test_missing_forecasts_neither_widen_nor_cover() -> None:
    validation, test = _part(500, seed=0), _part(500, seed=1)
    whole = fit_intervals(validation)
    hole = validation.y_pred.copy()
    hole[:5, 0, 0] = np.nan

    holed = fit_intervals(PartForecast(validation.ref_ns, validation.y_true, hole))
    test.y_pred[0] = np.nan

    np.testing.assert_allclose(holed.upper[:, 0, 0], whole.upper[:, 0, 0], rtol=0.2)
    np.testing.assert_array_equal(holed.upper[:, 1:], whole.upper[:, 1:])
    assert all(r.coverage is not None for r in judge_intervals(holed, test).scores(("a", "b")))


def test_the_scores_agree_with_their_definitions() -> None:
    intervals, test = fit_intervals(_part(300, seed=0)), _part(200, seed=1)
    low, high = intervals.around(test.y_pred, test.ref_ns)

    result = next(r for r in judge_intervals(intervals, test).scores(("a", "b")) if r.level == 0.8)

    y, lo, hi = test.y_true[..., 0], low[1, ..., 0], high[1, ..., 0]
    winkler = (hi - lo) + 2 / 0.2 * (np.maximum(lo - y, 0) + np.maximum(y - hi, 0))
    assert result.interval_score == pytest.approx(winkler.mean(), rel=1e-12)
    assert result.width == pytest.approx((hi - lo).mean(), rel=1e-12)
    both: Float64 = (pinball(y, lo, 0.1) + pinball(y, hi, 0.9)) / 2
    assert result.pinball == pytest.approx(both.mean(), rel=1e-12)


def test_intervals_that_follow_are_judged_window_by_window_as_plain_loops_do() -> None:
    rng = np.random.default_rng(3)
    n_windows, n_steps, n_levels = 60, 3, 2
    ends = np.sort(rng.normal(0.0, 2.0, (2, 4, n_levels, n_steps, 2)), axis=0)
    newest = (ends[0, -1], ends[1, -1])
    intervals = Intervals((0.5, 0.8), 100, *newest, np.array([0, 7, 30, 52]), ends[0], ends[1])
    test = _part(n_windows, seed=1)
    test.y_true[rng.random(test.y_true.shape) < 0.1] = np.nan

    judged = judge_intervals(intervals, test)

    expected = np.zeros((5, n_steps, n_levels, 2))
    for window, step, level, output in np.ndindex(n_windows, n_steps, n_levels, 2):
        y, middle = test.y_true[window, step, output], test.y_pred[window, step, output]
        if np.isnan(y):
            continue
        block = sum(window >= start for start in (7, 30, 52))
        low, high = middle + ends[:, block, level, step, output]
        tail = (1.0 - intervals.levels[level]) / 2.0
        losses = float(pinball(y, low, tail)), float(pinball(y, high, 1.0 - tail))
        expected[:, step, level, output] += np.array([1.0, low <= y <= high, high - low, *losses])
    np.testing.assert_allclose(judged.sums, expected, rtol=1e-12)
    inside, count = expected[1, :, 1].sum(axis=0), expected[0, :, 1].sum(axis=0)
    assert judged.covered_share() == pytest.approx(np.mean(inside / count), rel=1e-12)
