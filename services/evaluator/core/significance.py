"""Tell a real difference between two models from luck, although windows overlap and errors persist."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64, Int64

Winner = Literal["first", "second", "tie"]
_MINUTE_NS = 60 * 10**9
_CHUNK_DRAWS = 2**20


@dataclass(frozen=True)
class Comparison:
    """Verdict on first minus second; negative differences favour the first."""

    winner: Winner
    n_windows: int
    difference: float | None  # of mean losses
    relative: float | None  # difference in shares of the second's mean loss
    p_value: float | None  # Diebold-Mariano, two-sided
    interval: tuple[float, float] | None  # 95 % of the block bootstrap, of the difference
    reason: str | None  # why nothing could be tested


def window_losses(part: PartForecast, *, train_std: Sequence[float | None], squared: bool = True) -> Float64:
    """Return one loss per window: its mean error in training standard deviations, shape (n_windows,).

    A window with a forecast that is not finite has loss NaN.
    """
    scale = np.array([std or 1.0 for std in train_std])
    losses = np.empty(len(part))
    size = max(1, 2**18 // max(1, part.y_true[0].size)) if len(part) else 1
    for start in range(0, len(part), size):
        window = slice(start, start + size)
        error = (part.y_pred[window] - part.y_true[window]) / scale
        with np.errstate(over="ignore"):
            losses[window] = (error**2 if squared else np.abs(error)).mean(axis=(1, 2))
    return losses


def overlap(ref_ns: Int64, *, span_minutes: float) -> int:
    """Return how many consecutive windows share true values: the reach of their correlation.

    >>> overlap(np.arange(10) * 60 * 60 * 10**9, span_minutes=180)
    4
    """
    if not len(ref_ns):
        return 1
    ends = np.searchsorted(ref_ns, ref_ns + np.int64(round(span_minutes * _MINUTE_NS)), side="right")
    return int((ends - np.arange(len(ref_ns))).max())


def compare(
    first: Float64, second: Float64, *, overlap: int = 1, alpha: float = 0.05, seed: int = 0
) -> Comparison:
    """Test whether two models' losses differ by more than chance.

    A win needs both a Diebold-Mariano test below ``alpha`` and a bootstrap interval without 0; anything
    else is a tie. The test's long-run variance is the average of the lowest cosine frequencies (Lazarus,
    Lewis, Stock and Watson, 2018), whose t statistic keeps its size under strong autocorrelation, where
    the usual Newey-West normal test calls equal models different far too often.

    Parameters
    ----------
    first, second
        Losses of the same windows in time order, shape (n_windows,).
    overlap
        Number of consecutive windows that share true values.
    seed
        Of the bootstrap.
    """
    known = np.isfinite(first) & np.isfinite(second)
    if not known.all():
        return _tie(len(first), f"{(~known).sum()} windows have no finite loss")
    difference = first - second
    n = len(difference)
    # The usual rate, but below the frequency at which the common values of overlapping windows show.
    n_frequencies = int(min(0.41 * n ** (2 / 3), n / (2 * overlap)))
    if n_frequencies < 2:
        return _tie(n, f"too few to test a difference: {n} windows, {overlap} in a row share values")
    if not np.ptp(difference):
        return _tie(n, "the losses differ by the same amount in every window")
    time = (np.arange(n) + 0.5) / n
    centred = difference - difference.mean()
    powers = [2.0 / n * float(centred @ np.cos(np.pi * j * time)) ** 2 for j in range(1, n_frequencies + 1)]
    statistic = difference.mean() / np.sqrt(np.mean(powers) / n)
    p_value = float(2.0 * stats.t.sf(abs(statistic), df=n_frequencies))

    block = min(n, max(2 * overlap, int(np.ceil(n ** (1 / 3)))))
    low, high = _block_bootstrap(difference, block=block, alpha=alpha, seed=seed)
    mean = float(difference.mean())
    sure = p_value < alpha and not low <= 0.0 <= high
    base = float(second.mean())
    return Comparison(
        winner=("first" if mean < 0 else "second") if sure else "tie",
        n_windows=n,
        difference=mean,
        relative=mean / base if base else None,
        p_value=p_value,
        interval=(low, high),
        reason=None,
    )


def _tie(n_windows: int, reason: str) -> Comparison:
    return Comparison("tie", n_windows, None, None, None, None, reason)


def _block_bootstrap(difference: Float64, *, block: int, alpha: float, seed: int) -> tuple[float, float]:
    """Return the interval of the mean from circular blocks that keep neighbours together."""
    n, n_resamples = len(difference), 2000
    n_blocks = -(-n // block)
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((difference, difference[:block])))))
    block_means = (sums[block : block + n] - sums[:n]) / block
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK_DRAWS // n_blocks)
    means = [
        block_means[rng.integers(0, n, (min(size, n_resamples - done), n_blocks))].mean(axis=1)
        for done in range(0, n_resamples, size)
    ]
    low, high = np.quantile(np.concatenate(means), [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
