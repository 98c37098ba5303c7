"""The linear kind."""

from pathlib import Path

from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model_kind import FLOAT64, FitSize, ModelKind
from services.trainer.core.onnx_graph import Graph
from shared.contracts.kinds import LinearSpec
from shared.windows.samples import Layout


def to_onnx(graph: Graph, model: LinearModel, x: str) -> str:
    """Append the model as one matrix on the flattened window."""
    return graph.steps(graph.affine(graph.flat(x), *model.affine(len(graph.layout.inputs))))


def save_skops(model: LinearModel, layout: Layout, path: Path) -> None:
    """Write the model as a scikit-learn estimator in skops' format, which holds no code."""
    # Imported here: skops and scikit-learn take a second that a fresh child does not have to wait.
    from skops import io as skops

    from services.trainer.core.linear.estimator import as_estimator

    skops.dump(as_estimator(model, len(layout.inputs)), path)


def fit_bytes(spec: LinearSpec, size: FitSize) -> int:
    """Count the second moments of training part, validation part and both."""
    return 3 * (size.window + size.forecast) ** 2 * FLOAT64


LINEAR = ModelKind(
    spec=LinearSpec,
    fit=fit_linear,
    model=lambda: LinearModel,
    to_onnx=to_onnx,
    fit_bytes=fit_bytes,
    files={"skops": save_skops},
)
