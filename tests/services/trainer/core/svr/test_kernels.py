"""Kernels and feature maps against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import pairwise_kernels

from services.trainer.core.svr.kernels import KERNELS, KernelFunction, fit_feature_map, resolve_kernel
from shared.contracts.kinds import Kernel, SvrSpec


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_that_of_scikit_learn(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=(15, 6)).astype(np.float32)

    values = KernelFunction(kernel, 0.2, 3)(x, z)

    settings = {"gamma": 0.2, "coef0": 0.0, "degree": 3}
    np.testing.assert_allclose(
        values, pairwise_kernels(x, z, kernel, filter_params=True, **settings), atol=1e-4
    )


def test_gamma_scale_is_one_over_features_times_variance() -> None:
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)

    assert resolve_kernel(SvrSpec(), x).gamma == pytest.approx(1 / (4 * x.var()), rel=1e-5)
    assert resolve_kernel(SvrSpec(gamma=0.3), x).gamma == 0.3


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf"])
def test_with_every_window_as_a_centre_the_features_reproduce_the_kernel(kernel: Kernel) -> None:
    x = np.random.default_rng(2).normal(size=(40, 8)).astype(np.float32)
    function = KernelFunction(kernel, 0.1, 2)

    features = fit_feature_map(function, x, n_centres=40, seed=0)

    phi = features(x)
    assert features.exact
    np.testing.assert_allclose(phi @ phi.T, function(x, x), atol=2e-3)


def test_fewer_centres_approximate_the_kernel_and_the_seed_decides_which() -> None:
    x = np.random.default_rng(3).normal(size=(300, 3)).astype(np.float32)
    function = KernelFunction("rbf", 0.1, 3)

    some = fit_feature_map(function, x, n_centres=60, seed=1)
    again = fit_feature_map(function, x, n_centres=60, seed=1)

    phi = some(x)
    assert not some.exact
    assert np.abs(phi @ phi.T - function(x, x)).mean() < 0.005
    np.testing.assert_array_equal(some.centres, again.centres)
