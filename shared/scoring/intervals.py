"""Prediction intervals by conformal prediction: quantiles of residuals around each forecast."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.scoring.forecasts import PartForecast
from shared.scoring.hourly import HourlySizes
from shared.series.arrays import Float64, Int64

LEVELS = (0.5, 0.8, 0.95)
MOST_VALUES = 1 << 18  # residuals that are ordered at once: 2 MB, as caches hold


@dataclass(frozen=True)
class Intervals:
    """What to add to a forecast to get the ends of its interval.

    ``lower`` and ``upper`` have shape (n_levels, n_steps, n_outputs) and are NaN where there are too few
    windows for a level (fewer than 2 / (1 - level) - 1); they are the newest, for forecasts that follow.
    Where intervals follow the seasons, ``block_lower`` and ``block_upper`` (n_blocks, n_levels, n_steps,
    n_outputs) are those of the test windows from each of ``starts`` (n_blocks,) on. All are in the outputs'
    units, or in ``sizes`` where there are any; and ``in_spreads`` tells whether both are in units of how far
    off the model takes each forecast to be.
    """

    levels: tuple[float, ...]
    n_windows: int
    lower: Float64
    upper: Float64
    starts: Int64 | None = None
    block_lower: Float64 | None = None
    block_upper: Float64 | None = None
    sizes: HourlySizes | None = None
    in_spreads: bool = False

    def around(
        self,
        y_pred: Float64,
        ref_ns: Int64,
        windows: Int64 | None = None,
        *,
        spread: Float64 | None = None,
    ) -> tuple[Float64, Float64]:
        """Return both ends for forecasts (n_windows, n_steps, n_outputs), levels on a new first axis.

        Parameters
        ----------
        ref_ns
            Their reference times, (n_windows,).
        windows
            Which test windows they are, (n_windows,); None: forecasts that follow.
        spread
            How far off the model takes them to be, shape of ``y_pred``, where intervals are ``in_spreads``.
        """
        lower, upper = self._ends(ref_ns, windows, slice(None), spread)
        return y_pred + lower, y_pred + upper

    def of_test(self, test: PartForecast, steps: slice) -> tuple[Float64, Float64]:
        """Return what to add for both ends of some steps of all test windows.

        Shape (n_levels, n_steps, n_outputs, n_windows), or 1 for n_windows where all have the same.
        """
        spread = None if test.spread is None else test.spread[:, steps]
        ends = self._ends(test.ref_ns, np.arange(len(test)), steps, spread)
        lower, upper = (np.moveaxis(end, 1, -1) for end in ends)
        return lower, upper

    def _ends(
        self, ref_ns: Int64, windows: Int64 | None, steps: slice, spread: Float64 | None
    ) -> tuple[Float64, Float64]:
        """Return what to add for both ends: (n_levels, n_windows or 1, n_steps, n_outputs)."""
        starts, lower, upper = self.starts, self.block_lower, self.block_upper
        if windows is None or starts is None or lower is None or upper is None:
            blocks, both = None, (self.lower[:, None, steps], self.upper[:, None, steps])
        else:
            blocks = np.searchsorted(starts, windows, side="right") - 1
            both = (
                np.moveaxis(lower[blocks][:, :, steps], 0, 1),
                np.moveaxis(upper[blocks][:, :, steps], 0, 1),
            )
        if self.sizes is not None:
            size = self.sizes.at(ref_ns, blocks, steps)
            both = both[0] * size, both[1] * size
        if not self.in_spreads:
            return both
        assert spread is not None, "a model that says how far off it is says so of every forecast"
        return both[0] * spread, both[1] * spread


def fit_intervals(validation: PartForecast, *, levels: tuple[float, ...] = LEVELS) -> Intervals:
    """Take, for every step and output, the quantiles of the validation residuals.

    The ranks carry the finite-sample correction of split conformal prediction, so coverage is at least
    the level if validation and test errors are exchangeable. Errors of overlapping windows in time
    order only come near to that: read the coverage on test beside the intervals.

    Parameters
    ----------
    validation
        Forecasts the model was not fitted on; residuals that are not finite are left out.
    levels
        Wanted shares of true values inside, each between 0 and 1.
    """
    n_windows, n_steps, n_outputs = validation.y_true.shape
    tails = (1.0 - np.array(levels)[:, None, None]) / 2.0
    lower = np.empty((len(levels), n_steps, n_outputs))
    upper = np.empty_like(lower)
    for steps in few_steps(n_steps, n_windows * n_outputs):
        residuals = residuals_of([validation], steps)
        lower[:, steps], upper[:, steps] = ends_of(*ordered(residuals), tails)
    return Intervals(tuple(levels), n_windows, lower, upper, in_spreads=validation.spread is not None)


def few_steps(n_steps: int, values: int) -> Iterator[slice]:
    """Yield all steps, as many at once as caches hold at so many values a step."""
    at_once = max(1, MOST_VALUES // max(1, values))
    for start in range(0, n_steps, at_once):
        yield slice(start, min(start + at_once, n_steps))


def residuals_of(parts: Sequence[PartForecast], steps: slice | Int64) -> Float64:
    """Return truth less forecast of some steps, (n_steps, n_outputs, n_windows); NaN where one is missing.

    Where parts say how far off each forecast is, they are in units of that: all parts do, or none.
    """
    found = np.concatenate([part.y_true[:, steps] - part.y_pred[:, steps] for part in parts])
    spreads = [part.spread[:, steps] for part in parts if part.spread is not None]
    if spreads:
        found /= np.concatenate(spreads)
    return np.ascontiguousarray(np.moveaxis(np.where(np.isfinite(found), found, np.nan), 0, -1))


def ordered(residuals: Float64) -> tuple[Float64, Int64]:
    """Return residuals (..., n_windows) from the least on, and how many there are (...); NaN goes last."""
    return np.sort(residuals, axis=-1), np.isfinite(residuals).sum(axis=-1, dtype=np.int64)


def ends_of(values: Float64, n: Int64, tails: Float64) -> tuple[Float64, Float64]:
    """Return both ends of ordered values with so much beyond each.

    Parameters
    ----------
    values, n
        What ``ordered`` returns: (n_steps, n_outputs, n_windows) and (n_steps, n_outputs).
    tails
        Shares beyond each end, (..., n_steps, n_outputs) or of a shape that becomes this; so is what returns.
    """
    low = np.floor((n + 1) * tails + 1e-9)
    high = np.ceil((n + 1) * (1.0 - tails) - 1e-9)
    return _ranked(values, n, low), _ranked(values, n, high)


def _ranked(values: Float64, n: Int64, ranks: Float64) -> Float64:
    """Return values by rank from 1, shape of ``ranks``; NaN where there is none."""
    possible = (ranks >= 1) & (ranks <= n)
    if not possible.any():
        return np.full(ranks.shape, np.nan)
    index = np.where(possible, ranks - 1, 0).astype(np.int64)
    return np.where(possible, values.reshape(-1)[rows_of(values) + index], np.nan)


def rows_of(values: NDArray[Any]) -> Int64:
    """Return where each row of the last axis begins in all values laid out flat; shape without that axis."""
    return np.arange(0, values.size, values.shape[-1]).reshape(values.shape[:-1])
