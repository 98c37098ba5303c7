"""How prediction intervals did on a part they were not fitted on."""

from dataclasses import dataclass

import numpy as np

from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import LEVELS, Intervals
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
