"""One test window of a model as a chart shows it: past, truth, forecast and its bands."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import JsonValue

from services.evaluator.core.problems import PlotImpossible
from shared.scoring.adaptive import adaptive_intervals
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import Intervals
from shared.series.arrays import Float64, Int64
from shared.windows.dataset import Dataset

_MS = 1_000_000
_HOUR_NS = 3600 * 10**9


@dataclass(frozen=True)
class ShownOutput:
    """One output: distances of its steps from the reference time, and the past it was forecast from."""

    name: str
    offsets_ns: Int64  # (n_steps,)
    past_offsets_ns: Int64  # (n_past,)
    past: Float64 | None  # (n_windows, n_past); None: the own past is no input


@dataclass(frozen=True)
class ShownForecast:
    """The test part of one model, ready to be shown window by window."""

    outputs: tuple[ShownOutput, ...]
    test: PartForecast
    intervals: Intervals

    def window(self, number: int) -> dict[str, JsonValue]:
        """Return one window by its number in the test part; times are Unix milliseconds.

        Raises
        ------
        PlotImpossible
            If there is no such window.
        """
        n = len(self.test)
        if not 0 <= number < n:
            raise PlotImpossible(
                f"window {number} is not in the test part, which has {n} windows", field="window"
            )
        own = self.test.windows(slice(number, number + 1))
        lower, upper = self.intervals.around(own.y_pred, own.ref_ns, np.array([number]), spread=own.spread)
        ref_ns = int(self.test.ref_ns[number])
        outputs: list[JsonValue] = []
        for k, output in enumerate(self.outputs):
            past = output.past
            bands: list[JsonValue] = [
                {
                    "level": level,
                    "lower": _numbers(lower[i, 0, :, k]),
                    "upper": _numbers(upper[i, 0, :, k]),
                }
                for i, level in enumerate(self.intervals.levels)
            ]
            outputs.append(
                {
                    "name": output.name,
                    "times": _stamps(ref_ns, output.offsets_ns),
                    "actual": _numbers(self.test.y_true[number, :, k]),
                    "forecast": _numbers(self.test.y_pred[number, :, k]),
                    "bands": bands,
                    "past_times": [] if past is None else _stamps(ref_ns, output.past_offsets_ns),
                    "past": [] if past is None else _numbers(past[number]),
                }
            )
        return {
            "window": number,
            "n_windows": n,
            "reference_ms": ref_ns // _MS,
            "first_reference_ms": int(self.test.ref_ns[0]) // _MS,
            "last_reference_ms": int(self.test.ref_ns[-1]) // _MS,
            "outputs": outputs,
        }

    def at(self, moment_ms: int) -> int:
        """Return the number of the first window at or after a time; the last one where there is none."""
        place = int(np.searchsorted(self.test.ref_ns, np.int64(moment_ms) * _MS))
        return min(place, max(0, len(self.test) - 1))


def shown_forecast(dataset: Dataset, forecast: Forecast) -> ShownForecast:
    """Collect what charts of a model's test windows need."""
    layout = dataset.layout
    inputs = dataset.x(dataset.indices("test"), scaled=False) if len(forecast.test) else None
    outputs = []
    for column, own in zip(layout.outputs, layout.own_past, strict=True):
        known = own is not None and inputs is not None
        outputs.append(
            ShownOutput(
                name=column.name,
                offsets_ns=_ns(layout.offsets(column, layout.output_steps)),
                past_offsets_ns=_ns(layout.offsets(layout.inputs[own], layout.input_steps))
                if own is not None
                else np.array([], dtype=np.int64),
                past=np.asarray(inputs[:, :, own], dtype=np.float64)
                if known and inputs is not None
                else None,
            )
        )
    offset_hours = [layout.offsets(column, layout.output_steps) for column in layout.outputs]
    return ShownForecast(tuple(outputs), forecast.test, adaptive_intervals(forecast, offset_hours))


def _ns(hours: Float64) -> Int64:
    offsets: Int64 = np.round(hours * _HOUR_NS).astype(np.int64)
    return offsets


def _stamps(ref_ns: int, offsets_ns: Int64) -> list[JsonValue]:
    return [int(t) for t in (ref_ns + offsets_ns) // _MS]


def _numbers(values: Any) -> list[JsonValue]:
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]
