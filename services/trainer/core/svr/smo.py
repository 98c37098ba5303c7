"""The dual of support vector regression, compiled: sequential minimal optimisation on a working set.

With beta the difference of the two multipliers of a window, the dual is

    minimise  0.5 b'Kb - y'b + epsilon |b|_1   where  sum(b) = 0  and  |b_k| <= C.

Raising b_k changes the objective by its ``up`` slope, lowering it by minus its ``down`` slope; they differ
by 2 epsilon where b_k is zero. At the optimum no ``up`` slope lies below any ``down`` slope. A step raises
the window with the lowest ``up`` slope and lowers the one that gains most to second order (Fan, Chen, Lin
2005), never past zero, a bound, or the minimum between them.

Compiled when this module is imported, which takes seconds; import it where a fit needs it.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

BLOCK = 64  # windows whose extreme slopes are kept together: finding one is a search among blocks, then in it
FLAT = 1e-12  # curvature of a direction that has none, or a negative one (sigmoid kernels)

_KERNEL = "float32[:,::1]"
_VALUES = "float64[::1]"
_INDICES = "int64[::1]"


def compiled(signature: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile for one signature, now; nothing is kept on the disk (numba would pickle it)."""
    jit: Callable[[Callable[P, R]], Callable[P, R]] = numba.njit(
        signature, fastmath={"nsz", "contract", "reassoc", "arcp"}, nogil=True, error_model="numpy"
    )
    return jit


@compiled("float64(float64, float64, float64, float64)")
def slope_up(gradient: float, beta: float, C: float, epsilon: float) -> float:
    """Return how the objective changes when one value rises; infinite at its upper bound."""
    if beta >= C:
        return np.inf
    return gradient + epsilon if beta >= 0.0 else gradient - epsilon


@compiled("float64(float64, float64, float64, float64)")
def slope_down(gradient: float, beta: float, C: float, epsilon: float) -> float:
    """Return minus how the objective changes when one value falls; minus infinite at its lower bound."""
    if beta <= -C:
        return -np.inf
    return gradient + epsilon if beta > 0.0 else gradient - epsilon


@compiled(f"int64({_KERNEL}, {_VALUES}, {_VALUES}, float64, float64, float64, int64)")
def descend(
    kernel: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    gradient: np.ndarray[tuple[int], np.dtype[np.float64]],
    beta: np.ndarray[tuple[int], np.dtype[np.float64]],
    C: float,
    epsilon: float,
    tolerance: float,
    most_steps: int,
) -> int:
    """Optimise ``beta`` in place until the slopes overlap by less than ``tolerance``; return the steps taken.

    Parameters
    ----------
    kernel
        Shape (n, n) of the windows of the working set.
    gradient
        ``K b - y`` at the start, shape (n,); used up.
    """
    n = len(beta)
    n_blocks = (n + BLOCK - 1) // BLOCK
    up, down = np.empty(n), np.empty(n)
    diagonal = np.empty(n, np.float32)
    for k in range(n):
        diagonal[k] = kernel[k, k]
        up[k] = slope_up(gradient[k], beta[k], C, epsilon)
        down[k] = slope_down(gradient[k], beta[k], C, epsilon)
    lowest, highest, gains = np.empty(n_blocks), np.empty(n_blocks), np.empty(n_blocks)
    i, j, step, n_steps = 0, 0, 0.0, 0
    while True:
        row_i, row_j = kernel[i], kernel[j]
        for block in range(n_blocks):
            low, high = np.inf, -np.inf
            for k in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
                change = step * (row_i[k] - row_j[k])
                gradient[k] += change
                up[k] += change
                down[k] += change
                low, high = min(low, up[k]), max(high, down[k])
            lowest[block], highest[block] = low, high

        i = int(np.argmin(lowest)) * BLOCK
        low, high = lowest.min(), highest.max()
        if high - low < tolerance or n_steps >= most_steps:
            return n_steps
        while up[i] != low:
            i += 1
        row_i = kernel[i]
        for block in range(n_blocks):
            best = 0.0
            for k in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
                fall = max(down[k] - low, 0.0)
                curvature = max(diagonal[i] + diagonal[k] - 2.0 * row_i[k], FLAT)
                best = max(best, fall * fall / curvature)
            gains[block] = best
        start = int(np.argmax(gains)) * BLOCK
        best = -1.0
        for k in range(start, min(n, start + BLOCK)):
            fall = max(down[k] - low, 0.0)
            gain = fall * fall / max(diagonal[i] + diagonal[k] - 2.0 * row_i[k], FLAT)
            if gain > best:
                best, j = gain, k

        room_i = -beta[i] if beta[i] < 0.0 else C - beta[i]
        room_j = beta[j] if beta[j] > 0.0 else beta[j] + C
        step = (down[j] - low) / max(diagonal[i] + diagonal[j] - 2.0 * row_i[j], FLAT)
        step = min(step, room_i, room_j)
        # Whoever reaches zero or a bound is there exactly, whatever the rounding.
        beta[i] = beta[i] + step if step < room_i else (0.0 if beta[i] < 0.0 else C)
        beta[j] = beta[j] - step if step < room_j else (0.0 if beta[j] > 0.0 else -C)
        for k in (i, j):
            up[k] = slope_up(gradient[k], beta[k], C, epsilon)
            down[k] = slope_down(gradient[k], beta[k], C, epsilon)
        n_steps += 1


@compiled(f"void({_KERNEL}, {_INDICES}, {_INDICES}, {_KERNEL})")
def gather(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
    columns: np.ndarray[tuple[int], np.dtype[np.int64]],
    out: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    """Write ``rows[places][:, columns]`` into ``out``, without the copy of whole rows that would take."""
    for a in range(len(places)):
        row = rows[places[a]]
        for b in range(len(columns)):
            out[a, b] = row[columns[b]]


@compiled(f"void({_KERNEL}, {_INDICES}, {_VALUES}, {_VALUES})")
def spread(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    total: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    """Add ``weights @ rows[places]`` to ``total``, a strip of columns at a time that stays in the cache."""
    for start in range(0, len(total), 2048):
        strip = total[start : start + 2048]
        for a in range(len(places)):
            row, weight = rows[places[a], start : start + 2048], weights[a]
            for k in range(len(strip)):
                strip[k] += weight * row[k]
