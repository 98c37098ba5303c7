"""A model as files: plain arrays to load it from, and formats for others to use it."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from skops import io as skops

from services.trainer.core.kernels import KernelModel
from services.trainer.core.kinds import model_class
from services.trainer.core.linear_model import LinearModel
from services.trainer.core.model import Model
from services.trainer.core.onnx_graph import to_onnx
from services.trainer.core.passport import layout_from_json, read_passport
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import NEURAL
from shared.timeseries.samples import Layout

ARRAYS = "model.npz"


def save_model(model: Model, layout: Layout, folder: Path, *, h5: bool = False) -> None:
    """Write a model in every format there is for its kind.

    ``model.npz`` is what we load: plain arrays, no code, no pickle. ``model.onnx`` is the whole way from
    original units to original units. ``model.keras`` (and ``model.h5`` on request) is the network of a
    neural kind: scaled windows, and the scaled linear forecast if it corrects one. ``model.skops`` is a
    scikit-learn estimator of flattened scaled windows.
    """
    np.savez(folder / ARRAYS, **model.to_arrays())  # type: ignore[arg-type]  # the stub means allow_pickle
    (folder / "model.onnx").write_bytes(to_onnx(Forecaster(model, layout)))
    if model.kind in NEURAL:
        _save_network(model, folder, h5=h5)
    elif isinstance(model, LinearModel | KernelModel):
        skops.dump(as_estimator(model, len(layout.inputs)), folder / "model.skops")


def _save_network(model: Any, folder: Path, *, h5: bool) -> None:
    """Write the network of a neural model, whose class is not imported here: it would bring keras."""
    for suffix in ("keras", "h5") if h5 else ("keras",):
        model.network.save(folder / f"model.{suffix}")


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


def load_forecaster(folder: Path, *, passport_sha256: str | None = None) -> Forecaster:
    """Return a stored model, after all its files were verified.

    Raises
    ------
    PassportViolated
        If a file differs from what the passport says.
    """
    passport = read_passport(folder, sha256=passport_sha256)
    layout = layout_from_json(passport.layout)
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Forecaster(model_class(passport.kind).from_arrays(arrays, layout), layout)
