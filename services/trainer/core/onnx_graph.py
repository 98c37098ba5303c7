"""An ONNX graph in the making."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

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
    domains: dict[str, int] = field(default_factory=dict)  # operator sets beside ONNX's own, by name

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

    def scale(self, tensor: str, scaler: Scaler) -> str:
        """Take original units to the scaler's range, in float64 as ours are."""
        shifted = self.node("Sub", tensor, self.constant(scaler.lo))
        return self.node(
            "Add", self.node("Mul", shifted, self.constant(scaler.gain)), self.constant(scaler.low)
        )

    def unscale(self, tensor: str, scaler: Scaler) -> str:
        """Take the scaler's range to original units."""
        shifted = self.node("Sub", tensor, self.constant(scaler.low))
        return self.node(
            "Add", self.node("Div", shifted, self.constant(scaler.gain)), self.constant(scaler.lo)
        )

    def to_bytes(self, y: str) -> bytes:
        """Return the finished graph from the input ``x`` to a tensor, which becomes the output ``y``."""
        layout = self.layout
        shapes = {
            "x": ["n", layout.input_steps, len(layout.inputs)],
            "y": ["n", layout.output_steps, len(layout.outputs)],
        }
        x_info, y_info = (
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape) for name, shape in shapes.items()
        )
        nodes = [*self.nodes, helper.make_node("Identity", [y], ["y"])]
        body = helper.make_graph(nodes, "trainyard", [x_info], [y_info], self.constants)
        opsets = [helper.make_opsetid(name, number) for name, number in ({"": OPSET} | self.domains).items()]
        model = helper.make_model(
            body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="trainyard"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
