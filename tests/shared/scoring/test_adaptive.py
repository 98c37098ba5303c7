"""Intervals that follow: coverage when errors grow, and never a look at what is not known yet."""

import numpy as np
import pytest

from services.evaluator.core.intervals import judge_intervals
from shared.scoring.adaptive import DAY_NS, FEWEST, HABITS, USUAL, Habit, adaptive_intervals, choose_habit
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import fit_intervals

HOUR_NS = 3_600_000_000_000
LEADS = [np.array([1.0, 2.0, 24.0])]


def forecast(*, growth: float = 3.0, n: int = 1500, seed: int = 0) -> Forecast:
    """Return hourly windows whose errors are ``growth`` times as large on test as on validation."""
    rng = np.random.default_rng(seed)
    parts = []
    for first, spread in ((0, 1.0), (n + 24, growth)):
        y_true = rng.normal(0, spread, (n, 3, 1))
        parts.append(PartForecast((first + np.arange(n)) * HOUR_NS, y_true, np.zeros((n, 3, 1))))
    return Forecast(validation=parts[0], test=parts[1])


@pytest.mark.parametrize("growth", [0.3, 1.0, 3.0])
def test_coverage_holds_when_errors_shrink_or_grow(growth: float) -> None:
    made = forecast(growth=growth)

    adaptive = judge_intervals(adaptive_intervals(made, LEADS), made.test).scores(("y",))

    by_level = {result.level: result for result in adaptive}
    assert by_level[0.8].coverage == pytest.approx(0.8, abs=0.05)
    if growth == 3.0:
        still = judge_intervals(fit_intervals(made.validation), made.test).scores(("y",))
        assert {r.level: r.coverage for r in still}[0.8] == pytest.approx(0.33, abs=0.05)


def test_no_interval_knows_a_truth_that_is_not_known_at_its_reference_time() -> None:
    made = forecast()
    intervals = adaptive_intervals(made, LEADS)
    changed = made.test.y_true.copy()
    changed[700:] *= 100.0
    other = Forecast(
        validation=made.validation, test=PartForecast(made.test.ref_ns, changed, made.test.y_pred)
    )

    again = adaptive_intervals(other, LEADS)

    windows = np.arange(700)
    for before, after in zip(
        intervals.around(made.test.y_pred[:700], windows),
        again.around(made.test.y_pred[:700], windows),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)
    assert (again.upper > intervals.upper).all()  # for forecasts that follow it is known


@pytest.mark.parametrize(("habit", "holes"), [(HABITS[0], 0.0), (HABITS[-1], 0.3), (USUAL, 0.9)])
def test_every_end_is_the_one_that_a_loop_over_windows_finds(habit: Habit, holes: float) -> None:
    made = forecast(n=300)
    rng = np.random.default_rng(3)
    for part in (made.validation, made.test):
        part.y_true[rng.random(part.y_true.shape) < holes] = np.nan

    found = adaptive_intervals(made, LEADS, habit=habit).to_arrays()

    ends = np.stack([found["block_lower"], found["block_upper"]])
    for step, lead in enumerate(LEADS[0]):
        by_loop = ends_by_loop(made, int(lead * HOUR_NS), step, found["starts"].tolist(), habit)
        np.testing.assert_array_equal(ends[:, :, 1, step, 0], by_loop)


def ends_by_loop(made: Forecast, lead_ns: int, step: int, starts: list[int], habit: Habit) -> np.ndarray:
    """Return lower and upper ends of the 80 % interval of each block, (2, n_blocks), window by window."""
    parts = (made.validation, made.test)
    errors = [
        (int(ref), int(ref) + lead_ns, float(error))
        for part in parts
        for ref, error in zip(part.ref_ns, (part.y_true - part.y_pred)[:, step, 0], strict=True)
        if np.isfinite(error)
    ]
    begins = [int(made.test.ref_ns[start]) for start in starts]
    ends: list[tuple[float, float]] = []
    for now in begins:
        n_told, n_missed = 0, 0
        for ref, known, error in errors:
            if known <= now and ref >= begins[0]:
                lower, upper = ends[sum(begin <= ref for begin in begins) - 1]
                n_told, n_missed = n_told + 1, n_missed + (not lower <= error <= upper)
        before = [(known, error) for _, known, error in errors if known <= now]
        n_recent = sum(known >= now - habit.days * DAY_NS for known, _ in before)
        ordered = sorted(error for _, error in before[-max(n_recent, FEWEST) :])
        n = len(ordered)
        share = 0.2 + habit.pace * (0.2 * n_told - n_missed)
        tail = min(max(share, 0.02, min(0.2, 2 / (n + 1))), 0.95) / 2
        low, high = np.floor((n + 1) * tail + 1e-9), np.ceil((n + 1) * (1 - tail) - 1e-9)
        ends.append((ordered[int(low) - 1], ordered[int(high) - 1]))
    return np.array(ends).T


def test_parts_that_do_not_follow_each_other_keep_the_intervals_of_validation() -> None:
    made = forecast()
    turned = Forecast(validation=made.test, test=made.validation)

    intervals = adaptive_intervals(turned, LEADS)

    assert intervals.starts is None
    np.testing.assert_array_equal(intervals.upper, fit_intervals(made.test).upper)


def test_an_empty_part_or_missing_values_are_no_surprise() -> None:
    made = forecast()
    empty = PartForecast(made.test.ref_ns[:0], made.test.y_true[:0], made.test.y_pred[:0])
    holed = made.test.y_pred.copy()
    holed[::7] = np.nan

    none = adaptive_intervals(Forecast(validation=made.validation, test=empty), LEADS)
    some = adaptive_intervals(
        Forecast(validation=made.validation, test=PartForecast(made.test.ref_ns, made.test.y_true, holed)),
        LEADS,
    )

    assert none.starts is None
    assert np.isfinite(some.upper).all()


def test_habits_are_chosen_on_validation_and_the_quickest_of_equals_is_the_safest() -> None:
    calm, short = forecast(), forecast(n=2 * FEWEST - 2)
    rng = np.random.default_rng(1)
    skewed = rng.exponential(1.0, (2 * FEWEST, 3, 1)) ** 3  # few windows a day: only many tell a tail
    rare = PartForecast(np.arange(2 * FEWEST) * 8 * HOUR_NS, skewed, np.zeros(skewed.shape))

    assert choose_habit(calm.validation, LEADS).days == min(habit.days for habit in HABITS)
    assert choose_habit(short.validation, LEADS) == USUAL
    assert choose_habit(rare, LEADS) in HABITS


def test_errors_since_the_test_part_count_once_they_are_known() -> None:
    made = forecast(growth=1.0)
    refs = made.test.ref_ns[-1] + np.arange(1, 601) * HOUR_NS
    truth = np.random.default_rng(2).normal(0, 5.0, (600, 3, 1))
    later = PartForecast(refs, truth, np.zeros(truth.shape))
    unknown = PartForecast(refs, np.full(truth.shape, np.nan), later.y_pred)
    now = int(refs[-1])

    before = adaptive_intervals(made, LEADS)
    after = adaptive_intervals(made, LEADS, later=later, now_ns=now)
    nothing = adaptive_intervals(made, LEADS, later=unknown, now_ns=now)
    early = adaptive_intervals(made, LEADS, later=later, now_ns=int(refs[0]))

    assert (after.upper > 2.5 * before.upper).all()
    np.testing.assert_allclose(nothing.upper, before.upper, rtol=0.5)
    np.testing.assert_allclose(early.upper, before.upper, rtol=0.1)
