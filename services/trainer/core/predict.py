"""Forecasts in original units, batch by batch."""

from dataclasses import dataclass

import numpy as np

from services.trainer.core.model import Model, SaysSpread
from shared.errors import InvalidInput
from shared.scoring.forecasts import average_spread
from shared.series.arrays import Float32, Float64
from shared.windows.samples import Layout

BATCH = 2048  # windows scaled and forecast at once


class WindowsMalformed(InvalidInput):
    """The windows to forecast do not fit the model, or are not finite."""

    code = "WINDOWS_MALFORMED"


@dataclass(frozen=True)
class Forecaster:
    """A model together with the units it speaks."""

    model: Model
    layout: Layout
    learned_from_validation: bool = False  # whether the fit ended by using the validation part, too

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

        y = np.empty((len(windows), self.layout.output_steps, len(self.layout.outputs)))
        for start in range(0, len(windows), BATCH):
            x = self.layout.x_scaler.transform(windows[start : start + BATCH]).astype(np.float32)
            y[start : start + BATCH] = self.forecast_scaled(x)
        return y

    def forecast_scaled(self, x: Float32) -> Float64:
        """Forecast windows that are scaled already, in original units; shapes as for ``forecast``."""
        y = np.empty((len(x), self.layout.output_steps, len(self.layout.outputs)))
        for start in range(0, len(x), BATCH):
            some = x[start : start + BATCH]
            scaled = self.model.predict(some).astype(np.float64)
            y[start : start + BATCH] = self.layout.bounded(self.layout.y_scaler.inverse(scaled), some)
        return y

    def spread_scaled(self, x: Float32) -> Float64 | None:
        """Return how far off the model takes forecasts of scaled windows to be, in original units.

        Shape as for ``forecast``; None where the model does not say.
        """
        if not isinstance(self.model, SaysSpread):
            return None
        spread = self.model.spread(x)
        return None if spread is None else spread.astype(np.float64) / self.layout.y_scaler.gain


@dataclass(frozen=True)
class AverageForecaster:
    """Several models of one data set whose forecasts are averaged with weights that add up to 1."""

    members: tuple[Forecaster, ...]
    weights: tuple[float, ...]

    @property
    def layout(self) -> Layout:
        """What the members see and forecast."""
        return self.members[0].layout

    @property
    def learned_from_validation(self) -> bool:
        """Whether the fit of any member ended by using the validation part, too."""
        return any(member.learned_from_validation for member in self.members)

    def forecast(self, windows: Float64) -> Float64:
        """Forecast windows in original units; shapes and refusals as for ``Forecaster.forecast``."""
        return self._average([member.forecast(windows) for member in self.members])

    def forecast_scaled(self, x: Float32) -> Float64:
        """Forecast windows that are scaled already, in original units."""
        return self._average([member.forecast_scaled(x) for member in self.members])

    def spread_scaled(self, x: Float32) -> Float64 | None:
        """Return how far off the members that say so take forecasts to be; None where none does."""
        spreads = [member.spread_scaled(x) for member in self.members]
        said = [(one, w) for one, w in zip(spreads, self.weights, strict=True) if one is not None]
        return average_spread([one for one, _ in said], [weight for _, weight in said])

    def _average(self, forecasts: list[Float64]) -> Float64:
        return np.tensordot(np.array(self.weights), np.stack(forecasts), axes=1)
