"""Second moments of windows: all that closed-form regression needs to know about its samples.

Two ways lead to the same numbers. Windows that slide over one series by one step share all but one value
with their neighbour, so a diagonal of their moment matrix follows from the one before it and the cost no
longer grows with the number of windows times the square of their length. Any other windows are multiplied
out in blocks.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.signal import fftconvolve

from shared.series.arrays import Float32, Float64

BLOCK_VALUES = 1 << 22  # numbers multiplied at once: 16 MB


@dataclass(frozen=True)
class Moments:
    """Sums over windows of the products of inputs x (p,) and targets y (q,)."""

    n: int
    xx: Float64  # (p, p)
    xy: Float64  # (p, q)
    yy: Float64  # (q,), the squares only
    x: Float64  # (p,)
    y: Float64  # (q,)

    @classmethod
    def zero(cls, p: int, q: int) -> Self:
        """Return the moments of no window."""
        return cls(0, np.zeros((p, p)), np.zeros((p, q)), np.zeros(q), np.zeros(p), np.zeros(q))

    def __add__(self, other: "Moments") -> "Moments":
        """Pool the windows of both."""
        return Moments(
            self.n + other.n,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
            self.x + other.x,
            self.y + other.y,
        )

    def last(self, n_inputs: int) -> "Moments":
        """Keep the last ``n_inputs`` inputs: a shorter lookback."""
        return Moments(
            self.n,
            self.xx[-n_inputs:, -n_inputs:],
            self.xy[-n_inputs:],
            self.yy,
            self.x[-n_inputs:],
            self.y,
        )

    def every(self, step: int) -> "Moments":
        """Keep every ``step``-th target: enough to compare candidates."""
        some = np.ascontiguousarray(self.xy[:, ::step])
        return Moments(self.n, self.xx, some, self.yy[::step], self.x, self.y[::step])

    def relative(self, level: Float64) -> "Moments":
        """Subtract a level, ``x @ level`` with ``level`` (p,), from inputs and targets alike."""
        with_level = self.xx @ level
        square = float(level @ with_level)
        to_target, sum_level = level @ self.xy, float(self.x @ level)
        return Moments(
            self.n,
            self.xx - with_level - with_level[:, None] + square,
            self.xy - with_level[:, None] - to_target + square,
            self.yy - 2.0 * to_target + square,
            self.x - sum_level,
            self.y - sum_level,
        )

    def mapped(self, to_x: Float64) -> "Moments":
        """Return the moments of ``x @ to_x`` beside the same targets; ``to_x`` has shape (p, p)."""
        return Moments(self.n, to_x.T @ self.xx @ to_x, to_x.T @ self.xy, self.yy, to_x.T @ self.x, self.y)

    def squared_error(self, weights: Float64) -> Float64:
        """Sum of squared errors of ``x @ weights`` per target, shape (q,)."""
        return np.asarray(self.yy + np.einsum("pq,pq->q", weights, self.xx @ weights - 2.0 * self.xy))


def window_moments(x: Float32 | Float64, y: Float32 | Float64) -> Moments:
    """Multiply windows out, block by block.

    Parameters
    ----------
    x, y
        Shapes (n_windows, p) and (n_windows, q); views are fine.
    """
    total = Moments.zero(x.shape[1], y.shape[1])
    rows = max(1, BLOCK_VALUES // (x.shape[1] + y.shape[1]))
    for start in range(0, len(x), rows):
        block_x = np.ascontiguousarray(x[start : start + rows], dtype=np.float64)
        block_y = np.ascontiguousarray(y[start : start + rows], dtype=np.float64)
        total += Moments(
            len(block_x),
            block_x.T @ block_x,
            block_x.T @ block_y,
            np.einsum("nq,nq->q", block_y, block_y),
            block_x.sum(axis=0),
            block_y.sum(axis=0),
        )
    return total


def sliding_moments(series: Float64, *, lookback: int, horizon: int) -> Moments:
    """Return the pooled moments of every window of every series.

    Parameters
    ----------
    series
        Shape (n_series, n_steps): every run of ``lookback + horizon`` steps is one window.

    >>> x, y = np.array([[0.0, 1.0], [1.0, 4.0]]), np.array([[4.0], [9.0]])
    >>> slid = sliding_moments(np.array([[0.0, 1.0, 4.0, 9.0]]), lookback=2, horizon=1)
    >>> np.allclose(slid.xy, window_moments(x, y).xy)
    True
    """
    width = lookback + horizon
    n = series.shape[1] - width + 1

    # products[i, j] sums series[s + i] * series[s + j] over the n window starts s.
    products = np.empty((width, width))
    first = sum(fftconvolve(row, row[n - 1 :: -1], mode="valid")[:width] for row in series)
    products[0] = products[:, 0] = first
    # Both indices up by one: the windows lose the product at their first start and gain one past the last.
    entering, leaving = series[:, n : n + width - 1], series[:, : width - 1]
    gain = entering.T @ entering - leaving.T @ leaving
    for i in range(width - 1):
        np.add(products[i, :-1], gain[i], out=products[i + 1, 1:])

    running = np.concatenate([[0.0], np.cumsum(series.sum(axis=0))])
    sums = running[n:] - running[:width]
    return Moments(
        n * len(series),
        products[:lookback, :lookback],
        products[:lookback, lookback:],
        np.diagonal(products)[lookback:].copy(),
        sums[:lookback],
        sums[lookback:],
    )
