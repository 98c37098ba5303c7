"""Min-max scaling per column, fitted once on training samples and kept as plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import JsonValue

from shared.contracts.specs import Range
from shared.series.arrays import Float64


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

    def to_json(self) -> dict[str, JsonValue]:
        """Return the plain numbers."""
        return {name: getattr(self, name).tolist() for name in ("lo", "hi", "low", "high")}

    @classmethod
    def from_json(cls, numbers: Mapping[str, Sequence[float]]) -> Self:
        """Return the scaler that ``to_json`` described."""
        return cls(*(np.array(numbers[name], dtype=np.float64) for name in ("lo", "hi", "low", "high")))


def min_max_scaler(lo: Float64, hi: Float64, targets: Sequence[Range | None]) -> Scaler:
    """Return the scaler that maps [lo, hi] of each column to its target range; None leaves it as is.

    >>> scaler = min_max_scaler(np.array([0.0, 5.0]), np.array([10.0, 6.0]), [Range(), None])
    >>> scaler.transform(np.array([2.5, 5.5]))
    array([0.25, 5.5 ])
    """
    scaled = np.array([target is not None for target in targets], dtype=np.bool_)
    return Scaler(
        lo=np.where(scaled, lo, 0.0),
        hi=np.where(scaled, hi, 1.0),
        low=np.array([0.0 if target is None else target.min for target in targets]),
        high=np.array([1.0 if target is None else target.max for target in targets]),
    )
