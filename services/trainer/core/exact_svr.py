"""Exact support vector regressors, one per target.

The targets of a forecast share their windows, so they share the kernel matrix too: while it fits into
memory it is computed once, by matrix products, and as many targets are solved side by side as there are
threads. A single thread is better served by the vectorised solver. Both end at LIBSVM's tolerance.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.svm import SVR
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # has neither stubs nor py.typed

from services.trainer.core.kernels import BLOCK_VALUES, KernelFunction
from shared.contracts.kinds import SvrDirectSpec
from shared.timeseries.arrays import Float32, Float64

try:  # the same problem on the vector units of x86, twice as fast; used by name, nothing is patched
    from sklearnex import svm as vectorised
except ImportError:
    from sklearn import svm as vectorised

EXACT_WORK = 1.5e9  # windows^2 * targets up to which SVR_dir is solved exactly: about 20 s on two cores
SHARED_WINDOWS = 12_000  # up to which the kernel matrix is kept: 1.1 GB
CACHE_MB, SHARED_CACHE_MB = 1000, 200  # rows of a kept matrix are quickly read again

Solution = tuple[Float64, Float64, float]  # indices of support vectors, their coefficients, intercept


def solve_targets(
    spec: SvrDirectSpec,
    function: KernelFunction,
    x: Float32,
    y: Float32,
    *,
    on_target: Callable[[int], None] = lambda n_done: None,
    threads: int | None = None,
) -> tuple[Float64, Float64]:
    """Solve every target.

    Parameters
    ----------
    x, y
        Shapes (n_windows, p) and (n_windows, n_targets).
    on_target
        Called with the number of targets that are solved.
    threads
        Targets solved side by side; None = as many as the numeric libraries may use.

    Returns
    -------
    coefficients
        Shape (n_windows, n_targets), zero where a window does not support a target.
    intercept
        Shape (n_targets,).
    """
    coefficients, intercept = np.zeros((len(x), y.shape[1])), np.zeros(y.shape[1])
    threads = min(threads or usable_threads(), y.shape[1])
    shared = threads > 1 and len(x) <= SHARED_WINDOWS
    solutions = _side_by_side(spec, function, x, y, threads) if shared else _one_by_one(spec, function, x, y)
    for target, (support, weights, offset) in enumerate(solutions):
        coefficients[support, target], intercept[target] = weights, offset
        on_target(target + 1)
    return coefficients, intercept


def usable_threads() -> int:
    """Return how many threads the numeric libraries of this process may use."""
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


def _side_by_side(
    spec: SvrDirectSpec, function: KernelFunction, x: Float32, y: Float32, threads: int
) -> Iterator[Solution]:
    """Solve targets on a common kernel matrix; LIBSVM lets other threads run meanwhile."""
    kernel = kernel_matrix(function, x)

    def solve(target: int) -> Solution:
        solver = SVR(kernel="precomputed", C=spec.C, epsilon=spec.epsilon, cache_size=SHARED_CACHE_MB)
        return _solution(solver.fit(kernel, y[:, target]))

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(solve, range(y.shape[1]))


def _one_by_one(spec: SvrDirectSpec, function: KernelFunction, x: Float32, y: Float32) -> Iterator[Solution]:
    """Solve targets with a kernel that is computed where it is needed."""
    for target in range(y.shape[1]):
        solver = vectorised.SVR(
            kernel=spec.kernel,
            C=spec.C,
            epsilon=spec.epsilon,
            gamma=function.gamma,
            degree=spec.degree,
            coef0=0.0,
            cache_size=CACHE_MB,
        )
        yield _solution(solver.fit(x, y[:, target]))


def kernel_matrix(function: KernelFunction, x: Float32) -> Float64:
    """Return the kernel between all windows, shape (n, n), as LIBSVM takes it."""
    kernel = np.empty((len(x), len(x)))
    rows = max(1, BLOCK_VALUES // (8 * len(x)))  # blocks that stay near the processor
    for start in range(0, len(x), rows):
        kernel[start : start + rows] = function(x[start : start + rows], x)
    return kernel


def _solution(solver: SVR) -> Solution:
    return solver.support_, solver.dual_coef_.ravel(), float(np.ravel(solver.intercept_)[0])
