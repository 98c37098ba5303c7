"""The linear model as a value: one matrix shared by the outputs, and a correction of each from all inputs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from services.trainer.core.model import ArrayFields
from shared.contracts.kinds import Kind
from shared.series.arrays import Float32, Float64, Int64

BLOCK = 2048  # windows forecast at once


@dataclass(frozen=True)
class LinearModel(ArrayFields):
    """y = past @ shared + x[picked] @ correction + intercept, in standard units, then scaled.

    ``own`` (n_outputs,) names the input column with each output's past, -1 for none; ``x_gain``, ``x_shift``
    bring it to standard units, ``y_gain``, ``y_shift`` bring forecasts back to scaled targets. ``shared`` is
    (input_steps, output_steps). ``picked`` (p,) indexes the flattened window, ``correction`` is
    (p, output_steps * n_outputs), ``intercept`` (output_steps * n_outputs,).
    """

    kind: ClassVar[Kind] = "lin"

    own: Int64
    x_gain: Float32
    x_shift: Float32
    y_gain: Float32
    y_shift: Float32
    shared: Float32
    picked: Int64
    correction: Float32
    intercept: Float32

    @property
    def output_steps(self) -> int:
        """Length of the forecast."""
        return int(self.shared.shape[1])

    def predict(self, x: Float32) -> Float32:
        """Forecast scaled windows, (n, input_steps, n_inputs) -> (n, output_steps, n_outputs)."""
        forecast = np.empty((len(x), self.output_steps, len(self.own)), np.float32)
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            forecast[rows] = self.standard_forecast(x[rows]) * self.y_gain + self.y_shift
        return forecast

    def standard_forecast(self, x: Float32) -> Float32:
        """Forecast in standard units, all windows at once."""
        shape = (len(x), self.output_steps, len(self.own))
        forecast = np.broadcast_to(self.intercept.reshape(shape[1:]), shape).copy()
        if len(self.picked):
            # Two small index arrays instead of a flattened copy: windows are often views of one series.
            steps, columns = np.divmod(self.picked, x.shape[2])
            forecast += (x[:, steps, columns] @ self.correction).reshape(shape)
        for output, column in enumerate(self.own):
            if column >= 0:
                past = x[:, :, column] * self.x_gain[output] + self.x_shift[output]
                forecast[:, :, output] += past @ self.shared
        return forecast

    def affine(self, n_inputs: int) -> tuple[Float64, Float64]:
        """Return the same model as one matrix on the flattened window.

        Returns
        -------
        weights
            Shape (input_steps * n_inputs, output_steps * n_outputs).
        intercept
            Shape (output_steps * n_outputs,), both in scaled units.
        """
        input_steps, n_outputs = len(self.shared), len(self.own)
        weights = np.zeros((input_steps, n_inputs, self.output_steps, n_outputs))
        intercept = self.intercept.astype(np.float64).reshape(self.output_steps, n_outputs)
        for output, column in enumerate(self.own):
            if column >= 0:
                weights[:, column, :, output] = self.x_gain[output] * self.shared
                intercept[:, output] += self.x_shift[output] * self.shared.sum(axis=0, dtype=np.float64)
        flat = weights.reshape(input_steps * n_inputs, -1)
        np.add.at(flat, self.picked, self.correction)
        gain = np.tile(self.y_gain, self.output_steps)
        return flat * gain, (intercept * self.y_gain + self.y_shift).ravel()
