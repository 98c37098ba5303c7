"""The rows of single steps as part of an ONNX graph: the same recipe, followed by operators."""

import numpy as np

from services.trainer.core.onnx_graph import Graph
from services.trainer.core.step_rows import EPSILON, Feature, Recipe

TWO_PI = np.array(2.0 * np.pi)


def append_rows(graph: Graph, recipe: Recipe, x: str) -> str:
    """Append a recipe: (n, input_steps, n_inputs) -> (n, output_steps, n_features)."""
    points = [k for k, f in enumerate(recipe.features) if f.operator == "point"]
    others = [k for k, f in enumerate(recipe.features) if f.operator != "point"]
    columns = [_points(graph, recipe, points, x)] if points else []
    for k in others:
        feature = recipe.features[k]
        scaled = graph.node("Mul", _feature(graph, feature, x), graph.float(np.array(feature.gain)))
        column = graph.node("Add", scaled, graph.float(np.array(feature.shift)))
        columns.append(graph.node("Unsqueeze", column, graph.constant(np.array([2]))))
    rows = graph.node("Concat", *columns, axis=2)
    order = np.argsort(np.array([*points, *others], dtype=np.int64)).astype(np.int64)
    return graph.node("Gather", rows, graph.constant(order), axis=2)


def _points(graph: Graph, recipe: Recipe, which: list[int], x: str) -> str:
    """Look up all points at once, shape (n, output_steps, n_points)."""
    features = [recipe.features[k] for k in which]
    n_inputs = len(graph.layout.inputs)
    index = np.stack([f.first * n_inputs + f.column for f in features], axis=1)  # (output_steps, n_points)
    found = graph.node("Gather", graph.flat(x), graph.constant(index.astype(np.int64)), axis=1)
    scaled = graph.node("Mul", found, graph.float(np.array([f.gain for f in features])))
    return graph.node("Add", scaled, graph.float(np.array([f.shift for f in features])))


def _feature(graph: Graph, feature: Feature, x: str) -> str:
    """Append one feature that is no point, shape (n, output_steps), before its units."""
    window = _column(graph, x, feature.column)
    match feature.operator:
        case "mean":
            steps = np.arange(graph.layout.input_steps)[:, None]
            inside = (steps >= feature.first) & (steps <= feature.last)
            return graph.node("MatMul", window, graph.float(inside / inside.sum(axis=0)))
        case "least" | "most":
            span = graph.constant(np.arange(feature.first[0], feature.last[0] + 1))
            some = graph.node("Gather", window, span, axis=1)
            axis = graph.constant(np.array([1]))
            operator = "ReduceMin" if feature.operator == "least" else "ReduceMax"
            single = graph.node(operator, some, axis, keepdims=1)
            return graph.node("Add", single, graph.float(np.zeros(len(feature.first))))
        case "constant":
            nothing = graph.node(
                "Mul",
                graph.node("Gather", window, graph.constant(np.array([0])), axis=1),
                graph.float(np.array(0.0)),
            )
            return graph.node("Add", nothing, graph.float(feature.constant))
        case _:
            return _clock(graph, feature, x)


def _clock(graph: Graph, feature: Feature, x: str) -> str:
    """Append hour or weekday from the sine and cosine of their turn."""
    at = graph.constant(feature.first)
    sine = graph.node("Gather", _column(graph, x, feature.column), at, axis=1)
    cosine = graph.node("Gather", _column(graph, x, feature.partner), at, axis=1)
    held = graph.node("Clip", cosine, graph.float(np.array(-1.0)), graph.float(np.array(1.0)))
    half = graph.node("Div", graph.node("Acos", held), graph.float(TWO_PI))
    rest = graph.node("Sub", graph.float(np.array(1.0)), half)
    early = graph.node("GreaterOrEqual", sine, graph.float(np.array(0.0)))
    turn = graph.node("Where", early, half, rest)
    parts = 24.0 if feature.operator == "hour" else 7.0
    scaled = graph.node("Mul", turn, graph.float(np.array(parts)))
    moved = graph.node("Add", scaled, graph.float(np.array(EPSILON)))
    if feature.operator == "hour":
        return graph.node("Mod", moved, graph.float(np.array(parts)), fmod=1)
    weekday = graph.node("Mod", graph.node("Floor", moved), graph.float(np.array(parts)), fmod=1)
    if feature.operator == "weekday":
        return weekday
    equal = graph.node("Equal", weekday, graph.float(feature.constant))
    return graph.node("Cast", equal, to=1)  # float32


def _column(graph: Graph, x: str, column: int) -> str:
    """Return one column of the windows, shape (n, input_steps)."""
    return graph.node("Gather", x, graph.constant(np.array(column)), axis=2)
