"""The exact solver: optimality for any data, scikit-learn as the oracle, starts and working sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVR

import services.trainer.core.svr.exact as exact_svr
from services.trainer.core.svr.exact import DualFit, ExactRegression
from services.trainer.core.svr.kernels import KERNELS, KernelFunction
from shared.contracts.kinds import Kernel
from shared.series.arrays import Float32, Float64

RBF = KernelFunction("rbf", 0.05, 3)


def problem(n: int, seed: int) -> tuple[Float32, Float64]:
    """Return overlapping windows of a noisy wave and what follows each of them."""
    rng = np.random.default_rng(seed)
    series = np.sin(np.arange(n + 12) * 0.35) + 0.3 * rng.standard_normal(n + 12)
    windows = np.lib.stride_tricks.sliding_window_view(series, 10)[:n]
    return windows.astype(np.float32), series[10 : n + 10]


def objective(kernel: Float64, fit: DualFit, y: Float64, epsilon: float) -> float:
    """Return the dual objective, from its definition."""
    return float(0.5 * fit.beta @ kernel @ fit.beta - y @ fit.beta + epsilon * np.abs(fit.beta).sum())


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 150),
    seed=st.integers(0, 999),
    C=st.sampled_from([0.001, 0.1, 1.0, 30.0, 1000.0]),
    epsilon=st.sampled_from([0.001, 0.1, 1.0]),
    kernel=st.sampled_from(KERNELS),
)
def test_whatever_the_data_the_optimality_conditions_hold(
    n: int, seed: int, C: float, epsilon: float, kernel: Kernel
) -> None:
    x, y = problem(n, seed)
    function = KernelFunction(kernel, 0.05, 2)

    fit = ExactRegression(function, x, C=C, epsilon=epsilon).fit(y)

    assert fit.converged
    assert np.abs(fit.beta).max() <= C
    assert abs(fit.beta.sum()) <= 1e-9 * C * n
    image = function(x, x).astype(np.float64) @ fit.beta
    np.testing.assert_allclose(fit.image, image, atol=1e-6 * max(1.0, np.abs(fit.beta).sum()))
    error = y - fit.image - fit.intercept
    slack = exact_svr.TOLERANCE
    assert (np.abs(error[fit.beta == 0.0]) <= epsilon + slack).all()
    inside = (fit.beta != 0.0) & (np.abs(fit.beta) < C)
    np.testing.assert_allclose(error[inside], epsilon * np.sign(fit.beta[inside]), atol=slack)
    at_bound = np.abs(fit.beta) == C
    assert (error[at_bound] * np.sign(fit.beta[at_bound]) >= epsilon - slack).all()


@pytest.mark.parametrize("C", [0.1, 1.0, 50.0])
def test_the_solution_is_as_good_as_scikit_learns(C: float) -> None:
    x, y = problem(400, seed=5)
    kernel = RBF(x, x).astype(np.float64)

    ours = ExactRegression(RBF, x, C=C, epsilon=0.1).fit(y)

    theirs = SVR(C=C, epsilon=0.1, gamma=RBF.gamma).fit(x, y)
    beta = np.zeros(len(y))
    beta[theirs.support_] = theirs.dual_coef_.ravel()
    reference = DualFit(beta, kernel @ beta, float(theirs.intercept_[0]), 0, 0.0)
    best = objective(kernel, reference, y, 0.1)
    assert objective(kernel, ours, y, 0.1) == pytest.approx(best, rel=1e-4)
    np.testing.assert_allclose(kernel @ ours.beta + ours.intercept, theirs.predict(x), atol=2e-3)


def test_small_working_sets_grow_until_they_reach_the_same_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = problem(300, seed=1)
    whole = ExactRegression(RBF, x, C=2.0, epsilon=0.01).fit(y)

    monkeypatch.setattr(exact_svr, "WORKING_SET", 8)
    pieces = ExactRegression(RBF, x, C=2.0, epsilon=0.01).fit(y)

    assert pieces.converged
    np.testing.assert_allclose(pieces.image + pieces.intercept, whole.image + whole.intercept, atol=3e-3)


def test_a_neighbours_solution_saves_steps_and_changes_nothing() -> None:
    x, _ = problem(500, seed=2)
    series = np.concatenate([x[:, 0], x[-1, 1:]]).astype(np.float64)
    first, second = series[8:-1][:490], series[9:][:490]  # what follows eight, and nine, steps after a start
    windows = np.ascontiguousarray(x[:490, :8])
    solver = ExactRegression(RBF, windows, C=1.0, epsilon=0.05)
    before = solver.fit(first)

    started = solver.fit(second, like=before)

    alone = ExactRegression(RBF, windows, C=1.0, epsilon=0.05).fit(second)
    assert started.n_steps < alone.n_steps
    np.testing.assert_allclose(started.image + started.intercept, alone.image + alone.intercept, atol=3e-3)


def test_a_start_worse_than_none_is_not_taken() -> None:
    x, y = problem(120, seed=3)
    solver = ExactRegression(RBF, x, C=1.0, epsilon=0.05)
    before = solver.fit(y)

    opposite = solver.fit(-np.roll(y, -1), like=before)

    alone = ExactRegression(RBF, x, C=1.0, epsilon=0.05).fit(-np.roll(y, -1))
    np.testing.assert_array_equal(opposite.beta, alone.beta)


def test_a_fit_that_does_not_end_says_that_it_has_not_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = problem(200, seed=4)
    monkeypatch.setattr(exact_svr, "MOST_STEPS", 20)

    fit = ExactRegression(RBF, x, C=1000.0, epsilon=0.001).fit(y)

    assert (fit.n_steps, fit.converged) == (20, False)
    assert fit.violation > exact_svr.TOLERANCE
