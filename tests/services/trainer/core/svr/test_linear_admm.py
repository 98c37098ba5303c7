"""The two loss solvers against independent ones, and against their own optimality conditions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import SVR, LinearSVR

from services.trainer.core.svr.joint import fit_joint_tube
from services.trainer.core.svr.linear_admm import GAP, fit_tube
from shared.series.arrays import Float32, Float64


def problem(n_targets: int = 3, *, seed: int = 0) -> tuple[Float32, Float32]:
    """Features and targets with a known linear part and noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(150, 6))
    targets = features @ rng.normal(size=(6, n_targets)) + 0.3 * rng.normal(size=(150, n_targets)) + 2.0
    return features.astype(np.float32), targets.astype(np.float32)


@pytest.mark.parametrize(("C", "epsilon"), [(1.0, 0.1), (0.01, 0.3), (100.0, 0.01)])
def test_the_tube_is_that_of_scikit_learn_for_every_target(C: float, epsilon: float) -> None:
    features, y = problem()

    fitted = fit_tube(features, y, C=C, epsilon=epsilon)

    ours = features @ fitted.weights + fitted.intercept
    for target in range(3):
        reference = SVR(kernel="linear", C=C, epsilon=epsilon, tol=1e-6).fit(features, y[:, target])
        np.testing.assert_allclose(ours[:, target], reference.predict(features), atol=0.05)


def test_the_duality_gap_certifies_the_objective() -> None:
    features, y = problem(1)

    fitted = fit_tube(features, y, C=1.0, epsilon=0.1)

    def objective(weights: Float64, intercept: float) -> float:
        outside = np.maximum(np.abs(y[:, 0] - features @ weights - intercept) - 0.1, 0)
        return 0.5 * float(weights @ weights) + float(outside.sum())

    best = SVR(kernel="linear", C=1.0, epsilon=0.1, tol=1e-8).fit(features, y[:, 0])
    optimum = objective(best.coef_.ravel(), float(best.intercept_[0]))
    assert fitted.gap < GAP
    assert objective(fitted.weights[:, 0].astype(np.float64), float(fitted.intercept[0])) <= optimum * (
        1 + 1.5 * GAP
    )


def test_one_target_makes_the_joint_loss_the_squared_one_of_scikit_learn() -> None:
    features, y = problem(1)

    fitted = fit_joint_tube(features, y, C=2.0, epsilon=0.2)

    # scikit-learn also penalises the intercept, the less the larger its constant feature is.
    reference = LinearSVR(
        C=2.0,
        epsilon=0.2,
        loss="squared_epsilon_insensitive",
        intercept_scaling=100.0,
        tol=1e-9,
        max_iter=100_000,
    ).fit(features, y[:, 0])
    np.testing.assert_allclose(fitted.weights[:, 0], reference.coef_, atol=2e-3)
    assert fitted.intercept[0] == pytest.approx(float(np.ravel(reference.intercept_)[0]), abs=5e-3)


def test_the_joint_objective_is_stationary_where_the_fit_ends() -> None:
    features, y = problem(4, seed=1)
    C, epsilon = 0.7, 0.5

    fitted = fit_joint_tube(features, y, C=C, epsilon=epsilon)

    error = y - features @ fitted.weights - fitted.intercept
    length = np.linalg.norm(error, axis=1)
    pull = np.where(length > epsilon, 2 * C * (length - epsilon) / length, 0.0)[:, None] * error
    scale = np.abs(features.T @ np.abs(pull)).max()
    assert np.abs(fitted.weights - features.T @ pull).max() < 2e-3 * scale
    assert np.abs(pull.sum(axis=0)).max() < 2e-3 * np.abs(pull).sum()


def test_no_other_weights_reach_a_lower_joint_objective() -> None:
    features, y = problem(2, seed=2)

    def objective(flat: Float64) -> float:
        weights, intercept = flat[:12].reshape(6, 2), flat[12:]
        length = np.linalg.norm(y - features @ weights - intercept, axis=1)
        return 0.5 * float((weights**2).sum()) + float((np.maximum(length - 0.4, 0) ** 2).sum())

    fitted = fit_joint_tube(features, y, C=1.0, epsilon=0.4)

    ours = np.concatenate([fitted.weights.ravel(), fitted.intercept]).astype(np.float64)
    assert objective(ours) <= minimize(objective, ours, method="BFGS").fun * (1 + 1e-4)


def test_the_joint_objective_falls_at_every_iteration() -> None:
    features, y = problem(3)

    course = fit_joint_tube(features, y, C=10.0, epsilon=0.1).objective

    assert all(later <= earlier for earlier, later in pairwise(course))


def test_a_tube_wide_enough_for_everything_forecasts_a_constant() -> None:
    features, y = problem(2)

    fitted = fit_joint_tube(features, y, C=1.0, epsilon=1e3)

    assert fitted.n_support == 0
    np.testing.assert_array_equal(fitted.weights, 0)
