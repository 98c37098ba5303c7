"""A model as one ONNX graph, from windows in original units to forecasts in original units."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.trainer.core.baselines import ReferenceModel
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Model
from services.trainer.core.predict import Forecaster
from services.trainer.core.svr.kernels import KernelModel
from shared.windows.samples import Layout
from shared.windows.scaling import Scaler

OPSET = 18
IR_VERSION = 9  # what runtimes of the last years read


@dataclass
class Graph:
    """Nodes and constants of a graph in the making; every method returns the name of a new tensor."""

    layout: Layout
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Append a constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def float(self, values: NDArray[Any]) -> str:
        """Append a constant as float32."""
        return self.constant(np.asarray(values, np.float32))

    def flat(self, tensor: str) -> str:
        """Reshape (n, a, b) to (n, a b)."""
        return self.node("Flatten", tensor, axis=1)

    def steps(self, tensor: str) -> str:
        """Reshape (n, output_steps n_outputs) to (n, output_steps, n_outputs)."""
        shape = np.array([-1, self.layout.output_steps, len(self.layout.outputs)], np.int64)
        return self.node("Reshape", tensor, self.constant(shape))

    def affine(self, tensor: str, weights: NDArray[Any], intercept: NDArray[Any]) -> str:
        """Return tensor @ weights + intercept."""
        product = self.node("MatMul", tensor, self.float(weights))
        return self.node("Add", product, self.float(intercept))


def to_onnx(forecaster: Forecaster) -> bytes:
    """Return a model as ONNX: input ``x`` and output ``y`` are float64 in original units.

    The scalers are part of the graph, computed in float64 as ours are; the model itself is float32.
    """
    layout = forecaster.layout
    graph = Graph(layout)
    scaled = graph.node("Cast", _scale(graph, "x", layout.x_scaler), to=TensorProto.FLOAT)
    forecast = _model(graph, forecaster.model, scaled)
    y = _unscale(graph, graph.node("Cast", forecast, to=TensorProto.DOUBLE), layout.y_scaler)
    graph.nodes.append(helper.make_node("Identity", [y], ["y"]))
    shapes = {
        "x": ["n", layout.input_steps, len(layout.inputs)],
        "y": ["n", layout.output_steps, len(layout.outputs)],
    }
    x_info, y_info = (
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape) for name, shape in shapes.items()
    )
    body = helper.make_graph(graph.nodes, "trainyard", [x_info], [y_info], graph.constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(body, opset_imports=[opset], ir_version=IR_VERSION, producer_name="trainyard")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _model(graph: Graph, model: Model, x: str) -> str:
    """Append a model on scaled windows; return its scaled forecast, shape (n, steps, outputs)."""
    match model:
        case LinearModel():
            return graph.steps(graph.affine(graph.flat(x), *model.affine(len(graph.layout.inputs))))
        case KernelModel():
            kernel = _kernel(graph, model, graph.flat(x))
            return graph.steps(graph.affine(kernel, model.weights, model.intercept))
        case ReferenceModel():
            outputs = [_reference(graph, model, x, k) for k in range(len(model.own))]
            return graph.node("Concat", *outputs, axis=2)
    return _network(graph, model, x)


def _kernel(graph: Graph, model: KernelModel, rows: str) -> str:
    """Append the kernel between windows and centres, shape (n, n_centres)."""
    function = model.function
    product = graph.node("MatMul", rows, graph.float(model.centres.T))
    scaled = graph.node("Mul", product, graph.float(np.array(function.gamma)))
    match function.kernel:
        case "linear":
            return product
        case "sigmoid":
            return graph.node("Tanh", scaled)
        case "poly":
            return graph.node("Pow", scaled, graph.float(np.array(function.degree)))
        case "rbf":
            axis = graph.constant(np.array([1]))
            own = graph.node("ReduceSumSquare", rows, axis, keepdims=1)
            centres = graph.float(np.einsum("np,np->n", model.centres, model.centres))
            doubled = graph.node("Mul", product, graph.float(np.array(-2.0)))
            distance = graph.node("Add", graph.node("Add", doubled, own), centres)
            distance = graph.node("Max", distance, graph.float(np.array(0.0)))
            return graph.node("Exp", graph.node("Mul", distance, graph.float(np.array(-function.gamma))))


def _reference(graph: Graph, model: ReferenceModel, x: str, output: int) -> str:
    """Append the forecast of one output, shape (n, output_steps, 1)."""
    column = int(model.own[output])
    shape = (len(model.constant), 1)
    if column < 0:  # its past times nothing, so that the constant gets as many rows as there are windows
        weights, constant = np.zeros_like(model.weights[output]), model.constant[:, output]
        column = 0
    else:
        weights = model.weights[output] * model.gain[output]
        constant = np.full(shape[0], model.shift[output])
    past = graph.node("Gather", x, graph.constant(np.array(column)), axis=2)
    return graph.node("Unsqueeze", graph.affine(past, weights, constant), graph.constant(np.array([2])))


def _network(graph: Graph, model: Any, x: str) -> str:
    """Append what keras exports, under a prefix, fed with the windows and the linear forecast."""
    inputs = [x] if model.base is None else [x, _model(graph, model.base, x)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        model.network.export(path, format="onnx", verbose=False, opset_version=OPSET)
        network = onnx.compose.add_prefix(onnx.load(path), "network/").graph
    for ours, theirs in zip(inputs, network.input, strict=True):
        graph.nodes.append(helper.make_node("Identity", [ours], [theirs.name]))
    graph.nodes.extend(network.node)
    graph.constants.extend(network.initializer)
    return str(network.output[0].name)


def _scale(graph: Graph, x: str, scaler: Scaler) -> str:
    shifted = graph.node("Sub", x, graph.constant(scaler.lo))
    return graph.node(
        "Add", graph.node("Mul", shifted, graph.constant(scaler.gain)), graph.constant(scaler.low)
    )


def _unscale(graph: Graph, y: str, scaler: Scaler) -> str:
    shifted = graph.node("Sub", y, graph.constant(scaler.low))
    return graph.node(
        "Add", graph.node("Div", shifted, graph.constant(scaler.gain)), graph.constant(scaler.lo)
    )
