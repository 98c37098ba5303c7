"""Prediction intervals by split conformal: quantiles of validation residuals around each forecast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64

LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Intervals:
    """What to add to a forecast to get the ends of its interval, in the outputs' units.

    ``lower`` and ``upper`` have shape (n_levels, n_steps, n_outputs) and are NaN where validation has
    too few windows for a level (fewer than 2 / (1 - level) - 1).
    """

    levels: tuple[float, ...]
    n_windows: int
    lower: Float64
    upper: Float64

    def around(self, y_pred: Float64) -> tuple[Float64, Float64]:
        """Return both ends for forecasts (n_windows, n_steps, n_outputs), levels on a new first axis."""
        return y_pred + self.lower[:, None], y_pred + self.upper[:, None]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays to store beside the model."""
        return {
            "levels": np.array(self.levels),
            "n_windows": np.array(self.n_windows),
            "lower": self.lower,
            "upper": self.upper,
        }


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
    lower = np.full((len(levels), n_steps, n_outputs), np.nan)
    upper = lower.copy()
    for step in range(n_steps):
        residuals = validation.y_true[:, step] - validation.y_pred[:, step]
        residuals = np.sort(np.where(np.isfinite(residuals), residuals, np.nan), axis=0)  # NaN goes last
        n = np.isfinite(residuals).sum(axis=0)
        for i, level in enumerate(levels):
            tail = (1.0 - level) / 2.0
            lower[i, step] = _ranked(residuals, n, np.floor((n + 1) * tail + 1e-9))
            upper[i, step] = _ranked(residuals, n, np.ceil((n + 1) * (1.0 - tail) - 1e-9))
    return Intervals(tuple(levels), n_windows, lower, upper)


def _ranked(residuals: Float64, n: NDArray[np.integer[Any]], rank: Float64) -> Float64:
    possible = (rank >= 1) & (rank <= n)
    if not possible.any():
        return np.full(residuals.shape[1], np.nan)
    index = np.where(possible, rank - 1, 0).astype(np.int64)
    return np.where(possible, np.take_along_axis(residuals, index[None], axis=0)[0], np.nan)
