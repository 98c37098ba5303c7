"""Linear regression with the epsilon-insensitive loss, for many targets at once.

Minimise per target  0.5 |w|^2 + C sum max(0, |y - F w - b| - epsilon)  by the alternating direction method of
multipliers: residuals and weights take turns, and in the eigenbasis of the features both turns are closed
forms. The dual point it carries along bounds how far the answer can be from the optimum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from shared.series.arrays import Float32

MOST_ITERATIONS = 400
CHECK_EVERY = 10
GAP = 2e-3  # relative duality gap at which the fit ends
RELAXATION = 1.6  # Boyd et al. 2011, section 3.4.3: 1.5 to 1.8 converge faster than 1


@dataclass(frozen=True)
class TubeFit:
    """Weights (n_features, n_targets), intercept (n_targets,) and how well they are known."""

    weights: Float32
    intercept: Float32
    gap: float
    n_iterations: int


def fit_tube(
    features: Float32,
    y: Float32,
    *,
    C: float,
    epsilon: float,
    on_iteration: Callable[[int, float], None] = lambda iteration, gap: None,
) -> TubeFit:
    """Fit all targets by shared features.

    Parameters
    ----------
    features, y
        Shapes (n, n_features) and (n, n_targets).
    on_iteration
        Called now and then with the iteration and the relative duality gap so far.
    """
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    values, rotation = scipy.linalg.eigh(((features - mean).T @ (features - mean)).astype(np.float64))
    basis = ((features - mean) @ rotation.astype(np.float32)).astype(np.float32)
    values = np.maximum(values, 0.0)[:, None]

    centre = np.median(y, axis=0)
    y = y - centre
    rho = C / max(float(np.abs(y).mean()), 1e-6)
    slack, dual = np.zeros_like(y), np.zeros_like(y)
    best, gap, iteration = (np.zeros((len(values), y.shape[1]), np.float32), np.zeros(y.shape[1])), np.inf, 0
    for iteration in range(1, MOST_ITERATIONS + 1):
        target = y - slack + dual
        weights = ((basis.T @ target) / (values + 1.0 / rho)).astype(np.float32)
        intercept = target.mean(axis=0)  # the basis has mean zero
        residual = y - basis @ weights - intercept
        moved = RELAXATION * residual + (1.0 - RELAXATION) * slack + dual
        # The proximal map of the loss: free inside the tube, pulled to it from outside.
        size, pull = np.abs(moved), C / rho
        shrunk = np.where(size > epsilon + pull, size - pull, np.minimum(size, epsilon))
        previous, slack = slack, np.copysign(shrunk, moved)
        dual = moved - slack
        if iteration % CHECK_EVERY == 0:
            new_gap = _relative_gap(basis, y, weights, residual, rho * dual, C=C, epsilon=epsilon)
            if new_gap < gap:
                gap, best = new_gap, (weights, intercept)
            on_iteration(iteration, gap)
            if gap < GAP:
                break
            factor = _balance(residual - slack, rho * (basis.T @ (slack - previous)), weights)
            rho, dual = rho * factor, dual / factor
    weights = rotation.astype(np.float32) @ best[0]
    return TubeFit(weights, (best[1] + centre - mean @ weights).astype(np.float32), float(gap), iteration)


def _relative_gap(
    basis: Float32,
    y: Float32,
    weights: Float32,
    residual: Float32,
    multipliers: Float32,
    *,
    C: float,
    epsilon: float,
) -> float:
    """(primal - dual) / primal over all targets; the multipliers are made feasible first."""
    outside = np.maximum(np.abs(residual) - epsilon, 0.0)
    primal = 0.5 * float(np.vdot(weights, weights)) + C * float(outside.sum(dtype=np.float64))
    feasible = multipliers - multipliers.mean(axis=0)
    feasible *= np.minimum(1.0, C / np.maximum(np.abs(feasible).max(axis=0), 1e-30))
    image = basis.T @ feasible
    gain = feasible * y - epsilon * np.abs(feasible)
    dual = float(gain.sum(dtype=np.float64)) - 0.5 * float(np.vdot(image, image))
    return (primal - dual) / max(primal, 1e-12)


def _balance(primal: Float32, dual: Float32, weights: Float32) -> float:
    """Factor for rho that keeps the two residuals of the method in step (Boyd et al., section 3.4.1)."""
    primal_size = float(np.linalg.norm(primal)) / np.sqrt(primal.size)
    dual_size = float(np.linalg.norm(dual)) / max(float(np.linalg.norm(weights)), 1e-12)
    if primal_size > 10.0 * dual_size:
        return 2.0
    return 0.5 if dual_size > 10.0 * primal_size else 1.0
