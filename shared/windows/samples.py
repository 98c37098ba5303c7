"""What a model sees of a data set: scaled windows, and what their columns mean."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.series.arrays import Bool, Float32, Float64, Int64
from shared.windows.darkness import Darkness
from shared.windows.scaling import Scaler


@dataclass(frozen=True)
class Column:
    """One column of X or Y.

    ``start`` and ``end`` are hours relative to the reference time of the first and last point of the
    window; a calendar or ``latest`` column that repeats its value at the reference time has both 0.
    """

    name: str
    source: Literal["series", "calendar"]
    start: float
    end: float


@dataclass(frozen=True)
class Layout:
    """The meaning of the last axis of X and Y, shared by every sample of a data set.

    ``own_past[k]`` is the X column with the observed past of output k (same series, regular spacing,
    ending at the reference time), or None when the target's own past is not among the inputs.
    ``floors`` and ``darkness`` are what the training part shows: a target that never went below zero is not
    forecast there, and slots of the day that were always dark are forecast as zero.
    """

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    input_steps: int
    output_steps: int
    stride: float  # minutes between consecutive reference times
    x_scaler: Scaler
    y_scaler: Scaler
    own_past: tuple[int | None, ...]
    floors: tuple[float | None, ...] = ()  # per output what no forecast goes below, in its unit; () is none
    darkness: tuple[Darkness | None, ...] = ()  # per output how its past tells zeros; () is none

    def past_to_output(self, output: int) -> tuple[float, float]:
        """Return (gain, shift) that take the scaled own past of an output to the scale of the output.

        Without an own past the map is the identity.
        """
        own = self.own_past[output]
        if own is None:
            return 1.0, 0.0
        x, y = self.x_scaler, self.y_scaler
        gain = y.gain[output] / x.gain[own]  # through the unit of the series
        shift = (x.lo[own] - y.lo[output]) * y.gain[output] + y.low[output] - x.low[own] * gain
        return float(gain), float(shift)

    def bounded(self, y: Float64, x: Float32) -> Float64:
        """Return forecasts in original units held at the floors of their outputs, and zero where it is dark.

        Parameters
        ----------
        y
            Forecasts, shape (n, output_steps, n_outputs), or several of a single window.
        x
            The scaled windows that they are of, shape (n, input_steps, n_inputs).
        """
        if any(floor is not None for floor in self.floors):
            y = np.maximum(y, [-np.inf if floor is None else floor for floor in self.floors])
        for output, darkness in enumerate(self.darkness):
            if darkness is not None:
                y[:, :, output] = np.where(self.dark(x, output, darkness), 0.0, y[:, :, output])
        return y

    def dark(self, x: Float32, output: int, darkness: Darkness) -> Bool:
        """Tell dark steps of an output for scaled windows, shape (n, output_steps)."""
        return darkness.dark(x, *self.ahead_and_past(output, darkness.column))

    def ahead_and_past(self, output: int, column: int) -> tuple[Float64, Float64]:
        """Hours relative to the reference time of an output's points, and of those of an input."""
        past = self.offsets(self.inputs[column], self.input_steps)
        return self.offsets(self.outputs[output], self.output_steps), past

    def offsets(self, column: Column, n_steps: int) -> Float64:
        """Hours relative to the reference time of a column's points, shape (n_steps,)."""
        return np.linspace(column.start, column.end, n_steps)


@dataclass(frozen=True)
class Samples:
    """Samples of one part (train, validation or test) in time order, scaled, without NaN."""

    x: Float32  # (n_windows, input_steps, n_inputs)
    y: Float32  # (n_windows, output_steps, n_outputs)
    ref_ns: Int64  # (n_windows,) reference times, Unix nanoseconds

    def __len__(self) -> int:
        return len(self.ref_ns)

    def held_out(self, share: float) -> tuple["Samples", "Samples"]:
        """Return the older samples and the newest share of them, at least one, as views."""
        border = len(self) - max(1, int(share * len(self)))
        return self.rows(slice(0, border)), self.rows(slice(border, None))

    def rows(self, rows: slice) -> "Samples":
        """Return some of the samples, as views."""
        return Samples(self.x[rows], self.y[rows], self.ref_ns[rows])
