"""Prediction intervals by conformal prediction: quantiles of residuals around each forecast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64, Int64

LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Intervals:
    """What to add to a forecast to get the ends of its interval, in the outputs' units.

    ``lower`` and ``upper`` have shape (n_levels, n_steps, n_outputs) and are NaN where there are too few
    windows for a level (fewer than 2 / (1 - level) - 1); they are the newest, for forecasts that follow.
    Where intervals follow the seasons, ``block_lower`` and ``block_upper`` (n_blocks, n_levels, n_steps,
    n_outputs) are those of the test windows from each of ``starts`` (n_blocks,) on.
    """

    levels: tuple[float, ...]
    n_windows: int
    lower: Float64
    upper: Float64
    starts: Int64 | None = None
    block_lower: Float64 | None = None
    block_upper: Float64 | None = None

    def around(self, y_pred: Float64, windows: Int64 | None = None) -> tuple[Float64, Float64]:
        """Return both ends for forecasts (n_windows, n_steps, n_outputs), levels on a new first axis.

        ``windows`` (n_windows,) says which test windows they are; None: forecasts that follow.
        """
        lower, upper = self._ends(windows)
        return y_pred + lower, y_pred + upper

    def at_step(self, step: int, n_windows: int) -> tuple[Float64, Float64]:
        """Return both ends of one step for test windows 0 .. n_windows - 1: (n_levels, n, n_outputs)."""
        lower, upper = self._ends(np.arange(n_windows), step=slice(step, step + 1))
        return lower[:, :, 0], upper[:, :, 0]

    def _ends(self, windows: Int64 | None, step: slice = slice(None)) -> tuple[Float64, Float64]:
        """Return ends (n_levels, n_windows or 1, n_steps, n_outputs)."""
        blocks = (self.starts, self.block_lower, self.block_upper)
        starts, lower, upper = blocks
        if windows is None or starts is None or lower is None or upper is None:
            return self.lower[:, None, step], self.upper[:, None, step]
        own = np.searchsorted(starts, windows, side="right") - 1
        return np.moveaxis(lower[own][:, :, step], 0, 1), np.moveaxis(upper[own][:, :, step], 0, 1)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays to store beside the model."""
        return {
            "levels": np.array(self.levels),
            "n_windows": np.array(self.n_windows),
            "lower": self.lower,
            "upper": self.upper,
        } | {
            name: values
            for name in ("starts", "block_lower", "block_upper")
            if (values := getattr(self, name)) is not None
        }


@dataclass(frozen=True)
class IntervalScores:
    """How intervals of one level did for one output on a part; None where they are undefined."""

    output: str
    level: float
    coverage: float | None  # share of true values inside, 0..1
    coverage_per_step: tuple[float | None, ...]
    width: float | None  # mean distance of the ends, in the output's unit
    interval_score: float | None  # Gneiting and Raftery (2007), in the output's unit; smaller is better
    pinball: float | None  # mean of both ends' quantile losses, in the output's unit
    reason: str | None


@dataclass(frozen=True)
class QuantileLoss:
    """Mean pinball loss over both ends of all levels' intervals, in the outputs' units; NaN undefined."""

    overall: Float64  # (1, n_outputs)
    per_step: Float64  # (n_steps, n_outputs)


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
        tails = np.broadcast_to((1.0 - np.array(levels))[:, None] / 2.0, (len(levels), n_outputs))
        lower[:, step], upper[:, step] = quantiles_of(
            validation.y_true[:, step] - validation.y_pred[:, step], tails
        )
    return Intervals(tuple(levels), n_windows, lower, upper)


def quantiles_of(residuals: Float64, tails: Float64) -> tuple[Float64, Float64]:
    """Return both ends of residuals (n_windows, n_outputs) with so much beyond each: (n_levels, n_outputs).

    ``tails`` has shape (n_levels, n_outputs).
    """
    ordered = np.sort(np.where(np.isfinite(residuals), residuals, np.nan), axis=0)  # NaN goes last
    n = np.isfinite(ordered).sum(axis=0)
    low = [_ranked(ordered, n, np.floor((n + 1) * tail + 1e-9)) for tail in tails]
    high = [_ranked(ordered, n, np.ceil((n + 1) * (1.0 - tail) - 1e-9)) for tail in tails]
    return np.stack(low), np.stack(high)


def score_intervals(
    intervals: Intervals, part: PartForecast, *, names: tuple[str, ...]
) -> list[IntervalScores]:
    """Judge intervals on a part they were not fitted on, per level and output."""
    sums = np.stack([_judge_step(intervals, part, step) for step in range(part.y_true.shape[1])])
    return [
        _interval_scores(sums[:, :, i, output], name, intervals, level)
        for i, level in enumerate(intervals.levels)
        for output, name in enumerate(names)
    ]


def covered_share(intervals: Intervals, test: PartForecast, names: tuple[str, ...]) -> float | None:
    """Return the share of test values inside the widest intervals; None undefined.

    Averaged over outputs; the level is the last of ``LEVELS``.
    """
    scores = score_intervals(intervals, test, names=names)
    shares = [s.coverage for s in scores if s.level == max(LEVELS) and s.coverage is not None]
    return sum(shares) / len(shares) if shares else None


def quantile_loss(intervals: Intervals, part: PartForecast) -> QuantileLoss:
    """Return the pinball loss of intervals on a part they were not fitted on."""
    n_steps, n_outputs = part.y_true.shape[1:]
    if not len(part):
        return QuantileLoss(np.full((1, n_outputs), np.nan), np.full((n_steps, n_outputs), np.nan))
    sums = np.stack([_judge_step(intervals, part, step) for step in range(n_steps)])
    counts, losses = sums[:, 0].sum(axis=1), sums[:, 3:].sum(axis=(1, 2))  # (n_steps, n_outputs)
    with np.errstate(divide="ignore", invalid="ignore"):
        return QuantileLoss((losses.sum(axis=0) / counts.sum(axis=0) / 2.0)[None], losses / counts / 2.0)


def pinball(y_true: Float64, quantile: Float64, level: float) -> Float64:
    """Return the quantile loss of each value, in its unit.

    >>> pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.9)
    array([0.9, 0.1])
    """
    below = y_true - quantile
    return np.maximum(level * below, (level - 1.0) * below)


def _ranked(residuals: Float64, n: NDArray[np.integer[Any]], rank: Float64) -> Float64:
    possible = (rank >= 1) & (rank <= n)
    if not possible.any():
        return np.full(residuals.shape[1], np.nan)
    index = np.where(possible, rank - 1, 0).astype(np.int64)
    return np.where(possible, np.take_along_axis(residuals, index[None], axis=0)[0], np.nan)


def _judge_step(intervals: Intervals, part: PartForecast, step: int) -> Float64:
    """Return sums over windows of count, inside, width and both pinballs: (5, n_levels, n_outputs)."""
    truth, forecast = part.y_true[:, step], part.y_pred[:, step]  # (n_windows, n_outputs)
    known = np.isfinite(truth) & np.isfinite(forecast)
    truth, forecast = np.where(known, truth, 0.0), np.where(known, forecast, 0.0)
    tails = (1.0 - np.array(intervals.levels)) / 2.0
    sums = np.empty((5, len(tails), truth.shape[1]))
    lower, upper = intervals.at_step(step, len(truth))
    for i, tail in enumerate(tails):
        low, high = forecast + lower[i], forecast + upper[i]
        rows = (
            np.ones(truth.shape),
            (truth >= low) & (truth <= high),
            high - low,
            pinball(truth, low, tail),
            pinball(truth, high, 1.0 - tail),
        )
        sums[:, i] = [(row * known).sum(axis=0) for row in rows]
    return sums


def _interval_scores(sums: Float64, name: str, intervals: Intervals, level: float) -> IntervalScores:
    count, inside, width, low, high = sums.sum(axis=0)
    undefined = None
    if not count:
        undefined = "there is no pair of a finite true value and a finite forecast"
    elif not np.isfinite(width):
        needed = int(np.ceil(2.0 / (1.0 - level) - 1e-9)) - 1
        undefined = (
            f"validation has {intervals.n_windows} windows, {level:.0%} needs {needed} finite residuals"
        )
    if undefined:
        return IntervalScores(name, level, None, (None,) * len(sums), None, None, None, undefined)
    shares = tuple(float(row[1] / row[0]) if row[0] else None for row in sums)
    # The interval score is the sum of both ends' pinball losses in units of half the tail.
    total = (low + high) * 2.0 / (1.0 - level)
    return IntervalScores(
        name, level, float(inside / count), shares, float(width / count), float(total / count),
        float((low + high) / (2.0 * count)), None,
    )  # fmt: skip
