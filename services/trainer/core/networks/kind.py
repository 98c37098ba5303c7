"""The four neural kinds. Keras, which takes seconds to import, is imported by the functions that need it."""

import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, assert_never

import onnx
from onnx import helper

from services.trainer.core.linear.kind import to_onnx as linear_to_onnx
from services.trainer.core.model import Fitted, OnProgress, ignore_progress
from services.trainer.core.model_kind import FLOAT32, Choice, Dimension, FitSize, ModelKind, Range
from services.trainer.core.onnx_graph import OPSET, Graph
from shared.contracts.kinds import ArLstmSpec, CnnSpec, DenseSpec, LstmSpec
from shared.windows.samples import Layout, Samples

if TYPE_CHECKING:
    from services.trainer.core.networks.fit import NeuralModel

NeuralKind = DenseSpec | CnnSpec | LstmSpec | ArLstmSpec
NeuralT = TypeVar("NeuralT", DenseSpec, CnnSpec, LstmSpec, ArLstmSpec)

WEIGHT_COPIES = 6  # weights, gradient, two moments of Adam, the best epoch's, one to write them down
ACTIVATION_COPIES = 3  # forward, gradient, workspace
EVALUATED_WINDOWS = 1024


def fit(
    spec: NeuralKind,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train a network; see ``fit_neural``."""
    from services.trainer.core.networks.fit import fit_neural

    return fit_neural(spec, train, validation, layout, on_progress=on_progress, checkpoint=checkpoint)


def to_onnx(graph: Graph, model: "NeuralModel", x: str) -> str:
    """Append what keras exports, under a prefix, fed with the windows and the linear forecast."""
    inputs = [x] if model.base is None else [x, linear_to_onnx(graph, model.base, x)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        model.network.export(path, format="onnx", verbose=False, opset_version=OPSET)
        network = onnx.compose.add_prefix(onnx.load(path), "network/").graph
    for ours, theirs in zip(inputs, network.input, strict=True):
        graph.nodes.append(helper.make_node("Identity", [ours], [theirs.name]))
    graph.nodes.extend(network.node)
    graph.constants.extend(network.initializer)
    return str(network.output[0].name)


def save_network(model: "NeuralModel", layout: Layout, path: Path) -> None:
    """Write the network: scaled windows, and the scaled linear forecast if it corrects one."""
    model.network.save(path)


def fit_bytes(spec: NeuralKind, size: FitSize) -> int:
    """Count copies of the samples with linear forecasts and of the weights, and one batch.

    Samples are copied once to the backend, and once before to lie behind each other, for the refit.
    """
    copies = 2 if spec.refit else 1
    linear_forecasts = size.n_windows * size.forecast
    at_once = max(spec.batch_size, EVALUATED_WINDOWS)
    weights, activations = n_values(spec, size)
    per_window = size.window + activations
    values = weights * WEIGHT_COPIES + at_once * per_window * ACTIVATION_COPIES
    return copies * (size.samples_bytes + linear_forecasts * FLOAT32) + values * FLOAT32


def n_values(spec: NeuralKind, size: FitSize) -> tuple[int, int]:
    """Count the weights of a network, and the intermediate values of one window."""
    match spec:
        case DenseSpec():
            widths = [size.window, *spec.layers, size.forecast]
            return sum(a * b + b for a, b in pairwise(widths)), sum(spec.layers) + size.forecast
        case CnnSpec():
            widths = [size.n_inputs, *spec.layers]
            kernels = sum(spec.kernel_size * a * b + b for a, b in pairwise(widths))
            head = pooled(size.input_steps, len(spec.layers)) * widths[-1] * size.forecast
            steps = (pooled(size.input_steps, depth) for depth in range(len(spec.layers)))
            maps = sum(2 * n * units for n, units in zip(steps, spec.layers, strict=True))
            return kernels + head, maps + size.forecast
        case LstmSpec() | ArLstmSpec():
            widths = [size.n_inputs + size.n_outputs, *spec.layers]
            cells = sum(4 * b * (a + b + 1) for a, b in pairwise(widths))
            head = widths[-1] * (size.forecast if isinstance(spec, LstmSpec) else size.n_outputs)
            rolled = size.output_steps if isinstance(spec, ArLstmSpec) else 0
            states = (size.input_steps + rolled) * sum(6 * units for units in spec.layers)
            return cells + head, states + size.forecast
        case _:
            assert_never(spec)


def pooled(n_steps: int, depth: int) -> int:
    """Return the steps left after ``depth`` poolings.

    >>> [pooled(5, depth) for depth in range(4)]
    [5, 2, 1, 1]
    """
    return max(n_steps >> depth, 1)


_SPACE: Mapping[str, Dimension] = {
    "learning_rate": Range(2e-4, 1e-2),
    "layers": Choice(((32,), (64,), (128,), (256,), (64, 64))),
    "batch_size": Choice((32, 64, 128, 256)),
}


def _neural(spec: type[NeuralT]) -> "ModelKind[NeuralT, NeuralModel]":
    """Return a neural kind: they differ by their specs and their networks only."""

    def model() -> "type[NeuralModel]":
        from services.trainer.core.networks.fit import neural_model

        return neural_model(spec)

    return ModelKind(
        spec=spec,
        fit=fit,
        model=model,
        to_onnx=to_onnx,
        fit_bytes=fit_bytes,
        files={"keras": save_network},
        on_request={"h5": save_network},
        space={**_SPACE, **({"kernel_size": Choice((3, 5, 7))} if issubclass(spec, CnnSpec) else {})},
        slow_import="services.trainer.core.networks.fit",
    )


DENSE, CNN, LSTM, AR_LSTM = _neural(DenseSpec), _neural(CnnSpec), _neural(LstmSpec), _neural(ArLstmSpec)
