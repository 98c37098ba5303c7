"""The boosted trees' kind."""

from pathlib import Path

import lightgbm
import numpy as np

from services.trainer.core.boost.fit import MOST_JUDGED, MOST_ROWS, fit_boost
from services.trainer.core.boost.linear_leaves import (
    ML_DOMAIN,
    ML_OPSET,
    append_linear_leaves,
    has_linear_leaves,
)
from services.trainer.core.boost.model import BoostModel, Trees
from services.trainer.core.linear.kind import LINEAR
from services.trainer.core.model_kind import FLOAT64, Choice, FitSize, ModelKind, Range
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.step_rows_graph import append_rows
from shared.contracts.kinds import BoostSpec, LinearSpec
from shared.windows.samples import Layout

FEATURES_PER_INPUT = 13  # at most, of a series


def to_onnx(graph: Graph, model: BoostModel, x: str) -> str:
    """Append the linear forecast and, per output, the rows of its steps and the library's trees."""
    linear = LINEAR.to_onnx(graph, model.base, x)
    outputs = []
    for output, trees in enumerate(model.outputs):
        base = graph.node("Gather", linear, graph.constant(np.array([output])), axis=2)
        rows = graph.node("Concat", append_rows(graph, trees.recipe, x), base, axis=2)
        width = len(trees.recipe.features) + 1
        flat = graph.node("Reshape", rows, graph.constant(np.array([-1, width])))
        outputs.append(_forecast(graph, trees, flat, base, f"{output}"))
    return graph.node("Concat", *outputs, axis=2) if len(outputs) > 1 else outputs[0]


def _forecast(graph: Graph, trees: Trees, rows: str, base: str, number: str) -> str:
    """Append one output's forecast, shape (n, output_steps, 1), from its rows and the linear forecast."""
    spread, shape = (
        graph.float(np.array(trees.spread)),
        graph.constant(np.array([-1, trees.recipe.output_steps, 1])),
    )
    found = _trees(graph, trees.correcting.booster, rows, f"trees{number}/")
    corrected = graph.node("Add", base, graph.node("Reshape", graph.node("Mul", found, spread), shape))
    if trees.alone is None:
        return corrected
    if has_linear_leaves(trees.alone.boosted.text):
        found = append_linear_leaves(graph, trees.alone.boosted.booster, rows)
    else:
        found = _trees(graph, trees.alone.boosted.booster, rows, f"alone{number}/")
    ends = (graph.float(np.array(end)) for end in (trees.alone.least, trees.alone.most))
    found = graph.node("Clip", found, *ends)
    alone = graph.node("Reshape", graph.node("Mul", found, spread), shape)
    kept = graph.node("Mul", corrected, graph.float(np.array(1.0 - trees.alone.share)))
    return graph.node("Add", kept, graph.node("Mul", alone, graph.float(np.array(trees.alone.share))))


def _trees(graph: Graph, booster: lightgbm.Booster, rows: str, prefix: str) -> str:
    """Append what onnxmltools makes of the trees, under a prefix of their own."""
    # Imported here: it takes a second that only an export has to wait.
    import onnx
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    width = booster.num_feature()
    converted = convert_lightgbm(
        booster, initial_types=[("rows", FloatTensorType([None, width]))], target_opset=15
    )
    prefixed = onnx.compose.add_prefix(converted, prefix).graph
    graph.nodes.append(onnx.helper.make_node("Identity", [rows], [prefixed.input[0].name]))
    graph.nodes.extend(prefixed.node)
    graph.constants.extend(prefixed.initializer)
    graph.domains[ML_DOMAIN] = ML_OPSET
    return str(prefixed.output[0].name)


def save_text(model: BoostModel, layout: Layout, path: Path) -> None:
    """Write the trees in LightGBM's own text format, one output after the other."""
    path.write_text("\n".join(text for trees in model.outputs for text in trees.texts), encoding="utf-8")


def fit_bytes(spec: BoostSpec, size: FitSize) -> int:
    """Count the sampled rows, three times (the library bins and keeps them), and the linear moments."""
    rows = min(MOST_ROWS + MOST_JUDGED, size.n_windows * size.output_steps)
    linear = LINEAR.fit_bytes(LinearSpec(), size)
    return 3 * rows * size.n_inputs * FEATURES_PER_INPUT * FLOAT64 + linear


BOOST = ModelKind(
    spec=BoostSpec,
    fit=fit_boost,
    model=lambda: BoostModel,
    to_onnx=to_onnx,
    fit_bytes=fit_bytes,
    files={"txt": save_text},
    space={"learning_rate": Range(0.01, 0.2), "max_depth": Choice((None, 3, 4, 5, 6, 8))},
    slow_import="lightgbm",
)
