"""A classical model as a fitted scikit-learn estimator, for others to use."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from skops import io as skops

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.svr.kernels import KernelModel


def save_skops(model: LinearModel | KernelModel, n_inputs: int, path: Path) -> None:
    """Write a model as a scikit-learn estimator in skops' format, which holds no code."""
    skops.dump(as_estimator(model, n_inputs), path)


def as_estimator(model: LinearModel | KernelModel, n_inputs: int) -> Any:
    """Return the same model as a fitted scikit-learn estimator.

    Its rows are flattened scaled windows, its predictions flattened scaled forecasts. A kernel expansion
    is what ``KernelRidge`` predicts with, however its weights were found; it has no intercept of its own,
    so a target transformer adds it.
    """
    if isinstance(model, LinearModel):
        weights, intercept = model.affine(n_inputs)
        linear = LinearRegression()
        linear.coef_, linear.intercept_, linear.n_features_in_ = weights.T, intercept, len(weights)
        return linear
    function = model.function
    expansion = KernelRidge(kernel=function.kernel, gamma=function.gamma, degree=function.degree, coef0=0)
    expansion.X_fit_, expansion.dual_coef_ = model.centres, model.weights
    expansion.n_features_in_ = model.centres.shape[1]
    shift = StandardScaler()
    shift.mean_, shift.scale_ = model.intercept.astype(np.float64), np.ones(len(model.intercept))
    shift.var_, shift.n_features_in_ = shift.scale_, len(model.intercept)
    estimator = TransformedTargetRegressor(regressor=KernelRidge(), transformer=StandardScaler())
    estimator.regressor_, estimator.transformer_, estimator._training_dim = expansion, shift, 2
    return estimator
