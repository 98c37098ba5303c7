"""Exact support vector regression of many targets on the same windows.

A target is solved on working sets of the windows that violate the optimality conditions most, each by
`dual.descend`. Kernel rows are computed when a working set first needs them, and serve every target after.
Windows and targets overlap: what supports step h of a forecast tells, one window later, what supports step
h + 1, so a target can start from its neighbour's solution.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.trainer.core.svr.kernels import KernelFunction
from services.trainer.core.svr.smo import descend, gather, spread
from shared.series.arrays import Float32, Float64

TOLERANCE = 1e-3  # of the optimality conditions, in the target's unit; LIBSVM's
WORKING_SET = 2048  # windows solved together at first
WIDER = 1.5  # the working set grows by this whenever it gained little: all windows, in the end
LITTLE = 0.7
INNER_SHARE = 0.3  # of the violation that is left over by one working set
MOST_STEPS = 10_000_000  # of one target, as in LIBSVM
ROWS_AT_ONCE = 256

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class DualFit:
    """Coefficients of the windows (n,), what they add up to at every window (n,), and the intercept."""

    beta: Float64
    image: Float64  # kernel matrix @ beta
    intercept: float
    n_steps: int
    violation: float

    @property
    def converged(self) -> bool:
        """Whether the optimality conditions hold to the tolerance."""
        return self.violation < TOLERANCE


class KernelRows:
    """Rows of the kernel matrix of some windows, computed when first asked for and kept."""

    def __init__(self, function: KernelFunction, x: Float32) -> None:
        self._function, self._x = function, x
        # Pages of an empty array cost nothing until they are written.
        self.kept = np.empty((len(x), len(x)), dtype=np.float32)
        self._place = np.full(len(x), -1, dtype=np.int64)
        self._n_kept = 0

    def places(self, windows: Indices) -> Indices:
        """Return where in ``kept`` the rows of these windows are."""
        new = windows[self._place[windows] < 0]
        for start in range(0, len(new), ROWS_AT_ONCE):
            some = new[start : start + ROWS_AT_ONCE]
            stop = self._n_kept + len(some)
            self.kept[self._n_kept : stop] = self._function(self._x[some], self._x)
            self._place[some] = np.arange(self._n_kept, stop)
            self._n_kept = stop
        return self._place[windows]


class ExactRegression:
    """Solver of one target after the other on the same windows."""

    def __init__(self, function: KernelFunction, x: Float32, *, C: float, epsilon: float) -> None:
        self._rows = KernelRows(function, x)
        self._C, self._epsilon = C, epsilon
        self._square = np.empty(0, dtype=np.float32)  # of the working set, kept: fresh pages are slow

    def fit(
        self,
        y: Float64,
        *,
        like: DualFit | None = None,
        on_round: Callable[[float], None] = lambda violation: None,
    ) -> DualFit:
        """Solve for one target of shape (n,).

        Parameters
        ----------
        like
            The solution of the forecast step before: a start, taken if it is better than none.
        on_round
            Called with the largest violation of the optimality conditions that is left.
        """
        beta, image = self._start(y, like)
        epsilon = self._epsilon
        size, before, n_steps = min(WORKING_SET, len(y)), np.inf, 0
        while True:
            # The up and down slopes of all windows, as `smo.slope_up` and `smo.slope_down` tell them of one.
            gradient = image - y
            up = np.where(beta < self._C, gradient + np.where(beta >= 0.0, epsilon, -epsilon), np.inf)
            down = np.where(beta > -self._C, gradient + np.where(beta > 0.0, epsilon, -epsilon), -np.inf)
            low, high = float(up.min()), float(down.max())
            violation = high - low
            if violation < TOLERANCE or n_steps >= MOST_STEPS:
                return DualFit(beta, image, -(low + high) / 2.0, n_steps, violation)
            on_round(violation)
            if violation > LITTLE * before:
                size = min(int(WIDER * size), len(y))
            before = violation
            n_steps += self._improve(
                _violators(up, down, size),
                y,
                beta,
                image,
                tolerance=max(TOLERANCE / 2.0, INNER_SHARE * violation),
                most_steps=MOST_STEPS - n_steps,
            )

    def _improve(
        self, chosen: Indices, y: Float64, beta: Float64, image: Float64, *, tolerance: float, most_steps: int
    ) -> int:
        """Optimise the coefficients of some windows in place, all others fixed; return the steps taken."""
        places = self._rows.places(chosen)
        n = len(chosen)
        if self._square.size < n * n:
            self._square = np.empty(n * n, dtype=np.float32)
        kernel = self._square[: n * n].reshape(n, n)
        gather(self._rows.kept, places, chosen, kernel)
        new = beta[chosen]
        n_steps = descend(
            kernel, image[chosen] - y[chosen], new, self._C, self._epsilon, tolerance, most_steps
        )
        change = new - beta[chosen]
        moved = np.flatnonzero(change)
        spread(self._rows.kept, places[moved], change[moved], image)
        beta[chosen] = new
        return n_steps

    def _start(self, y: Float64, like: DualFit | None) -> tuple[Float64, Float64]:
        """Return coefficients to start from and their image: the neighbour's, a window later, or zero."""
        if like is not None:
            # Rolled, so that they still sum to zero: what leaves at one end comes in at the other.
            beta, image = np.roll(like.beta, -1), like.image.copy()
            change = beta - like.beta
            moved = np.flatnonzero(change)
            spread(self._rows.kept, self._rows.places(moved), change[moved], image)
            # The dual objective, which is zero for coefficients that are all zero.
            if 0.5 * (beta @ image) - y @ beta + self._epsilon * np.abs(beta).sum() < 0.0:
                return beta, image
        return np.zeros(len(y)), np.zeros(len(y))


def _violators(up: Float64, down: Float64, size: int) -> Indices:
    """Return the windows with the lowest up and the highest down slopes, at most ``size``, in order."""
    half = size // 2
    if 2 * half >= len(up):
        return np.arange(len(up))
    raised = np.argpartition(up, half)[:half]
    lowered = np.argpartition(-down, half)[:half]
    return np.union1d(raised[up[raised] < down.max()], lowered[down[lowered] > up.min()])
