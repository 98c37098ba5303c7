"""Forecasts in original units, batch by batch."""

from dataclasses import dataclass

import numpy as np

from services.trainer.core.model import Model
from shared.errors import InvalidInput
from shared.timeseries.arrays import Float64
from shared.timeseries.samples import Layout

BATCH = 2048  # windows scaled and forecast at once


class WindowsMalformed(InvalidInput):
    """The windows to forecast do not fit the model, or are not finite."""

    code = "WINDOWS_MALFORMED"


@dataclass(frozen=True)
class Forecaster:
    """A model together with the units it speaks."""

    model: Model
    layout: Layout

    def forecast(self, windows: Float64) -> Float64:
        """Forecast windows in original units.

        Parameters
        ----------
        windows
            Shape (n_windows, input_steps, n_inputs), columns in the layout's order.

        Returns
        -------
        y_pred
            Shape (n_windows, output_steps, n_outputs).

        Raises
        ------
        WindowsMalformed
            If the shape differs from the layout's, or a value is missing.
        """
        layout = self.layout
        self._require_fitting(windows)
        y = np.empty((len(windows), layout.output_steps, len(layout.outputs)))
        for first in range(0, len(windows), BATCH):
            rows = slice(first, first + BATCH)
            x = layout.x_scaler.transform(windows[rows]).astype(np.float32)
            y[rows] = layout.y_scaler.inverse(self.model.predict(x).astype(np.float64))
        return y

    def _require_fitting(self, windows: Float64) -> None:
        expected = (self.layout.input_steps, len(self.layout.inputs))
        if windows.ndim != 3 or windows.shape[1:] != expected:
            raise WindowsMalformed(
                f"the windows have shape {windows.shape}; needed is (n, {expected[0]}, {expected[1]})",
                field="x",
                columns=[column.name for column in self.layout.inputs],
            )
        finite = np.isfinite(windows).all(axis=(1, 2))
        if not finite.all():
            first = int(np.argmin(finite))
            raise WindowsMalformed(f"window {first} holds missing values", field="x", window=first)
