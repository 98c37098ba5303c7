"""Regressions per slot as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Arrays, under
from services.trainer.core.slots.design import Design
from shared.contracts.kinds import Kind
from shared.series.arrays import Float32
from shared.windows.samples import Layout

BLOCK_VALUES = 1 << 24  # values of rows held at once


@dataclass(frozen=True)
class Slots:
    """The regressions of one output: ``rows @ weights[slot] + intercept[slot]``, in scaled units.

    ``low`` and ``high`` (n_columns,) are what each column was between in the fit: products are held there,
    for a square of a value nobody has seen may be anything. ``weights`` is (n_slots, n_columns).
    """

    design: Design
    weights: Float32
    intercept: Float32
    low: Float32
    high: Float32

    def held(self, rows: Float32) -> Float32:
        """Hold products between what the fit has seen; plain columns may go on."""
        return np.clip(rows, self.low, self.high)

    def predict(self, x: Float32, linear: Float32) -> Float32:
        """Forecast windows, (n, input_steps, n_inputs) -> (n, output_steps)."""
        rows, slots = self.design.rows(x, linear)
        forecast: Float32 = np.einsum("nsc,nsc->ns", self.held(rows), self.weights[slots])
        return forecast + self.intercept[slots]


@dataclass(frozen=True)
class SlotsModel:
    """The linear forecast, and per output a regression per slot that sees it among other things."""

    kind: ClassVar[Kind] = "slots"

    base: LinearModel
    outputs: tuple[Slots, ...]

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        forecast = self.base.predict(x)
        for output, slots in enumerate(self.outputs):
            size = max(1, BLOCK_VALUES // (forecast.shape[1] * slots.design.n_columns))
            for start in range(0, len(x), size):
                some = slice(start, start + size)
                forecast[some, :, output] = slots.predict(x[some], forecast[some, :, output])
        return forecast

    def to_arrays(self) -> Arrays:
        """Return weights, designs and the linear model as plain arrays."""
        arrays = {f"linear/{name}": array for name, array in self.base.to_arrays().items()}
        for output, slots in enumerate(self.outputs):
            own = {name: getattr(slots, name) for name in ("weights", "intercept", "low", "high")}
            own |= {f"design/{name}": array for name, array in slots.design.to_arrays().items()}
            arrays |= {f"slots/{output:03}/{name}": array for name, array in own.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Self:
        """Rebuild the model; it predicts exactly as before."""
        outputs = [
            Slots(
                Design.from_arrays(under(arrays, f"slots/{k:03}/design/")),
                *(arrays[f"slots/{k:03}/{name}"] for name in ("weights", "intercept", "low", "high")),
            )
            for k in range(len(layout.outputs))
        ]
        return cls(LinearModel.from_arrays(under(arrays, "linear/"), layout), tuple(outputs))
