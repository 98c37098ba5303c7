"""Intervals that follow the seasons: calibrated again and again over test, from what is known by then.

Errors of a validation part months ago promise little about today's. So every block of test windows gets the
quantiles of the newest residuals whose truth was known at the block's first reference time, and each miss
moves the level that is asked of them (adaptive conformal inference, Gibbs and Candes, 2021).
"""

from collections.abc import Sequence

import numpy as np

from shared.scoring.forecasts import Forecast
from shared.scoring.intervals import LEVELS, Intervals, fit_intervals, quantiles_of
from shared.series.arrays import Float64, Int64

RECENT_NS = 28 * 86_400_000_000_000
FEWEST = 200  # residuals that are looked at, whatever their age
PACE = 0.005  # how far one miss moves a level
MOST_SORTS = 1500  # blocks times steps: bounds the work
HOUR_NS = 3_600_000_000_000


def adaptive_intervals(
    forecast: Forecast, offset_hours: Sequence[Float64], *, levels: tuple[float, ...] = LEVELS
) -> Intervals:
    """Calibrate on validation and then, block by block, on what has become known of test.

    Where test does not follow validation in time (shuffled parts), or one of them is empty, the intervals are
    those of validation alone.

    Parameters
    ----------
    offset_hours
        Per output the distance of each step from the reference time: when its truth is known.
    """
    validation, test = forecast.validation, forecast.test
    first = fit_intervals(validation, levels=levels)
    if not len(validation) or not len(test) or validation.ref_ns[-1] >= test.ref_ns[0]:
        return first
    ref_ns = np.concatenate([validation.ref_ns, test.ref_ns])
    residuals = np.concatenate([p.y_true - p.y_pred for p in (validation, test)])
    residuals = np.where(np.isfinite(residuals), residuals, np.nan)
    leads = np.max([np.asarray(hours) for hours in offset_hours], axis=0)
    leads_ns = np.round(leads * HOUR_NS).astype(np.int64)
    n_blocks = min(len(test), max(8, MOST_SORTS // len(leads)))
    starts = np.unique(np.linspace(0, len(test), n_blocks + 1)[:-1].astype(np.int64))
    shape = (len(starts) + 1, *first.lower.shape)
    lower, upper = np.empty(shape), np.empty(shape)
    now = np.append(test.ref_ns[starts], ref_ns[-1] + leads_ns.max())  # the last: for forecasts that follow
    for step, lead in enumerate(leads_ns):
        lower[:, :, step], upper[:, :, step] = _over_time(
            residuals[:, step], ref_ns + lead, now, starts + len(validation), levels
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


def _over_time(
    residuals: Float64, known_ns: Int64, now: Int64, starts: Int64, levels: tuple[float, ...]
) -> tuple[Float64, Float64]:
    """Return both ends of one step for each block, shape (n_blocks + 1, n_levels, n_outputs).

    ``residuals`` is (n_windows, n_outputs), ``known_ns`` (n_windows,) when each is known, ``now``
    when each block begins, ``starts`` its first window.
    """
    shape = (len(now), len(levels), residuals.shape[1])
    lower, upper = np.empty(shape), np.empty(shape)
    wanted = 1.0 - np.array(levels)[:, None]
    shares = np.repeat(wanted, residuals.shape[1], axis=1)  # of values that may lie outside
    learned = int(starts[0])  # windows whose hits and misses have been counted
    for block, moment in enumerate(now):
        known = int(np.searchsorted(known_ns, moment, side="right"))
        while learned < known:
            own = int(np.searchsorted(starts, learned, side="right")) - 1
            stop = min(known, int(starts[own + 1]) if own + 1 < len(starts) else known)
            values = residuals[learned:stop, None]  # (n, 1, n_outputs), against ends (n_levels, n_outputs)
            missed = (values < lower[own]) | (values > upper[own])
            counted = np.isfinite(residuals[learned:stop]).sum(axis=0)
            shares = shares + PACE * (wanted * counted - missed.sum(axis=0))
            learned = stop
        oldest = int(np.searchsorted(known_ns, moment - RECENT_NS))
        some = residuals[min(oldest, max(0, known - FEWEST)) : known]
        # No fewer outside than the ranks can tell, unless even the level itself asks for fewer.
        least = np.minimum(wanted, 2.0 / (np.isfinite(some).sum(axis=0) + 1.0))
        held = np.clip(shares, np.maximum(0.1 * wanted, least), 0.95)
        lower[block], upper[block] = quantiles_of(some, held / 2.0)
    return lower, upper
