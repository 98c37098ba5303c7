"""Which inputs a model relies on: how much worse it gets when one of them is exchanged between windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.trainer.core.problems import NoValidationWindows
from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Layout

N_REPEATS = 5
MAX_WINDOWS, MIN_WINDOWS = 500, 50
MAX_FORECASTS = 50_000  # windows forecast in all: many inputs are measured on fewer windows each

Source = Literal["series", "calendar"]


@dataclass(frozen=True)
class Input:
    """Columns of X that belong together: one series, or both halves of a calendar feature."""

    name: str
    source: Source
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Importance:
    """Rise of the loss when the windows of one input are exchanged."""

    name: str
    source: Source
    rise: float  # mean over repeats
    deviation: float  # standard deviation over repeats
    relative: float | None  # rise in shares of the undisturbed loss, None where that is 0


@dataclass(frozen=True)
class Explanation:
    """What was measured, most important input first, beside the loss of undisturbed forecasts."""

    loss: float
    importances: tuple[Importance, ...]


def inputs_of(layout: Layout) -> tuple[Input, ...]:
    """Return the inputs of a layout in its order; a series may be called as a calendar feature is."""
    groups: dict[tuple[str, Source], tuple[int, ...]] = {}
    for index, column in enumerate(layout.inputs):
        name = column.name
        if column.source == "calendar":
            name = name.removesuffix("_sin").removesuffix("_cos")
        groups[name, column.source] = (*groups.get((name, column.source), ()), index)
    return tuple(Input(name, source, columns) for (name, source), columns in groups.items())


def choose_windows(n_windows: int, n_inputs: int, *, seed: int) -> Int64:
    """Return which windows to measure on, ascending: a seeded choice, so small that it takes seconds.

    Raises
    ------
    NoValidationWindows
        If there are none.

    >>> len(choose_windows(10_000, 3, seed=0)), len(choose_windows(10_000, 100, seed=0))
    (500, 99)
    """
    if n_windows == 0:
        raise NoValidationWindows("the validation part has no window to measure on", field="split.validation")
    affordable = MAX_FORECASTS // (N_REPEATS * n_inputs + 1)
    size = min(n_windows, max(MIN_WINDOWS, min(MAX_WINDOWS, affordable)))
    return np.sort(np.random.default_rng(seed).permutation(n_windows)[:size])


def permutation_importance(
    predict: Callable[[Float32], Float64],
    x: Float32,
    layout: Layout,
    *,
    y_true: Float64,
    train_std: Sequence[float | None],
    n_repeats: int = N_REPEATS,
    seed: int = 0,
) -> Explanation:
    """Measure each input series and calendar feature on windows the model was not fitted on.

    An input's whole windows are exchanged between samples, all steps together, so that each window
    stays a plausible past but belongs to another sample.

    Parameters
    ----------
    predict
        From X to forecasts (n_windows, output_steps, n_outputs) in the unit of ``y_true``.
    x
        Scaled windows, shape (n_windows, input_steps, n_inputs); at least one.
    train_std
        Per output the training standard deviation in the unit of ``y_true``; None or 0 counts as 1.

    Returns
    -------
    Explanation
        Losses are RMSE in training standard deviations, averaged over outputs.
    """
    rng = np.random.default_rng(seed)
    scale = np.array([std or 1.0 for std in train_std])
    undisturbed = _loss(predict(x), y_true, scale)
    importances = []
    for one in inputs_of(layout):
        losses = []
        for _ in range(n_repeats):
            disturbed = x.copy()
            disturbed[..., one.columns] = x[rng.permutation(len(x))][..., one.columns]
            losses.append(_loss(predict(disturbed), y_true, scale))
        rises = np.array(losses) - undisturbed
        rise = float(rises.mean())
        relative = rise / undisturbed if undisturbed else None
        importances.append(Importance(one.name, one.source, rise, float(rises.std()), relative))
    ordered = sorted(importances, key=lambda importance: -importance.rise)
    return Explanation(undisturbed, tuple(ordered))


def _loss(y_pred: Float64, y_true: Float64, scale: Float64) -> float:
    return float(np.mean(np.sqrt(np.mean((y_pred - y_true) ** 2, axis=(0, 1))) / scale))
