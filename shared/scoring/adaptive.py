"""Intervals that follow the seasons: calibrated again and again, from what is known by then.

Errors of a validation part months ago promise little about today's. So every block of test windows gets the
quantiles of the newest residuals whose truth was known at the block's first reference time, and each miss
moves the level that is asked of them (adaptive conformal inference, Gibbs and Candes, 2021). How far back
residuals count and how far a miss moves a level is chosen on validation, by rolling over it in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import LEVELS, Intervals, fit_intervals, quantiles_of
from shared.series.arrays import Float64, Int64

FEWEST = 200  # residuals that are looked at, whatever their age
MOST_SORTS = 1500  # blocks times steps: bounds the work
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True)
class Habit:
    """How intervals follow: ``days`` that residuals count, and how far one miss moves a level."""

    days: int
    pace: float


USUAL = Habit(28, 0.005)  # where validation is too short to choose on
# The quickest to follow first.
HABITS = tuple(Habit(days, pace) for days, pace in product((14, 28, 56), (0.01, 0.005, 0.002)))
AS_GOOD = 1.01  # times the least loss: habits are told apart by more than that
ROLLED_STEPS = 4  # steps of the forecast that habits are compared on


@dataclass(frozen=True)
class _Course:
    """Residuals (n_windows, n_outputs) of one step in time order, and when each was known (n_windows,)."""

    residuals: Float64
    known_ns: Int64


def adaptive_intervals(
    forecast: Forecast,
    offset_hours: Sequence[Float64],
    *,
    later: PartForecast | None = None,
    now_ns: int | None = None,
    levels: tuple[float, ...] = LEVELS,
    habit: Habit | None = None,
) -> Intervals:
    """Calibrate on validation and then, block by block, on what has become known of test and later.

    Where test does not follow validation in time (shuffled parts), or one of them is empty, the intervals are
    those of validation alone.

    Parameters
    ----------
    offset_hours
        Per output the distance of each step from the reference time: when its truth is known.
    later
        Forecasts after the test part, in time order; a truth that is not known yet is NaN.
    now_ns
        When the forecasts that follow are made: nothing later counts. None is when the last truth is known.
    habit
        What ``choose_habit`` said of this validation part, where that is known already.
    """
    validation, test = forecast.validation, forecast.test
    first = fit_intervals(validation, levels=levels)
    if not len(validation) or not len(test) or validation.ref_ns[-1] >= test.ref_ns[0]:
        return first
    parts = [validation, test, *([] if later is None else [later])]
    if now_ns is not None:
        parts = [validation, *(_begun(part, now_ns) for part in parts[1:])]
    ref_ns = np.concatenate([part.ref_ns for part in parts])
    leads_ns = _leads_ns(offset_hours)
    habit = habit or choose_habit(validation, offset_hours)
    starts = _blocks(len(ref_ns) - len(validation), len(leads_ns))
    shape = (len(starts) + 1, *first.lower.shape)
    lower, upper = np.empty(shape), np.empty(shape)
    now = ref_ns[-1] + leads_ns.max() if now_ns is None else now_ns  # the last: for forecasts that follow
    moments = np.append(ref_ns[len(validation) + starts], now)
    for step, lead in enumerate(leads_ns):
        course = _Course(_residuals(parts, step), ref_ns + lead)
        lower[:, :, step], upper[:, :, step] = _over_time(
            course, moments, starts + len(validation), levels, habit
        )
    return Intervals(
        levels=first.levels,
        n_windows=first.n_windows,
        lower=lower[-1],
        upper=upper[-1],
        starts=starts,
        block_lower=lower[:-1],
        block_upper=upper[:-1],
    )


def choose_habit(validation: PartForecast, offset_hours: Sequence[Float64]) -> Habit:
    """Return the quickest habit whose quantile loss is as good as the least, at the usual levels.

    The loss is that over the newer half of validation, begun on the older one. A validation part that is calm
    says little about how much is to follow: of habits that do as well there the quickest is the safest. Too
    short a part keeps the usual one.
    """
    begin = len(validation) // 2
    if begin < FEWEST:
        return USUAL
    leads_ns = _leads_ns(offset_hours)
    steps = np.unique(np.linspace(0, len(leads_ns) - 1, ROLLED_STEPS).round().astype(int))
    starts = _blocks(len(validation) - begin, len(steps) * len(HABITS))
    own = np.searchsorted(starts, np.arange(len(validation) - begin), side="right") - 1
    losses = np.zeros(len(HABITS))
    for step in steps.tolist():
        course = _Course(_residuals([validation], step), validation.ref_ns + leads_ns[step])
        moments = np.append(validation.ref_ns[begin + starts], course.known_ns[-1])
        judged = course.residuals[begin:]
        spread = np.nanstd(course.residuals[:begin], axis=0)
        for k, habit in enumerate(HABITS):
            ends = _over_time(course, moments, begin + starts, LEVELS, habit)
            lower, upper = (end[own] for end in ends)  # (n_windows, n_levels, n_outputs)
            loss = _quantile_loss(judged[:, None], lower, upper, np.array(LEVELS)[:, None])
            losses[k] += np.nansum(np.nanmean(loss, axis=(0, 1)) / np.where(spread > 0, spread, 1.0))
    return HABITS[int(np.argmax(losses <= AS_GOOD * losses.min()))] if losses.min() > 0 else USUAL


def _over_time(
    course: _Course, moments: Int64, starts: Int64, levels: tuple[float, ...], habit: Habit
) -> tuple[Float64, Float64]:
    """Return both ends of one step for each block, shape (n_blocks + 1, n_levels, n_outputs).

    ``moments`` says when each block begins (the last: when forecasts that follow do), ``starts`` its first
    window.
    """
    some_known = np.flatnonzero(np.isfinite(course.residuals).any(axis=1))  # gaps are no recent residuals
    residuals, known_ns = course.residuals[some_known], course.known_ns[some_known]
    starts = np.searchsorted(some_known, starts)
    shape = (len(moments), len(levels), residuals.shape[1])
    lower, upper = np.empty(shape), np.empty(shape)
    wanted = 1.0 - np.array(levels)[:, None]
    shares = np.repeat(wanted, residuals.shape[1], axis=1)  # of values that may lie outside
    learned = int(starts[0])  # windows whose hits and misses have been counted
    for block, moment in enumerate(moments):
        known = int(np.searchsorted(known_ns, moment, side="right"))
        while learned < known:
            own = int(np.searchsorted(starts, learned, side="right")) - 1
            stop = min(known, int(starts[own + 1]) if own + 1 < len(starts) else known)
            seen = residuals[learned:stop, None]  # beside the levels
            missed = (seen < lower[own]) | (seen > upper[own])
            counted = np.isfinite(residuals[learned:stop]).sum(axis=0)
            shares = shares + habit.pace * (wanted * counted - missed.sum(axis=0))
            learned = stop
        oldest = int(np.searchsorted(known_ns, moment - habit.days * DAY_NS))
        some = residuals[min(oldest, max(0, known - FEWEST)) : known]
        # No fewer outside than the ranks can tell, unless even the level itself asks for fewer.
        least = np.minimum(wanted, 2.0 / (np.isfinite(some).sum(axis=0) + 1.0))
        held = np.clip(shares, np.maximum(0.1 * wanted, least), 0.95)
        lower[block], upper[block] = quantiles_of(some, held / 2.0)
    return lower, upper


def _begun(part: PartForecast, now_ns: int) -> PartForecast:
    """Return the forecasts of a part that were made before a moment."""
    begun = slice(0, int(np.searchsorted(part.ref_ns, now_ns)))
    return PartForecast(part.ref_ns[begun], part.y_true[begun], part.y_pred[begun])


def _blocks(n_windows: int, n_steps: int) -> Int64:
    """Return the first windows of blocks that are calibrated anew."""
    n_blocks = min(n_windows, max(8, MOST_SORTS // n_steps))
    return np.unique(np.linspace(0, n_windows, n_blocks + 1)[:-1].astype(np.int64))


def _leads_ns(offset_hours: Sequence[Float64]) -> Int64:
    """Return how long after the reference time the truth of each step is known, for all outputs."""
    leads = np.max([np.asarray(hours) for hours in offset_hours], axis=0)
    return np.asarray(np.round(leads * HOUR_NS), dtype=np.int64)


def _residuals(parts: Sequence[PartForecast], step: int) -> Float64:
    residuals = np.concatenate([part.y_true[:, step] - part.y_pred[:, step] for part in parts])
    return np.where(np.isfinite(residuals), residuals, np.nan)


def _quantile_loss(residuals: Float64, lower: Float64, upper: Float64, levels: Float64) -> Float64:
    """Return the summed quantile loss of both ends, of residuals that fit their shape."""
    tails = (1.0 - levels) / 2.0
    below, above = residuals - lower, residuals - upper
    loss: Float64 = np.maximum(tails * below, (tails - 1.0) * below)
    return loss + np.maximum((1.0 - tails) * above, -tails * above)
