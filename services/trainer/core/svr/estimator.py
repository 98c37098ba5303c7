"""A kernel expansion as a fitted scikit-learn estimator, for others to use."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

from services.trainer.core.svr.kernels import KernelModel


def as_estimator(model: KernelModel) -> TransformedTargetRegressor:
    """Return the same model; its rows are flattened scaled windows, its predictions flattened forecasts.

    A kernel expansion is what ``KernelRidge`` predicts with, however its weights were found; it has no
    intercept of its own, so a target transformer adds it.
    """
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
