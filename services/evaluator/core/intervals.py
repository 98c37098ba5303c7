"""How prediction intervals did on a part they were not fitted on."""

from dataclasses import dataclass

import numpy as np

from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import Intervals, few_steps
from shared.series.arrays import Float64


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


@dataclass(frozen=True)
class IntervalSums:
    """What intervals and a part they were not fitted on come to, summed over windows.

    ``sums`` (5, n_steps, n_levels, n_outputs) are count, inside, width and both ends' pinball losses.
    """

    intervals: Intervals
    sums: Float64

    def scores(self, names: tuple[str, ...]) -> list[IntervalScores]:
        """Return the scores per level and output."""
        return [
            _interval_scores(self.sums[:, :, i, output], name, self.intervals, level)
            for i, level in enumerate(self.intervals.levels)
            for output, name in enumerate(names)
        ]

    def covered_share(self) -> float | None:
        """Return the share of values inside the widest intervals, averaged over outputs; None undefined."""
        widest = int(np.argmax(self.intervals.levels))
        count, inside, width = self.sums[:3, :, widest].sum(axis=1)  # (n_outputs,)
        defined = (count > 0) & np.isfinite(width)
        return float((inside[defined] / count[defined]).mean()) if defined.any() else None

    def quantile_loss(self) -> QuantileLoss:
        """Return the mean pinball loss over all levels' ends, overall and per step."""
        counts, losses = self.sums[0].sum(axis=1), self.sums[3:].sum(axis=(0, 2))  # (n_steps, n_outputs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return QuantileLoss((losses.sum(axis=0) / counts.sum(axis=0) / 2.0)[None], losses / counts / 2.0)


def judge_intervals(intervals: Intervals, part: PartForecast) -> IntervalSums:
    """Judge intervals on a part they were not fitted on: all that their scores are made of."""
    n_windows, n_steps, n_outputs = part.y_true.shape
    tails = (1.0 - np.array(intervals.levels)) / 2.0
    sums = np.empty((5, n_steps, len(tails), n_outputs))
    for steps in few_steps(n_steps, n_windows * n_outputs):
        truth, forecast = (  # windows last, side by side in memory
            np.ascontiguousarray(np.moveaxis(values[:, steps], 0, -1))
            for values in (part.y_true, part.y_pred)
        )
        known = np.isfinite(truth) & np.isfinite(forecast)  # (n_steps, n_outputs, n_windows)
        truth, forecast = np.where(known, truth, 0.0), np.where(known, forecast, 0.0)
        sums[0, steps] = known.sum(axis=-1)[:, None]
        lower, upper = intervals.of_test(part, steps)
        for i, tail in enumerate(tails):
            low, high = forecast + lower[i], forecast + upper[i]
            rows = (
                (truth >= low) & (truth <= high),
                high - low,
                pinball(truth, low, tail),
                pinball(truth, high, 1.0 - tail),
            )
            sums[1:, steps, i] = [(row * known).sum(axis=-1) for row in rows]
    return IntervalSums(intervals, sums)


def pinball(y_true: Float64, quantile: Float64, level: float) -> Float64:
    """Return the quantile loss of each value, in its unit.

    >>> pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.9)
    array([0.9, 0.1])
    """
    below = y_true - quantile
    return np.maximum(level * below, (level - 1.0) * below)


def _interval_scores(sums: Float64, name: str, intervals: Intervals, level: float) -> IntervalScores:
    count, inside, width, low, high = sums.sum(axis=1)  # sums: (5, n_steps)
    undefined = None
    if not count:
        undefined = "there is no pair of a finite true value and a finite forecast"
    elif not np.isfinite(width):
        needed = int(np.ceil(2.0 / (1.0 - level) - 1e-9)) - 1
        undefined = (
            f"validation has {intervals.n_windows} windows, {level:.0%} needs {needed} finite residuals"
        )
    if undefined:
        return IntervalScores(name, level, None, (None,) * sums.shape[1], None, None, None, undefined)
    shares = tuple(float(there / of) if of else None for of, there in sums[:2].T)
    # The interval score is the sum of both ends' pinball losses in units of half the tail.
    total = (low + high) * 2.0 / (1.0 - level)
    return IntervalScores(
        name, level, float(inside / count), shares, float(width / count), float(total / count),
        float((low + high) / (2.0 * count)), None,
    )  # fmt: skip
