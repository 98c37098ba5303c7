"""How a network sees its window: standardised columns, levels, and the clock of its rollout."""

from dataclasses import dataclass

import numpy as np

from shared.series.arrays import Float32, Float64
from shared.windows.samples import Layout, Samples

STATISTICS_WINDOWS = 4096  # mean and spread of a column need no more windows than this


@dataclass(frozen=True)
class Standardisation:
    """The numbers a network needs beside its weights.

    ``level`` is 1 for columns that a network sees relative to their last value; ``x_mean`` and
    ``x_scale`` standardise the columns after that. ``y_mean`` and ``y_scale`` standardise the targets.
    ``own_gain`` and ``own_offset`` turn the last value of an own-past column into standardised target
    units; both are 0 where a target's own past is not among the inputs.
    """

    level: Float32  # (n_inputs,)
    x_mean: Float32  # (n_inputs,)
    x_scale: Float32  # (n_inputs,)
    y_mean: Float32  # (n_outputs,)
    y_scale: Float32  # (n_outputs,)
    own_gain: Float32  # (n_outputs,)
    own_offset: Float32  # (n_outputs,)


def fit_standardisation(train: Samples, layout: Layout, *, relative: bool) -> Standardisation:
    """Standardise on training windows; ``relative`` shows own-past columns without their level."""
    some = np.linspace(0, len(train) - 1, min(len(train), STATISTICS_WINDOWS)).astype(np.int64)
    level = np.zeros(len(layout.inputs))
    if relative:
        level[[column for column in layout.own_past if column is not None]] = 1.0
    x = train.x[some].astype(np.float64)
    x = x - level * x[:, -1:, :]
    y = train.y[some].astype(np.float64)
    y_mean, y_scale = y.mean((0, 1)), _spread(y)
    has_past = np.array([column is not None for column in layout.own_past])
    to_output = np.array([layout.past_to_output(k) for k in range(len(layout.own_past))])
    own_gain, own_offset = np.where(has_past, to_output.T, 0.0)
    return Standardisation(
        level=level.astype(np.float32),
        x_mean=x.mean((0, 1)).astype(np.float32),
        x_scale=_spread(x).astype(np.float32),
        y_mean=y_mean.astype(np.float32),
        y_scale=y_scale.astype(np.float32),
        own_gain=(own_gain / y_scale).astype(np.float32),
        own_offset=np.where(own_gain == 0, 0.0, (own_offset - y_mean) / y_scale).astype(np.float32),
    )


def _spread(values: Float64) -> Float64:
    """Return each column's standard deviation, 1 where it is constant."""
    spread = values.std((0, 1))
    return np.where(spread > 1e-9, spread, 1.0)


@dataclass(frozen=True)
class RolloutInputs:
    """What an autoregressive network knows at every step of its warm-up and of its forecast.

    ``known`` lists the input columns whose values at forecast time are known: calendar features and
    series that reach past the reference time. ``places`` says where in the window to read them, shape
    (n_known, input_steps - 1 + output_steps), between two steps where it is fractional: a warm-up step
    sees the known inputs of the step after it, a forecast step those of its own time. ``past`` lists the
    remaining columns, seen during the warm-up only; ``own`` the own-past columns that are fed back, -1
    where there is none.
    """

    own: tuple[int, ...]
    known: tuple[int, ...]
    past: tuple[int, ...]
    places: Float64


def rollout_clock(layout: Layout) -> RolloutInputs:
    """Say which columns are known ahead, and where to read them at every step's time."""
    own = tuple(-1 if column is None else column for column in layout.own_past)
    known = tuple(
        f
        for f, c in enumerate(layout.inputs)
        if f not in own and (c.source == "calendar" or c.end > 0 or c.start == c.end)
    )
    past = tuple(f for f in range(len(layout.inputs)) if f not in own and f not in known)
    observed = [layout.inputs[f] for f in (*own, *past) if f >= 0]
    steps = layout.input_steps
    warm_up = layout.offsets(observed[0], steps)[1:] if observed else np.zeros(steps - 1)
    times = np.concatenate([warm_up, layout.offsets(layout.outputs[0], layout.output_steps)])
    places = [places_of(times, layout.offsets(layout.inputs[f], steps)) for f in known]
    return RolloutInputs(
        own=own, known=known, past=past, places=np.array(places).reshape(len(known), len(times))
    )


def places_of(times: Float64, points: Float64) -> Float64:
    """Return where ``times`` lie among ascending ``points``, as fractional indices held at the ends.

    >>> places_of(np.array([-1.0, 2.5, 9.0]), np.array([0.0, 2.0, 4.0])).tolist()
    [0.0, 1.25, 2.0]
    """
    if points[0] == points[-1]:  # one value, repeated
        return np.full(len(times), len(points) - 1.0)
    places: Float64 = np.interp(times, points, np.arange(float(len(points))))
    return places
