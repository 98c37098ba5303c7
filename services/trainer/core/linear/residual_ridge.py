"""What the own past does not tell: a ridge on picked points of every input, shrunk towards no correction.

Calendar columns, forecasts known in advance and other series explain part of what the shared regression
leaves over. The points of each column are thinned until the normal equations stay small, the past of
outputs enters as its difference from its mean (levels drift, shapes stay), and each output takes the set
of columns and the penalty with the least validation error, or no correction when none is worth it.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.linear.moments import Moments, window_moments
from services.trainer.core.linear.shared_ridge import COMPARED_STEPS, solve_ridge
from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Layout, Samples

Columns = Literal["outside", "all"]
PENALTIES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
MOST_POINTS = 512  # picked points of a window
WORK = 6e9  # multiplications of one pass: about a fifth of a second on two cores
WORTH = 0.04  # share of the validation error of its output a correction must remove: less is often chance
BLOCK_WINDOWS = 1024


@dataclass(frozen=True)
class SelectedInputs:
    """Points of the flattened window, and the linear map from them to features.

    ``features = (x[index] - mean) @ mix / deviation`` with ``index`` (p,), ``mean`` (p,), ``mix`` (p, p) and
    ``deviation`` (p,).
    """

    columns: Columns
    index: Int64
    mean: Float64
    mix: Float64
    deviation: Float64

    def points(self, x: Float32) -> Float64:
        """Return the points (n_windows, p), with mean 0 over the training part."""
        steps, columns = np.divmod(self.index, x.shape[2])
        return x[:, steps, columns] - self.mean

    def features(self, points: Moments) -> Moments:
        """Turn moments of the points into those of the features, which cost no pass over windows then."""
        return points.mapped(self.mix / self.deviation)


@dataclass(frozen=True)
class OutputChoice:
    """What one output takes; ``penalty`` None is no correction, ``gain`` the share of error it removes."""

    columns: Columns
    penalty: float | None
    gain: float


def pick(train: Samples, layout: Layout, columns: Columns) -> SelectedInputs | None:
    """Pick the points of the wanted columns; None when there are none.

    ``outside`` leaves out the past of the outputs, ``all`` takes every column.
    """
    own = {k for k in layout.own_past if k is not None}
    wanted = [k for k in range(len(layout.inputs)) if columns == "all" or k not in own]
    if not wanted or (columns == "all" and len(wanted) == len(own) == 1):
        return None
    per_column = max(1, MOST_POINTS // len(wanted))
    points = [_points(layout, k, per_column) for k in wanted]
    n_inputs = len(layout.inputs)
    index = np.concatenate([steps * n_inputs + k for k, steps in zip(wanted, points, strict=True)])

    mix, start = np.eye(len(index)), 0
    for k, steps in zip(wanted, points, strict=True):
        if k in own and len(steps) > 1:
            mix[start : start + len(steps), start : start + len(steps)] -= 1.0 / len(steps)
        start += len(steps)

    raw = SelectedInputs(columns, index, np.zeros(len(index)), np.eye(len(index)), np.ones(len(index)))
    some = raw.points(train.x[:: 1 + len(train) // 4096])
    mean = some.mean(axis=0)
    deviation = ((some - mean) @ mix).std(axis=0)
    return SelectedInputs(columns, index, mean, mix, np.where(deviation > 1e-9, deviation, 1.0))


def choose(
    model: LinearModel, train: Samples, validation: Samples, layout: Layout
) -> list[tuple[SelectedInputs | None, OutputChoice]]:
    """Choose columns and penalty of each output by the validation error that is left."""
    n_outputs = len(layout.outputs)
    best: list[tuple[SelectedInputs | None, OutputChoice]] = [
        (None, OutputChoice("outside", None, 0.0))
    ] * n_outputs
    for columns in ("outside", "all"):
        picked = pick(train, layout, columns)
        if picked is None:
            continue
        seen = residual_moments(model, picked, train, compared=True)
        unseen = residual_moments(model, picked, validation, compared=True)
        before = unseen.yy.reshape(-1, n_outputs).sum(axis=0)
        for penalty in PENALTIES:
            per_target = unseen.squared_error(solve_ridge(seen, penalty))
            left = per_target.reshape(-1, n_outputs).sum(axis=0)
            gains = 1.0 - left / np.maximum(before, np.finfo(np.float64).tiny)
            for output, gain in enumerate(gains.tolist()):
                if gain > max(WORTH, best[output][1].gain):
                    best[output] = (picked, OutputChoice(columns, penalty, gain))
    return best


def correct(
    model: LinearModel, chosen: list[tuple[SelectedInputs | None, OutputChoice]], parts: list[Samples]
) -> LinearModel:
    """Fit the chosen corrections on the residuals of ``parts`` and return the model with them."""
    output_steps, n_outputs = model.output_steps, len(model.own)
    index, blocks = [], []
    intercept = model.intercept.astype(np.float64).reshape(output_steps, n_outputs)
    for columns in ("outside", "all"):
        outputs = [k for k, (_, choice) in enumerate(chosen) if choice.columns == columns and choice.penalty]
        if not outputs:
            continue
        picked = chosen[outputs[0]][0]
        assert picked is not None  # a penalty is only chosen together with its points
        total = Moments.zero(len(picked.index), output_steps * n_outputs)
        for part in parts:
            total += residual_moments(model, picked, part)
        weights = np.zeros((len(picked.index), output_steps, n_outputs))
        for output in outputs:
            of_output = np.arange(output_steps) * n_outputs + output
            own = replace(total, xy=total.xy[:, of_output], yy=total.yy[of_output], y=total.y[of_output])
            weights[:, :, output] = solve_ridge(own, chosen[output][1].penalty or 0.0)
        raw = np.tensordot(picked.mix / picked.deviation, weights, axes=1)
        intercept -= np.tensordot(picked.mean, raw, axes=1)
        index.append(picked.index)
        blocks.append(raw.reshape(len(picked.index), -1))
    return replace(
        model,
        picked=np.concatenate([model.picked, *index]),
        correction=np.concatenate([model.correction, *blocks]).astype(np.float32),
        intercept=intercept.ravel().astype(np.float32),
    )


def residual_moments(
    model: LinearModel, picked: SelectedInputs, part: Samples, *, compared: bool = False
) -> Moments:
    """Return the moments of features and what the model leaves over, in standard units.

    Windows overlap, so long parts are thinned to a bounded amount of work; ``compared`` also thins the
    output steps.
    """
    step = max(1, model.output_steps // COMPARED_STEPS) if compared else 1
    n_targets = len(range(0, model.output_steps, step)) * len(model.own)
    per_window = len(picked.index) * (len(picked.index) + n_targets) + model.shared.size * len(model.own)
    stride = 1 + int(len(part) * per_window / WORK)
    total = Moments.zero(len(picked.index), n_targets)
    for start in range(0, len(part), BLOCK_WINDOWS * stride):
        rows = slice(start, start + BLOCK_WINDOWS * stride, stride)
        x = part.x[rows]
        truth = (part.y[rows] - model.y_shift) / model.y_gain
        left = (truth - model.standard_forecast(x))[:, ::step]
        total += window_moments(picked.points(x), left.reshape(len(x), -1))
    return picked.features(total)


def _points(layout: Layout, k: int, most: int) -> Int64:
    """Steps of one input column: the last one alone if it never changes, else evenly thinned."""
    column = layout.inputs[k]
    if column.start == column.end:
        return np.array([layout.input_steps - 1])
    n_points = min(most, layout.input_steps)
    return np.unique(np.round(np.linspace(0, layout.input_steps - 1, n_points)).astype(np.int64))
