"""The kind of a regression per slot."""

import numpy as np

from services.trainer.core.linear.kind import LINEAR
from services.trainer.core.model_kind import FLOAT64, FitSize, ModelKind
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.slots.design import MOST_COLUMNS, MOST_SLOTS
from services.trainer.core.slots.fit import BLOCK_VALUES, fit_slots
from services.trainer.core.slots.model import Slots, SlotsModel
from services.trainer.core.step_rows_graph import append_rows
from shared.contracts.kinds import LinearSpec, SlotsSpec

INT64 = 7  # ONNX's number of the type


def to_onnx(graph: Graph, model: SlotsModel, x: str) -> str:
    """Append the linear forecast and, per output, its rows times the weights of their slots."""
    linear = LINEAR.to_onnx(graph, model.base, x)
    outputs = []
    for output, slots in enumerate(model.outputs):
        base = graph.node("Gather", linear, graph.constant(np.array([output])), axis=2)
        outputs.append(_forecast(graph, slots, x, base))
    return graph.node("Concat", *outputs, axis=2) if len(outputs) > 1 else outputs[0]


def _forecast(graph: Graph, slots: Slots, x: str, base: str) -> str:
    """Append one output's forecast, shape (n, output_steps, 1)."""
    design = slots.design
    features = append_rows(graph, design.recipe, x)
    n_features = len(design.recipe.features)
    nothing = graph.node("Mul", base, graph.float(np.array(0.0)))
    one = graph.node("Add", nothing, graph.float(np.array(1.0)))
    with_one = graph.node("Concat", features, one, axis=2)
    second = np.where(design.second < 0, n_features, design.second)
    factors = [
        graph.node("Gather", with_one, graph.constant(index.astype(np.int64)), axis=2)
        for index in (design.first, second)
    ]
    rows = graph.node("Concat", graph.node("Mul", *factors), base, axis=2)
    held = graph.node("Min", graph.node("Max", rows, graph.float(slots.low)), graph.float(slots.high))
    if design.hour < 0:
        flat = graph.node("Squeeze", nothing, graph.constant(np.array([2])))
        steps = np.arange(design.recipe.output_steps) % design.n_slots
        places = graph.node("Cast", graph.node("Add", flat, graph.float(steps)), to=INT64)
    else:
        hour = graph.node("Gather", features, graph.constant(np.array(design.hour)), axis=2)
        scaled = graph.node("Mul", hour, graph.float(np.array(design.n_slots / 24.0)))
        n_slots = graph.constant(np.array(design.n_slots))
        places = graph.node("Mod", graph.node("Cast", scaled, to=INT64), n_slots)
    weights = graph.node("Gather", graph.float(slots.weights), places, axis=0)
    axis = graph.constant(np.array([2]))
    total = graph.node("ReduceSum", graph.node("Mul", held, weights), axis, keepdims=1)
    intercept = graph.node("Gather", graph.float(slots.intercept[:, None]), places, axis=0)
    return graph.node("Add", total, intercept)


def fit_bytes(spec: SlotsSpec, size: FitSize) -> int:
    """Count a block of rows, the moments of every slot three times, and the linear model's."""
    columns = min(MOST_COLUMNS, 60 + 8 * size.n_inputs + 2 * size.n_inputs**2)
    slots = min(MOST_SLOTS, size.output_steps)
    linear = LINEAR.fit_bytes(LinearSpec(), size)
    return 2 * BLOCK_VALUES * FLOAT64 + 3 * slots * (columns + 1) ** 2 * FLOAT64 + linear


SLOTS = ModelKind(
    spec=SlotsSpec,
    fit=fit_slots,
    model=lambda: SlotsModel,
    to_onnx=to_onnx,
    fit_bytes=fit_bytes,
)
