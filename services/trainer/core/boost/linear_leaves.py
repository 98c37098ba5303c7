"""Trees whose leaves are linear functions, as ONNX operators.

Converters know leaves that are constants. A sum of linear functions is a linear function whose weights are
the sums: each leaf adds its intercept to the first target of a tree ensemble and its weights to the others,
and the row is multiplied with what comes out.
"""

from typing import Any

import lightgbm
import numpy as np

from services.trainer.core.onnx_graph import Graph

ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3
Split = dict[str, Any]  # a node of the library's dump, with the nodes below it


def append_linear_leaves(graph: Graph, booster: lightgbm.Booster, rows: str) -> str:
    """Append trees, (n, n_features) -> (n, 1)."""
    nodes: list[tuple[Any, ...]] = []
    leaves: list[tuple[Any, ...]] = []
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        own, weights = _of_tree(tree["tree_structure"])
        nodes += [(number, *node) for node in own]
        leaves += [(number, *weight) for weight in weights]
    tree, node, mode, feature, value, low, high = zip(*nodes, strict=True)
    leaf_tree, leaf_node, target, weight = zip(*leaves, strict=True)
    graph.domains[ML_DOMAIN] = ML_OPSET
    n_features = booster.num_feature()
    sums = graph.node(
        "TreeEnsembleRegressor",
        rows,
        domain=ML_DOMAIN,
        n_targets=1 + n_features,
        nodes_treeids=tree,
        nodes_nodeids=node,
        nodes_modes=mode,
        nodes_featureids=feature,
        nodes_values=value,
        nodes_truenodeids=low,
        nodes_falsenodeids=high,
        target_treeids=leaf_tree,
        target_nodeids=leaf_node,
        target_ids=target,
        target_weights=weight,
    )
    intercept = graph.node("Gather", sums, graph.constant(np.array([0])), axis=1)
    weights_of_row = graph.node("Gather", sums, graph.constant(np.arange(1, 1 + n_features)), axis=1)
    products = graph.node("Mul", weights_of_row, rows)
    total = graph.node("ReduceSum", products, graph.constant(np.array([1])), keepdims=1)
    return graph.node("Add", intercept, total)


def has_linear_leaves(text: str) -> bool:
    """Tell from the library's text whether leaves of its trees are linear functions."""
    return "\nis_linear=1\n" in text


def _of_tree(structure: Split) -> tuple[list[tuple[Any, ...]], list[tuple[int, int, float]]]:
    """Return nodes (number, mode, feature, threshold, below, above) and leaves (number, target, weight)."""
    nodes: list[tuple[Any, ...]] = []
    leaves: list[tuple[int, int, float]] = []

    def add(split: Split) -> int:
        number = len(nodes)
        nodes.append((number, "LEAF", 0, 0.0, 0, 0))
        if "split_feature" in split:
            below, above = add(split["left_child"]), add(split["right_child"])
            threshold = _at_most(split["threshold"])
            nodes[number] = (number, "BRANCH_LEQ", split["split_feature"], threshold, below, above)
        else:
            leaves.append((number, 0, split["leaf_const" if "leaf_const" in split else "leaf_value"]))
            slopes = zip(split.get("leaf_features", ()), split.get("leaf_coeff", ()), strict=True)
            leaves.extend((number, 1 + feature, slope) for feature, slope in slopes)
        return number

    add(structure)
    return nodes, leaves


def _at_most(threshold: float) -> float:
    """Return the largest float32 that is no larger: rows are float32, the library's thresholds float64."""
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf)))
