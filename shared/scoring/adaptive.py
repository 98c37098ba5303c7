"""Intervals that follow the seasons: calibrated again and again, from what is known by then.

Errors of a validation part months ago promise little about today's. So every block of test windows gets the
quantiles of the newest residuals whose truth was known at the block's first reference time, each divided by
how large they are at its hour of the day, and each miss moves the level that is asked of them (adaptive
conformal inference, Gibbs and Candes, 2021). How far back residuals count and how far a miss moves a level is
chosen on validation, by rolling over it in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from shared.scoring.forecasts import Forecast, PartForecast, alike
from shared.scoring.hourly import HOUR_NS, HOURS, HourlySizes, hour_of, hourly_sizes
from shared.scoring.intervals import (
    LEVELS,
    Intervals,
    ends_of,
    few_steps,
    fit_intervals,
    ordered,
    residuals_of,
    rows_of,
)
from shared.series.arrays import Float64, Int64

FEWEST = 200  # residuals that are looked at, whatever their age
MOST_SORTS = 1500  # blocks times steps: bounds the work
DAY_NS = HOURS * HOUR_NS


@dataclass(frozen=True)
class Habit:
    """How intervals follow: ``days`` that residuals count, and how far one miss moves a level.

    ``by_spread`` is whether they are as wide as the model itself expects, where it says so.
    """

    days: int
    pace: float
    by_spread: bool = True


USUAL = Habit(28, 0.005)  # where validation is too short to choose on
# The quickest to follow first.
DAYS, PACES = (14, 28, 56), (0.01, 0.005, 0.002)
HABITS = tuple(Habit(days, pace) for days, pace in product(DAYS, PACES))
AS_GOOD = 1.01  # times the least loss: habits are told apart by more than that
ROLLED_STEPS = 4  # steps of the forecast that habits are compared on


@dataclass(frozen=True)
class _Course:
    """Residuals of some steps in time order, and when each was known.

    ``residuals`` (n_steps, n_outputs, n_windows), NaN where unknown, ``known_ns`` (n_steps, n_windows), and
    the ``hours`` (n_windows,) of the reference times.
    """

    residuals: Float64
    known_ns: Int64
    hours: Int64


@dataclass(frozen=True)
class _Ends:
    """Both ends for each pace and block, in units of the sizes of each block; the last is for what follows.

    ``lower`` and ``upper`` (n_paces, n_blocks + 1, n_levels, n_steps, n_outputs), ``sizes`` (n_blocks + 1,
    n_steps, n_outputs, 24).
    """

    lower: Float64
    upper: Float64
    sizes: Float64


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
    parts = alike([forecast.validation, forecast.test, *([] if later is None else [later])])
    validation, test = parts[:2]
    if not len(validation) or not len(test) or validation.ref_ns[-1] >= test.ref_ns[0]:
        return fit_intervals(validation, levels=levels)
    habit = habit or choose_habit(validation, offset_hours)
    if not habit.by_spread:
        parts = [part.without_spread() for part in parts]
    if now_ns is not None:
        begun = [int(np.searchsorted(part.ref_ns, now_ns)) for part in parts[1:]]
        parts[1:] = [part.windows(slice(0, n)) for part, n in zip(parts[1:], begun, strict=True)]
    first = fit_intervals(parts[0], levels=levels)
    ref_ns = np.concatenate([part.ref_ns for part in parts])
    leads_ns = _leads_ns(offset_hours)
    starts = _blocks(len(ref_ns) - len(validation), len(leads_ns))
    lower = np.empty((len(starts) + 1, *first.lower.shape))
    upper = np.empty_like(lower)
    sizes = np.empty((len(lower), *first.lower.shape[1:], HOURS))
    now = ref_ns[-1] + leads_ns.max() if now_ns is None else now_ns  # the last: for forecasts that follow
    moments = np.append(ref_ns[len(validation) + starts], now)
    for steps in few_steps(len(leads_ns), len(ref_ns) * first.lower.shape[-1]):
        course = _Course(residuals_of(parts, steps), ref_ns + leads_ns[steps, None], hour_of(ref_ns))
        days = np.full(len(course.known_ns), habit.days)
        ends = _over_time(course, moments, starts + len(validation), levels, days, (habit.pace,))
        lower[:, :, steps], upper[:, :, steps], sizes[:, steps] = ends.lower[0], ends.upper[0], ends.sizes
    return Intervals(
        levels=first.levels,
        n_windows=first.n_windows,
        lower=lower[-1],
        upper=upper[-1],
        starts=starts,
        block_lower=lower[:-1],
        block_upper=upper[:-1],
        sizes=HourlySizes(sizes[-1], sizes[:-1]),
        in_spreads=first.in_spreads,
    )


def choose_habit(validation: PartForecast, offset_hours: Sequence[Float64]) -> Habit:
    """Return the quickest habit whose quantile loss is as good as the least, at the usual levels.

    The loss is that over the newer half of validation, begun on the older one. A validation part that is calm
    says little about how much is to follow: of habits that do as well there the quickest is the safest. Too
    short a part keeps the usual one. What the model says of its spread counts if that is better.
    """
    if len(validation) // 2 < FEWEST:
        return USUAL
    losses = _losses(validation, offset_hours)
    if validation.spread is not None:
        plain = _losses(validation.without_spread(), offset_hours)
        if min(plain) <= min(losses):
            return replace(_quickest(plain), by_spread=False)
    return _quickest(losses)


def _quickest(losses: list[float]) -> Habit:
    """Return the quickest of the habits that are as good as the best."""
    least = min(losses)
    return HABITS[int(np.argmax(np.array(losses) <= AS_GOOD * least))] if least > 0 else USUAL


def _losses(validation: PartForecast, offset_hours: Sequence[Float64]) -> list[float]:
    """Return the quantile loss of each habit over the newer half of validation, begun on the older one."""
    begin = len(validation) // 2
    leads_ns = _leads_ns(offset_hours)
    steps = np.unique(np.linspace(0, len(leads_ns) - 1, ROLLED_STEPS).round().astype(np.int64))
    starts = _blocks(len(validation) - begin, len(steps) * len(HABITS))
    own = np.searchsorted(starts, np.arange(len(validation) - begin), side="right") - 1
    known_ns = validation.ref_ns + leads_ns[steps, None]
    moments = np.append(validation.ref_ns[begin + starts], known_ns[:, -1].max())
    residuals = residuals_of([validation], steps)
    # All days at once: each has the steps to itself.
    hours = hour_of(validation.ref_ns)
    tiled = _Course(np.tile(residuals, (len(DAYS), 1, 1)), np.tile(known_ns, (len(DAYS), 1)), hours)
    ends = _over_time(tiled, moments, begin + starts, LEVELS, np.repeat(DAYS, len(steps)), PACES)
    judged = np.moveaxis(residuals[..., begin:], -1, 0)[:, None]  # (n_windows, 1, n_steps, n_outputs)
    size = np.nanstd(residuals_of([validation.without_spread()], steps)[..., :begin], axis=-1)
    unit = 1.0 if validation.spread is None else validation.spread[begin:, None, steps]
    losses = []
    for day, pace in np.ndindex(len(DAYS), len(PACES)):
        own_steps = slice(day * len(steps), (day + 1) * len(steps))
        of_hours = ends.sizes[:, own_steps][own, ..., hours[begin:]][:, None]
        lower, upper = (both[pace, :, :, own_steps][own] * of_hours for both in (ends.lower, ends.upper))
        loss = _quantile_loss(judged, lower, upper, np.array(LEVELS)[:, None, None]) * unit
        losses.append(float(np.nansum(np.nanmean(loss, axis=(0, 1)) / np.where(size > 0, size, 1.0))))
    return losses


def _over_time(
    course: _Course,
    moments: Int64,
    starts: Int64,
    levels: tuple[float, ...],
    days: Int64,
    paces: tuple[float, ...],
) -> _Ends:
    """Return both ends for each pace and block.

    ``moments`` says when each block begins (the last: when forecasts that follow do), ``starts`` its first
    window, ``days`` (n_steps,) how long residuals of a step count.
    """
    residuals, hours = course.residuals, course.hours
    oldest, known = _reach(course, moments, days)
    wanted = 1.0 - np.array(levels)[:, None, None]
    quickness = np.array(paces)[:, None, None, None]
    first, stops = int(starts[0]), np.append(starts[1:], residuals.shape[-1])
    # Before each window from the first block on: how many truths there were, and how many were missed.
    counted = _running(np.isfinite(residuals[..., first:]))
    missed = np.zeros((len(paces), len(levels), *counted.shape), dtype=np.int32)
    by_pace, rows = missed.reshape(len(paces), len(levels), -1), rows_of(counted)
    lower = np.empty((len(paces), len(moments), len(levels), *residuals.shape[:2]))
    upper = np.empty_like(lower)
    sizes = np.empty((len(moments), *residuals.shape[:2], HOURS))
    for block, (since, until) in enumerate(zip(oldest, known, strict=True)):
        begun = starts[block] if block < len(starts) else residuals.shape[-1]
        told = rows + (np.clip(until, first, begun) - first)[:, None]
        expected = wanted * counted.reshape(-1)[told]
        shares = wanted + quickness * (expected - by_pace[:, :, told])  # of values that may lie outside
        recent, then = _between(residuals, since, until), hours[since.min() : until.max()]
        sizes[block] = hourly_sizes(recent, then)
        values, n = ordered(recent / sizes[block][..., then])
        # No fewer outside than the ranks can tell, unless even the level itself asks for fewer.
        least = np.minimum(wanted, 2.0 / (n + 1.0))
        held = np.clip(shares, np.maximum(0.1 * wanted, least), 0.95)
        lower[:, block], upper[:, block] = ends_of(values, n, held / 2.0)
        if block < len(starts):
            windows = slice(begun, stops[block])
            own = residuals[..., windows] / sizes[block][..., hours[windows]]
            outside = (own < lower[:, block, ..., None]) | (own > upper[:, block, ..., None])
            run = missed[..., begun - first : stops[block] - first + 1]
            run[..., 1:] = run[..., :1] + np.cumsum(outside, axis=-1)
    return _Ends(lower, upper, sizes)


def _reach(course: _Course, moments: Int64, days: Int64) -> tuple[Int64, Int64]:
    """Return the first window that counts at each moment and the first not known: (n_moments, n_steps).

    Those of the last days count, and further ones up to ``FEWEST`` that have a truth: gaps are no recent
    residuals.
    """
    oldest = np.empty((len(moments), len(course.known_ns)), dtype=np.int64)
    known = np.empty_like(oldest)
    with_truth = _running(np.any(np.isfinite(course.residuals), axis=1))
    for step, (known_ns, before) in enumerate(zip(course.known_ns, with_truth, strict=True)):
        known[:, step] = np.searchsorted(known_ns, moments, side="right")
        enough = np.searchsorted(before, before[known[:, step]] - FEWEST, side="right") - 1
        recent = np.searchsorted(known_ns, moments - days[step] * DAY_NS)
        oldest[:, step] = np.minimum(recent, np.maximum(0, enough))
    return oldest, known


def _between(residuals: Float64, since: Int64, until: Int64) -> Float64:
    """Return residuals of each step's windows from ``since`` to before ``until`` (n_steps,), NaN beside."""
    window = np.arange(since.min(), until.max())
    counts = (window >= since[:, None]) & (window < until[:, None])
    return np.where(counts[:, None], residuals[..., since.min() : until.max()], np.nan)


def _running(flags: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return how many there are before each place and at the end: one longer on the last axis."""
    counts = np.zeros((*flags.shape[:-1], flags.shape[-1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=-1, out=counts[..., 1:])
    return counts


def _blocks(n_windows: int, n_steps: int) -> Int64:
    """Return the first windows of blocks that are calibrated anew."""
    n_blocks = min(n_windows, max(8, MOST_SORTS // n_steps))
    return np.unique(np.linspace(0, n_windows, n_blocks + 1)[:-1].astype(np.int64))


def _leads_ns(offset_hours: Sequence[Float64]) -> Int64:
    """Return how long after the reference time the truth of each step is known, for all outputs."""
    leads = np.max([np.asarray(hours) for hours in offset_hours], axis=0)
    return np.asarray(np.round(leads * HOUR_NS), dtype=np.int64)


def _quantile_loss(residuals: Float64, lower: Float64, upper: Float64, levels: Float64) -> Float64:
    """Return the summed quantile loss of both ends, of residuals that fit their shape."""
    tails = (1.0 - levels) / 2.0
    below, above = residuals - lower, residuals - upper
    loss: Float64 = np.maximum(tails * below, (tails - 1.0) * below)
    return loss + np.maximum((1.0 - tails) * above, -tails * above)
