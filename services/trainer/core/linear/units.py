"""Outputs beside their own past, in common units, so that one weight matrix can serve all of them."""

from dataclasses import dataclass

import numpy as np

from services.trainer.core.linear.moments import Moments, sliding_moments, window_moments
from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Layout, Samples

SLIDING_WIDTH = 4096  # beyond it the moment matrix of whole windows outgrows 128 MB
SLIDING_GAIN = 64  # windows a run needs before sliding over it beats multiplying its windows out
MEASURED_WINDOWS = 1024  # windows overlap: about so many tell mean and deviation
SMALLEST_DEVIATION = 1e-9
ROUNDING = 1e-4  # of a standard deviation: float32 values scaled as input and as output differ by less


@dataclass(frozen=True)
class Units:
    """Affine maps to standard units: mean 0 and deviation 1 of each output over the training part.

    All have shape (n_outputs,). ``y_gain * y + y_shift`` takes scaled targets there and
    ``x_gain * x + x_shift`` the scaled own past, whatever the scalers of the two are.
    """

    x_gain: Float64
    x_shift: Float64
    y_gain: Float64
    y_shift: Float64


def standard_units(train: Samples, layout: Layout) -> Units:
    """Measure the outputs, past and future, over the training part; a constant keeps its scaled unit."""
    n_outputs = len(layout.outputs)
    mean, deviation = np.empty(n_outputs), np.empty(n_outputs)
    maps = np.array([layout.past_to_output(output) for output in range(n_outputs)])
    some = slice(None, None, 1 + len(train) // MEASURED_WINDOWS)
    for output, own in enumerate(layout.own_past):
        values = [train.y[some, :, output].astype(np.float64).ravel()]
        if own is not None:
            gain, shift = maps[output]
            values.append(train.x[some, :, own].astype(np.float64).ravel() * gain + shift)
        pooled = np.concatenate(values)
        mean[output], deviation[output] = pooled.mean(), pooled.std()
    y_gain = 1.0 / np.where(deviation > SMALLEST_DEVIATION, deviation, 1.0)
    y_shift = -mean * y_gain
    return Units(maps[:, 0] * y_gain, maps[:, 1] * y_gain + y_shift, y_gain, y_shift)


def own_windows(samples: Samples, layout: Layout, units: Units, output: int) -> tuple[Float32, Float32]:
    """Return (past, future) of one output in standard units: (n, input_steps), (n, output_steps)."""
    own = layout.own_past[output]
    if own is None:
        raise ValueError(f"output {output} has no own past")
    gain, shift = units.x_gain.astype(np.float32), units.x_shift.astype(np.float32)
    past = samples.x[:, :, own] * gain[output] + shift[output]
    gain, shift = units.y_gain.astype(np.float32), units.y_shift.astype(np.float32)
    return past, samples.y[:, :, output] * gain[output] + shift[output]


def pooled_moments(samples: Samples, layout: Layout, units: Units) -> Moments:
    """Pool the windows of every output that has its own past, in standard units."""
    total = Moments.zero(layout.input_steps, layout.output_steps)
    for output, own in enumerate(layout.own_past):
        if own is None:
            continue
        past, future = own_windows(samples, layout, units, output)
        total += past_moments(past, future)
    return total


def past_moments(past: Float32, future: Float32) -> Moments:
    """Return the moments of (past, future) pairs, sliding wherever windows follow each other."""
    lookback, horizon = past.shape[1], future.shape[1]
    if lookback + horizon > SLIDING_WIDTH:
        return window_moments(past, future)
    same_past = (past[1:, :-1] == past[:-1, 1:]).all(axis=1)
    same_future = (future[1:, :-1] == future[:-1, 1:]).all(axis=1)
    # Whether each window is its predecessor moved by one step, and the stretches of such windows.
    continues = same_past & same_future & (np.abs(past[1:, -1] - future[:-1, 0]) < ROUNDING)
    borders: Int64 = np.flatnonzero(~continues) + 1
    starts = np.concatenate([[0], borders])
    stops = np.concatenate([borders, [len(continues) + 1]])
    long = stops - starts >= SLIDING_GAIN

    total, alone = Moments.zero(lookback, horizon), np.ones(len(past), dtype=bool)
    for start, stop in zip(starts[long], stops[long], strict=True):
        run = slice(start, stop)
        alone[run] = False
        series = np.concatenate([past[run][0], past[run][1:, -1], future[run][-1]]).astype(np.float64)
        total += sliding_moments(series[None], lookback=lookback, horizon=horizon)
    return total + window_moments(past[alone], future[alone]) if alone.any() else total
