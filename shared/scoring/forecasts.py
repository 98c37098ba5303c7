"""Forecasts of one model beside the truth, in original units: what the evaluator reads."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput
from shared.series.arrays import Float64, Int64
from shared.windows.scaling import Scaler


class ForecastMalformed(InvalidInput):
    """Stored forecast arrays are missing or do not fit together."""

    code = "FORECAST_MALFORMED"
    advice = ("Train the model again: its stored forecasts cannot be read.",)


@dataclass(frozen=True)
class PartForecast:
    """Forecasts of one part; ``y_true`` and ``y_pred`` have shape (n_windows, output_steps, n_outputs)."""

    ref_ns: Int64
    y_true: Float64
    y_pred: Float64

    def __len__(self) -> int:
        return len(self.ref_ns)

    def scaled(self, scaler: Scaler) -> "PartForecast":
        """Return the same forecasts in scaled units."""
        return PartForecast(self.ref_ns, scaler.transform(self.y_true), scaler.transform(self.y_pred))


@dataclass(frozen=True)
class Forecast:
    """What a trained model says about the validation and the test part (either may be empty)."""

    validation: PartForecast
    test: PartForecast

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays to store: ``validation_ref_ns``, ``validation_y_true``, ... ``test_y_pred``."""
        parts = {"validation": self.validation, "test": self.test}
        return {
            f"{name}_{f.name}": getattr(part, f.name) for name, part in parts.items() for f in fields(part)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Forecast":
        """Build a forecast from ``to_arrays``' keys.

        Raises
        ------
        ForecastMalformed
            If an array is missing or the shapes of a part disagree.
        """
        return cls(_part(arrays, "validation"), _part(arrays, "test"))


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> PartForecast:
    keys = [f"{name}_{f.name}" for f in fields(PartForecast)]
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ForecastMalformed(f"the stored forecast lacks {', '.join(missing)}", field=missing[0])
    ref_ns, y_true, y_pred = (np.asarray(arrays[key]) for key in keys)
    if y_true.ndim != 3 or y_true.shape != y_pred.shape or ref_ns.shape != y_true.shape[:1]:
        raise ForecastMalformed(
            f"the {name} part has {ref_ns.shape} reference times, {y_true.shape} true values and "
            f"{y_pred.shape} forecasts; needed are (n,), (n, steps, outputs) twice",
            field=keys[1],
        )
    return PartForecast(
        np.asarray(ref_ns, np.int64), np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    )
