"""Baselines: forecasts that repeat the past. A model that does not beat them has learned nothing."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

from services.trainer.core.model import ArrayFields, Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.model_kind import FLOAT64, FitSize, ModelKind
from services.trainer.core.naive_weights import (
    CALENDAR_SEASONS,
    candidate_seasons,
    last_value,
    past_step,
    seasonal,
)
from services.trainer.core.onnx_graph import Graph
from services.trainer.core.problems import TooFewWindows
from shared.contracts.kinds import Kind, LastValueSpec, SeasonalNaiveSpec
from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Layout, Samples

MEASURED_WINDOWS = 2048  # windows overlap: about so many tell one season from another


@dataclass(frozen=True)
class ReferenceModel(ArrayFields):
    """Each output as a weighted mean of its own past; without one, the training mean of each output step.

    ``own`` (n_outputs,) names the input column, -1 for none; ``gain`` and ``shift`` take it to the scale
    of the output. ``weights`` is (n_outputs, input_steps, output_steps), ``constant`` (output_steps,
    n_outputs).
    """

    kind: ClassVar[Kind] = "last_value"

    own: Int64
    gain: Float64
    shift: Float64
    weights: Float32
    constant: Float32

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        forecast = np.broadcast_to(self.constant, (len(x), *self.constant.shape)).copy()
        for output, column in enumerate(self.own):
            if column >= 0:
                # float64 in between: repeating a value must return it, whatever the scale it stands on.
                past = x[:, :, column].astype(np.float64) @ self.weights[output]
                forecast[:, :, output] = past * self.gain[output] + self.shift[output]
        return forecast


@dataclass(frozen=True)
class SeasonalModel(ReferenceModel):
    """The same, reading one season back."""

    kind: ClassVar[Kind] = "seasonal_naive"


def fit_last_value(
    spec: LastValueSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Return the model that repeats the last observed value of every output.

    An output whose own past is not among the inputs is forecast by its training mean at each output step, and
    the notes say so.
    """
    started = time.perf_counter()
    weights = [last_value(layout.input_steps, layout.output_steps)] * len(layout.outputs)
    notes = {column.name: _kept(layout, k) for k, column in enumerate(layout.outputs)}
    return _fitted(ReferenceModel, weights, notes, train, layout, started, on_progress)


def fit_seasonal_naive(
    spec: SeasonalNaiveSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Return the model that repeats the value one season ago.

    The season of each output is ``spec.season_length`` steps of its own past, or the calendar season
    (hour, half a day, day, week, year) with the least mean absolute error over the validation part, as every
    other kind chooses there; over the training part where there is none. Where
    the own past is too short for it the last value is repeated; without an own past the training mean of
    each output step is forecast. The notes say which.
    """
    started = time.perf_counter()
    weights, notes = [], {}
    for output, column in enumerate(layout.outputs):
        found = _season(spec, validation if len(validation) else train, layout, output)
        last = last_value(layout.input_steps, layout.output_steps)
        weights.append(last if found is None else found[1])
        notes[column.name] = _kept(layout, output) if found is None else f"season of {found[0]:g} h"
    return _fitted(SeasonalModel, weights, notes, train, layout, started, on_progress)


def _season(
    spec: SeasonalNaiveSpec, judge: Samples, layout: Layout, output: int
) -> tuple[float, Float64] | None:
    """Return (season in hours, weights) of one output, None when its past shows no season."""
    own = layout.own_past[output]
    if own is None:
        return None
    if spec.season_length is not None:
        season = spec.season_length * past_step(layout.inputs[own], layout.input_steps)
        weights = seasonal(layout, output, season) if season > 0 else None
        return None if weights is None else (season, weights)
    candidates = list(candidate_seasons(layout, output))
    if len(judge) == 0 or not candidates:
        return None
    some = slice(None, None, 1 + len(judge) // MEASURED_WINDOWS)
    gain, shift = layout.past_to_output(output)
    past, truth = judge.x[some, :, own] * gain + shift, judge.y[some, :, output]
    errors = [float(np.abs(past @ weights - truth).mean()) for _, weights in candidates]
    return candidates[int(np.argmin(errors))]


def _kept(layout: Layout, output: int) -> str:
    return "training mean" if layout.own_past[output] is None else "last value"


def _fitted(
    family: type[ReferenceModel],
    weights: list[Float64],
    notes: dict[str, str],
    train: Samples,
    layout: Layout,
    started: float,
    on_progress: OnProgress,
) -> Fitted:
    if len(train) == 0 and None in layout.own_past:
        raise TooFewWindows("the training part is empty, so an output without its own past has no mean")
    shape = (layout.output_steps, len(layout.outputs))
    constant = train.y.mean(axis=0, dtype=np.float64) if len(train) else np.zeros(shape)
    maps = [layout.past_to_output(output) for output in range(len(layout.outputs))]
    model = family(
        own=np.array([-1 if k is None else k for k in layout.own_past], dtype=np.int64),
        gain=np.array([gain for gain, _ in maps]),
        shift=np.array([shift for _, shift in maps]),
        weights=np.stack(weights).astype(np.float32),
        constant=constant.astype(np.float32),
    )
    on_progress(Progress(1.0, "done"))
    per_output: dict[str, JsonValue] = dict(notes)
    return Fitted(model, model, time.perf_counter() - started, notes={"forecast": per_output})


def to_onnx(graph: Graph, model: ReferenceModel, x: str) -> str:
    """Append the forecast of each output, one beside the other."""
    outputs = []
    for output, column in enumerate(model.own):
        weights = model.weights[output] * model.gain[output]
        constant = np.full(len(model.constant), model.shift[output])
        if column < 0:  # its past times nothing, so that the constant gets as many rows as there are windows
            weights, constant = np.zeros_like(model.weights[output]), model.constant[:, output]
        past = graph.node("Gather", x, graph.constant(np.array(max(column, 0))), axis=2)
        forecast = graph.affine(past, weights, constant)  # (n, output_steps)
        outputs.append(graph.node("Unsqueeze", forecast, graph.constant(np.array([2]))))
    return graph.node("Concat", *outputs, axis=2)


def fit_bytes(spec: LastValueSpec | SeasonalNaiveSpec, size: FitSize) -> int:
    """Count the weights of every season that may be tried, and the forecasts of one."""
    weights = (1 + len(CALENDAR_SEASONS)) * size.input_steps * size.output_steps
    return (weights + 2 * min(size.n_train, 2 * MEASURED_WINDOWS) * size.forecast) * FLOAT64


LAST_VALUE = ModelKind(
    spec=LastValueSpec,
    fit=fit_last_value,
    model=lambda: ReferenceModel,
    to_onnx=to_onnx,
    fit_bytes=fit_bytes,
)
SEASONAL_NAIVE = ModelKind(
    spec=SeasonalNaiveSpec,
    fit=fit_seasonal_naive,
    model=lambda: SeasonalModel,
    to_onnx=to_onnx,
    fit_bytes=fit_bytes,
)
