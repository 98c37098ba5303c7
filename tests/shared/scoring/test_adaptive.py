"""Intervals that follow: coverage when errors grow, and never a look at what is not known yet."""

from dataclasses import replace

import numpy as np
import pytest

from services.evaluator.core.intervals import judge_intervals
from shared.scoring.adaptive import DAY_NS, FEWEST, HABITS, USUAL, Habit, adaptive_intervals, choose_habit
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import Intervals, fit_intervals
from shared.series.arrays import Float64

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


def following(intervals: Intervals) -> Float64:
    """Return the mean upper end over a day of forecasts that follow, (n_levels, n_steps, n_outputs)."""
    refs = np.arange(24) * HOUR_NS
    return np.asarray(intervals.around(np.zeros((24, 3, 1)), refs)[1].mean(axis=1))


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
        intervals.around(made.test.y_pred[:700], made.test.ref_ns[:700], windows),
        again.around(made.test.y_pred[:700], made.test.ref_ns[:700], windows),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)
    assert (following(again) > following(intervals)).all()  # for forecasts that follow it is known


@pytest.mark.parametrize("says", [False, True])
@pytest.mark.parametrize(("habit", "holes"), [(HABITS[0], 0.0), (HABITS[-1], 0.3), (USUAL, 0.9)])
def test_every_end_is_the_one_that_a_loop_over_windows_finds(habit: Habit, holes: float, says: bool) -> None:
    made = forecast(n=300)
    rng = np.random.default_rng(3)
    for part in (made.validation, made.test):
        part.y_true[rng.random(part.y_true.shape) < holes] = np.nan
    sizes = [rng.uniform(0.5, 2.0, part.y_true.shape) for part in (made.validation, made.test)]
    said = Forecast(*(replace(p, spread=s) for p, s in zip((made.validation, made.test), sizes, strict=True)))

    intervals = adaptive_intervals(said if says else made, LEADS, habit=habit)

    refs = made.test.ref_ns
    ends = np.stack(
        intervals.around(np.zeros(made.test.y_pred.shape), refs, np.arange(len(refs)), spread=sizes[1])
    )
    assert intervals.starts is not None
    if says:  # a model that says how far off it is is one whose errors are divided by that
        for part, size in zip((made.validation, made.test), sizes, strict=True):
            part.y_true[:] /= size
        ends /= sizes[1]
    for step, lead in enumerate(LEADS[0]):
        by_loop = ends_by_loop(made, int(lead * HOUR_NS), step, intervals.starts.tolist(), habit)
        np.testing.assert_allclose(ends[:, 1, :, step, 0], by_loop, rtol=1e-12)


@pytest.mark.parametrize("knows", [False, True])
def test_what_a_model_says_of_its_errors_counts_where_that_is_better_on_validation(knows: bool) -> None:
    made = forecast(growth=1.0)
    rng = np.random.default_rng(4)
    said = []
    for part in (made.validation, made.test):
        size = rng.choice([0.2, 5.0], part.y_true.shape)
        part.y_true[:] *= size
        spread = size if knows else rng.choice([0.2, 5.0], part.y_true.shape)
        said.append(replace(part, spread=spread))

    intervals = adaptive_intervals(Forecast(*said), LEADS)

    assert intervals.in_spreads == knows
    sums = judge_intervals(intervals, said[1])
    without = judge_intervals(adaptive_intervals(made, LEADS), made.test)
    ratio = (sums.quantile_loss().overall / without.quantile_loss().overall).item()
    assert ratio < 0.8 if knows else ratio == 1.0
    covered = {one.level: one.coverage for one in sums.scores(("y",))}
    assert covered[0.8] == pytest.approx(0.8, abs=0.03)


def ends_by_loop(made: Forecast, lead_ns: int, step: int, starts: list[int], habit: Habit) -> np.ndarray:
    """Return lower and upper ends of the 80 % interval of each test window, (2, n_windows), one by one."""
    parts = (made.validation, made.test)
    errors = [
        (int(ref), int(ref) + lead_ns, float(error))
        for part in parts
        for ref, error in zip(part.ref_ns, (part.y_true - part.y_pred)[:, step, 0], strict=True)
        if np.isfinite(error)
    ]
    begins = [int(made.test.ref_ns[start]) for start in starts]
    blocks: list[tuple[float, float, list[float]]] = []

    def interval(ref: int) -> tuple[float, float]:
        lower, upper, sizes = blocks[sum(begin <= ref for begin in begins) - 1]
        size = sizes[ref // HOUR_NS % 24]
        return lower * size, upper * size

    for now in begins:
        n_told, n_missed = 0, 0
        for ref, known, error in errors:
            if known <= now and ref >= begins[0]:
                lower, upper = interval(ref)
                n_told, n_missed = n_told + 1, n_missed + (not lower <= error <= upper)
        before = [(ref, error) for ref, known, error in errors if known <= now]
        n_recent = sum(ref + lead_ns >= now - habit.days * DAY_NS for ref, _ in before)
        recent = before[-max(n_recent, FEWEST) :]
        sizes = sizes_by_loop(recent)
        ordered = sorted(error / sizes[ref // HOUR_NS % 24] for ref, error in recent)
        n = len(ordered)
        share = 0.2 + habit.pace * (0.2 * n_told - n_missed)
        tail = min(max(share, 0.02, min(0.2, 2 / (n + 1))), 0.95) / 2
        low, high = np.floor((n + 1) * tail + 1e-9), np.ceil((n + 1) * (1 - tail) - 1e-9)
        blocks.append((ordered[int(low) - 1], ordered[int(high) - 1], sizes))
    return np.array([interval(int(ref)) for ref in made.test.ref_ns]).T


def sizes_by_loop(errors: list[tuple[int, float]]) -> list[float]:
    """Return how large errors (reference time, error) are by the hour of the day."""
    by_hour: list[list[float]] = [[] for _ in range(24)]
    for ref, error in errors:
        by_hour[ref // HOUR_NS % 24].append(abs(error))
    mean = sum(map(sum, by_hour)) / len(errors)
    sizes = []
    for hour in range(24):
        total, n = 2.0 * mean, 2.0
        for near, share in ((hour - 1, 0.25), (hour, 0.5), ((hour + 1) % 24, 0.25)):
            total, n = total + share * sum(by_hour[near]), n + share * len(by_hour[near])
        sizes.append(max(total / n, 0.05 * mean))
    return sizes


def test_an_hour_whose_errors_are_small_gets_narrow_intervals_and_both_hold() -> None:
    made = forecast(growth=1.0)
    for part in (made.validation, made.test):
        night = (part.ref_ns[:, None] // HOUR_NS + LEADS[0].astype(int)) % 24 < 8
        part.y_true[night] *= 0.01

    intervals = adaptive_intervals(made, LEADS)

    lower, upper = intervals.around(made.test.y_pred, made.test.ref_ns, np.arange(1500))
    inside = ((made.test.y_true >= lower) & (made.test.y_true <= upper))[1, ..., 0]  # of 80 %
    width = (upper - lower)[1, ..., 0]
    deep = (made.test.ref_ns[:, None] // HOUR_NS + LEADS[0].astype(int)) % 24 == 4
    day = (made.test.ref_ns[:, None] // HOUR_NS + LEADS[0].astype(int)) % 24 == 15
    assert width[deep].max() < 0.15 * width[day].min()
    assert inside[day].mean() == pytest.approx(0.8, abs=0.1)
    assert inside.mean() == pytest.approx(0.8, abs=0.06)


def test_intervals_follow_hours_that_change_with_the_season() -> None:
    made = forecast(growth=1.0)
    hours = [part.ref_ns[:, None] // HOUR_NS + LEADS[0].astype(int) for part in (made.validation, made.test)]
    made.validation.y_true[hours[0] % 24 < 8] = 0.0
    made.test.y_true[hours[1] % 24 < 6] = 0.0  # the sun rises two hours earlier than ever before

    intervals = adaptive_intervals(made, LEADS)

    lower, upper = intervals.around(made.test.y_pred, made.test.ref_ns, np.arange(1500))
    dawn = (hours[1] % 24 >= 6) & (hours[1] % 24 < 8)
    inside = ((made.test.y_true >= lower) & (made.test.y_true <= upper))[1, ..., 0]
    assert inside[dawn][-300:].mean() > max(0.6, inside[dawn][:40].mean())


def test_forecasts_without_any_error_have_intervals_without_width() -> None:
    made = forecast()
    for part in (made.validation, made.test):
        part.y_true[:] = 0.0

    intervals = adaptive_intervals(made, LEADS)

    assert judge_intervals(intervals, made.test).covered_share() == 1.0
    assert not intervals.upper.any()


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

    assert (following(after) > 2.5 * following(before)).all()
    np.testing.assert_allclose(following(nothing), following(before), rtol=0.5)
    np.testing.assert_allclose(following(early), following(before), rtol=0.1)
