"""Multi-output support vector regression: one tube around the whole forecast.

Perez-Cruz et al. (2002) and Tuia et al. (2011) measure the error of a window by the length u of its error
vector over all targets and minimise  0.5 |W|^2 + C sum max(0, u - epsilon)^2  by iteratively reweighted
least squares: windows inside the tube weigh nothing, the others 2 C (u - epsilon) / u.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from shared.series.arrays import Float32, Float64

MOST_ITERATIONS = 60
TOLERANCE = 1e-6  # relative fall of the objective below which the fit ends
SHORTEST_STEP = 1e-4


@dataclass(frozen=True)
class JointTubeFit:
    """Weights (n_features, n_targets), intercept (n_targets,), the objective's course, windows outside."""

    weights: Float32
    intercept: Float32
    objective: list[float]
    n_support: int


def fit_joint_tube(
    features: Float32,
    y: Float32,
    *,
    C: float,
    epsilon: float,
    on_iteration: Callable[[int, float], None] = lambda iteration, objective: None,
) -> JointTubeFit:
    """Fit all targets with the joint loss.

    Parameters
    ----------
    features, y
        Shapes (n, n_features) and (n, n_targets).
    epsilon
        Radius of the tube: errors of a window shorter than it cost nothing.
    """
    # A last column of ones carries the intercept, which the penalty leaves out.
    design = np.concatenate([features, np.ones((len(features), 1), np.float32)], axis=1)
    weights = np.zeros((design.shape[1], y.shape[1]))
    weights[-1] = y.mean(axis=0, dtype=np.float64)
    length, value = _objective(design, y, weights, C, epsilon)
    course = [value]
    for iteration in range(1, MOST_ITERATIONS + 1):
        if not (length > epsilon).any():
            break  # every window lies inside the tube: nothing pulls any more
        # The weighted least squares problem the loss looks like from here.
        outside = length > epsilon
        weight = (2.0 * C * (length[outside] - epsilon) / length[outside]).astype(np.float32)
        rows, truth = (design, y) if outside.all() else (design[outside], y[outside])
        weighted = rows * weight[:, None]
        gram = (weighted.T @ rows).astype(np.float64)
        gram.flat[: -1 : len(gram) + 1] += 1.0
        gram[-1, -1] += 1e-9  # solvable even when hardly any window is outside
        right = (weighted.T @ truth).astype(np.float64)
        step = scipy.linalg.solve(gram, right, assume_a="pos", check_finite=False) - weights
        weights, length, value = _descend(design, y, weights, step, course[-1], C=C, epsilon=epsilon)
        course.append(value)
        on_iteration(iteration, value)
        if course[-2] - value <= TOLERANCE * abs(value):
            break
    n_support = int((length > epsilon).sum())
    return JointTubeFit(weights[:-1].astype(np.float32), weights[-1].astype(np.float32), course, n_support)


def _objective(
    design: Float32, y: Float32, weights: Float64, C: float, epsilon: float
) -> tuple[Float64, float]:
    """Return (error length of each window, value of the objective)."""
    error = y - design @ weights.astype(np.float32)
    length = np.sqrt(np.einsum("nq,nq->n", error, error, dtype=np.float64))
    outside = np.maximum(length - epsilon, 0.0)
    return length, 0.5 * float(np.sum(weights[:-1] ** 2)) + C * float(outside @ outside)


def _descend(
    design: Float32, y: Float32, weights: Float64, step: Float64, value: float, *, C: float, epsilon: float
) -> tuple[Float64, Float64, float]:
    """Halve the step until the objective falls; stay when it does not fall any more."""
    size = 1.0
    while size > SHORTEST_STEP:
        moved = weights + size * step
        length, new_value = _objective(design, y, moved, C, epsilon)
        if new_value < value:
            return moved, length, new_value
        size *= 0.5
    length, value = _objective(design, y, weights, C, epsilon)
    return weights, length, value
