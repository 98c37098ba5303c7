"""Forecasts of one model beside the truth, in original units: what the evaluator reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput
from shared.series.arrays import Float64, Int64

ARRAYS = ("ref_ns", "y_true", "y_pred")  # of every part


class ForecastMalformed(InvalidInput):
    """Stored forecast arrays are missing or do not fit together."""

    code = "FORECAST_MALFORMED"
    advice = ("Train the model again: its stored forecasts cannot be read.",)


@dataclass(frozen=True)
class PartForecast:
    """Forecasts of one part; ``y_true`` and ``y_pred`` have shape (n_windows, output_steps, n_outputs).

    ``spread``, of the same shape, is how far off the model itself takes each forecast to be, up to a factor;
    None where it does not say.
    """

    ref_ns: Int64
    y_true: Float64
    y_pred: Float64
    spread: Float64 | None = None

    def __len__(self) -> int:
        return len(self.ref_ns)

    def without_spread(self) -> "PartForecast":
        """Return the same forecasts, of which nobody says how far off they are."""
        return PartForecast(self.ref_ns, self.y_true, self.y_pred)

    def windows(self, some: slice | Int64) -> "PartForecast":
        """Return the forecasts of some windows."""
        spread = None if self.spread is None else self.spread[some]
        return PartForecast(self.ref_ns[some], self.y_true[some], self.y_pred[some], spread)


@dataclass(frozen=True)
class Forecast:
    """What a trained model says about the validation and the test part (either may be empty)."""

    validation: PartForecast
    test: PartForecast

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays to store: ``validation_ref_ns``, ``validation_y_true``, ... ``test_y_pred``.

        ``validation_spread`` and ``test_spread`` are there where the model says how far off it is.
        """
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in (("validation", self.validation), ("test", self.test)):
            arrays |= {f"{name}_{key}": getattr(part, key) for key in ARRAYS}
            if part.spread is not None:
                arrays[f"{name}_spread"] = part.spread
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Forecast":
        """Build a forecast from ``to_arrays``' keys.

        Raises
        ------
        ForecastMalformed
            If an array is missing or the shapes of a part disagree.
        """
        return cls(_part(arrays, "validation"), _part(arrays, "test"))


def alike(parts: Sequence[PartForecast]) -> list[PartForecast]:
    """Return parts that all say how far off they are, or none: as they are where all do."""
    said = all(part.spread is not None for part in parts)
    return list(parts) if said else [part.without_spread() for part in parts]


def average_spread(spreads: Sequence[Float64], weights: Sequence[float]) -> Float64 | None:
    """Return how far off an average is by the members that say so; None where none does."""
    if not spreads:
        return None
    shares = np.array(weights) / np.sum(weights)
    return np.asarray(np.tensordot(shares, np.stack(spreads), axes=1))


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> PartForecast:
    keys = [f"{name}_{key}" for key in ARRAYS]
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
    spread = arrays.get(f"{name}_spread")
    if spread is not None and spread.shape != y_pred.shape:
        raise ForecastMalformed(
            f"the {name} part has {y_pred.shape} forecasts, and {spread.shape} spreads of them",
            field=f"{name}_spread",
        )
    return PartForecast(
        np.asarray(ref_ns, np.int64),
        np.asarray(y_true, np.float64),
        np.asarray(y_pred, np.float64),
        None if spread is None else np.asarray(spread, np.float64),
    )
