"""Min-max scaling per column, fitted once on training samples and kept as plain numbers."""

from dataclasses import dataclass

import numpy as np

from shared.timeseries.arrays import Float64


@dataclass(frozen=True)
class Scaler:
    """z = (x - lo) / (hi - lo) * (high - low) + low per column; identity where ``scaled`` is false.

    All fields have shape (n_columns,); ``lo``/``hi`` are in the column's unit, ``low``/``high`` are the
    target range. Unscaled columns carry lo = low = 0 and hi = high = 1.
    """

    lo: Float64
    hi: Float64
    low: Float64
    high: Float64

    @property
    def gain(self) -> Float64:
        """Slope of the forward map, shape (n_columns,)."""
        span = np.where(self.hi == self.lo, 1.0, self.hi - self.lo)
        return (self.high - self.low) / span

    def transform(self, values: Float64) -> Float64:
        """Scale an array whose last axis is the columns."""
        return (values - self.lo) * self.gain + self.low

    def inverse(self, scaled: Float64) -> Float64:
        """Return scaled values to the columns' units; last axis is the columns."""
        return (scaled - self.low) / self.gain + self.lo
