"""The two support-vector kinds: one regressor per step, or one for all steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

import numpy as np

from services.trainer.core.model_kind import FLOAT32, FLOAT64, Dimension, FitSize, ModelKind, Range
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.svr.fit import fit_svr_direct, fit_svr_mimo, is_exact
from services.trainer.core.svr.kernels import JointKernelModel, KernelModel
from shared.contracts.kinds import SvrDirectSpec, SvrMimoSpec, SvrSpec
from shared.windows.samples import Layout

MOST_CENTRES = 4096  # a kernel matrix of them at most, where the dual is not solved exactly


def to_onnx(graph: Graph, model: KernelModel, x: str) -> str:
    """Append the kernel between windows and centres, and the weights of the centres."""
    function, rows = model.function, graph.flat(x)
    product = graph.node("MatMul", rows, graph.float(model.centres.T))
    scaled = graph.node("Mul", product, graph.float(np.array(function.gamma)))
    match function.kernel:
        case "linear":
            kernel = product
        case "sigmoid":
            kernel = graph.node("Tanh", scaled)
        case "poly":
            kernel = graph.node("Pow", scaled, graph.float(np.array(function.degree)))
        case "rbf":
            axis = graph.constant(np.array([1]))
            own = graph.node("ReduceSumSquare", rows, axis, keepdims=1)
            centres = graph.float(np.einsum("np,np->n", model.centres, model.centres))
            doubled = graph.node("Mul", product, graph.float(np.array(-2.0)))
            distance = graph.node("Add", graph.node("Add", doubled, own), centres)
            distance = graph.node("Max", distance, graph.float(np.array(0.0)))
            kernel = graph.node("Exp", graph.node("Mul", distance, graph.float(np.array(-function.gamma))))
        case _:
            assert_never(function.kernel)
    return graph.steps(graph.affine(kernel, model.weights, model.intercept))


def save_skops(model: KernelModel, layout: Layout, path: Path) -> None:
    """Write the model as a scikit-learn estimator in skops' format, which holds no code."""
    # Imported here: skops and scikit-learn take a second that a fresh child does not have to wait.
    from skops import io as skops

    from services.trainer.core.svr.estimator import as_estimator

    skops.dump(as_estimator(model), path)


def features_bytes(spec: SvrSpec, size: FitSize) -> int:
    """Count a copy of the samples, flattened, and the kernel matrix of the centres."""
    return size.samples_bytes + min(size.n_train, MOST_CENTRES) ** 2 * FLOAT64


def direct_bytes(spec: SvrDirectSpec, size: FitSize) -> int:
    """Count the kernel rows and the working set of the exact solver, where it solves."""
    if not is_exact(size.n_train, size.forecast):
        return features_bytes(spec, size)
    rows_and_working_set = 2 * size.n_train**2 * FLOAT32
    return size.samples_bytes + rows_and_working_set + 3 * size.n_train * size.forecast * FLOAT64


# A kernel's width is searched away from "scale", which is the trial the model was asked for with.
SPACE: Mapping[str, Dimension] = {
    "C": Range(0.03, 100.0), "epsilon": Range(0.01, 0.5), "gamma": Range(1e-4, 1.0),
}  # fmt: skip

SVR_DIRECT = ModelKind(
    spec=SvrDirectSpec,
    fit=fit_svr_direct,
    model=lambda: KernelModel,
    to_onnx=to_onnx,
    fit_bytes=direct_bytes,
    files={"skops": save_skops},
    space=SPACE,
    slow_import="services.trainer.core.svr.exact",
)
SVR_MIMO = ModelKind(
    spec=SvrMimoSpec,
    fit=fit_svr_mimo,
    model=lambda: JointKernelModel,
    to_onnx=to_onnx,
    fit_bytes=features_bytes,
    files={"skops": save_skops},
    space=SPACE,
)
