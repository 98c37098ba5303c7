"""Which inputs a model relies on: how much worse it gets when one of them is shuffled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.timeseries.arrays import Float32, Float64
from shared.timeseries.samples import Layout, Samples


@dataclass(frozen=True)
class Importance:
    """Rise of the loss (RMSE in training standard deviations) when one input's windows are exchanged."""

    name: str
    rise: float  # mean over repetitions
    deviation: float  # standard deviation over repetitions
    relative: float | None  # rise in shares of the undisturbed loss


def column_groups(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Return the columns of X that belong together: one series, or both halves of a calendar feature."""
    groups: dict[str, tuple[int, ...]] = {}
    for index, column in enumerate(layout.inputs):
        name = column.name
        if column.source == "calendar":
            name = name.removesuffix("_sin").removesuffix("_cos")
        groups[name] = (*groups.get(name, ()), index)
    return groups


def permutation_importance(
    predict: Callable[[Float32], Float64],
    samples: Samples,
    layout: Layout,
    *,
    y_true: Float64,
    train_std: Sequence[float | None],
    n_repeats: int = 5,
    max_windows: int = 2000,
    seed: int = 0,
) -> list[Importance]:
    """Measure each input series and calendar feature on samples the model was not fitted on.

    An input's whole windows are exchanged between samples, all steps together, so that each window
    stays a plausible past but belongs to another sample.

    Parameters
    ----------
    predict
        From X (n_windows, input_steps, n_inputs) to forecasts (n_windows, output_steps, n_outputs) in
        the unit of ``y_true``.
    samples
        Usually the validation part; of more than ``max_windows`` samples a seeded choice is used.
    train_std
        Per output the training standard deviation in the unit of ``y_true``.

    Returns
    -------
    list of Importance
        Most important first; empty without samples.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(samples))[:max_windows])
    if not len(chosen):
        return []
    x, truth = samples.x[chosen], y_true[chosen]
    scale = np.array([std or 1.0 for std in train_std])
    undisturbed = _loss(predict(x), truth, scale)
    results = []
    for name, columns in column_groups(layout).items():
        rises = [
            _loss(predict(_exchanged(x, columns, rng)), truth, scale) - undisturbed for _ in range(n_repeats)
        ]
        rise = float(np.mean(rises))
        results.append(
            Importance(name, rise, float(np.std(rises)), rise / undisturbed if undisturbed else None)
        )
    return sorted(results, key=lambda importance: -importance.rise)


def _exchanged(x: Float32, columns: tuple[int, ...], rng: np.random.Generator) -> Float32:
    disturbed = x.copy()
    disturbed[..., columns] = x[rng.permutation(len(x))][..., columns]
    return disturbed


def _loss(y_pred: Float64, y_true: Float64, scale: Float64) -> float:
    return float(np.mean(np.sqrt(np.mean((y_pred - y_true) ** 2, axis=(0, 1))) / scale))
