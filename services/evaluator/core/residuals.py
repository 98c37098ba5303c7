"""What forecast errors look like: their distribution, and the hours and weekdays they gather in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Bool, Float64, Int64

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_HOUR_NS = 3600 * 10**9
_CHUNK_VALUES = 2**18


@dataclass(frozen=True)
class ResidualStatistics:
    """Distribution of forecast minus truth of one output, in its unit; None where undefined."""

    output: str
    n: int
    bias: float | None
    standard_deviation: float | None
    skewness: float | None
    excess_kurtosis: float | None
    quantiles: dict[str, float | None]
    largest: float | None  # the error of largest size
    largest_ref_ns: int | None  # reference time of the window it belongs to
    largest_step: int | None  # from 0
    bin_edges: tuple[float, ...]
    counts: tuple[int, ...]  # histogram; errors beyond the outer edges are counted in the outer bins


def residual_statistics(
    part: PartForecast, *, names: Sequence[str], n_bins: int = 60
) -> list[ResidualStatistics]:
    """Describe the errors of every output; pairs that are not finite are left out."""
    with np.errstate(over="ignore", invalid="ignore"):  # moments of absurd errors are infinite: null in JSON
        return [_describe(part, i, name, n_bins) for i, name in enumerate(names)]


@dataclass(frozen=True)
class ErrorCalendar:
    """Mean absolute error and bias of one output by weekday (Monday first) and hour of the target time.

    Shapes (7, 24), NaN where no true value falls.
    """

    output: str
    mae: Float64
    bias: Float64
    n: Int64


def error_calendar(
    part: PartForecast, *, offset_hours: Sequence[Float64], names: Sequence[str], timezone: str = "UTC"
) -> list[ErrorCalendar]:
    """Sort errors by the local weekday and hour of the value that was forecast.

    Parameters
    ----------
    offset_hours
        Per output the distance of its steps from the reference time, shape (n_steps,).
    timezone
        IANA name of the clock on the wall.
    """
    calendars = []
    size_of_chunk = max(1, _CHUNK_VALUES // max(1, part.y_true.shape[1]))
    for output, name in enumerate(names):
        offsets = np.round(offset_hours[output] * _HOUR_NS).astype(np.int64)
        n, size, total = (np.zeros(7 * 24) for _ in range(3))
        for start in range(0, len(part), size_of_chunk):
            rows = slice(start, start + size_of_chunk)
            error = (part.y_pred[rows, :, output] - part.y_true[rows, :, output]).ravel()
            known: Bool = np.isfinite(error)
            time_ns = (part.ref_ns[rows, None] + offsets).ravel()[known]
            local = pd.to_datetime(time_ns, unit="ns", utc=True).tz_convert(timezone)
            slots = (local.day_of_week * 24 + local.hour).to_numpy()
            n += np.bincount(slots, minlength=168)
            size += np.bincount(slots, np.abs(error[known]), minlength=168)
            total += np.bincount(slots, error[known], minlength=168)
        with np.errstate(invalid="ignore"):
            mae, bias = (a.reshape(7, 24) for a in (size / n, total / n))
        calendars.append(ErrorCalendar(name, mae, bias, n.reshape(7, 24).astype(np.int64)))
    return calendars


def _describe(part: PartForecast, output: int, name: str, n_bins: int) -> ResidualStatistics:
    error = part.y_pred[..., output] - part.y_true[..., output]
    values = error[np.isfinite(error)]
    if not values.size:
        quantiles: dict[str, float | None] = dict.fromkeys(map(str, QUANTILES))
        return ResidualStatistics(name, 0, None, None, None, None, quantiles, None, None, None, (), ())
    bias, deviation = float(values.mean()), float(values.std())
    # A spread that is only rounding has no shape.
    standard = (values - bias) / deviation if deviation > 1e-12 * np.abs(values).max() else None
    levels = np.quantile(values, QUANTILES)
    window, step = np.unravel_index(
        int(np.nanargmax(np.abs(np.where(np.isfinite(error), error, np.nan)))), error.shape
    )
    # Outliers would squeeze everybody else into one bin: the edges span 99.8 % of the errors.
    low, high = np.quantile(values, [0.001, 0.999])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, n_bins + 1)
    counts, _ = np.histogram(np.clip(values, low, high), bins=edges)
    return ResidualStatistics(
        output=name,
        n=int(values.size),
        bias=bias,
        standard_deviation=deviation,
        skewness=None if standard is None else float((standard**3).mean()),
        excess_kurtosis=None if standard is None else float((standard**4).mean() - 3.0),
        quantiles={str(q): float(value) for q, value in zip(QUANTILES, levels, strict=True)},
        largest=float(error[window, step]),
        largest_ref_ns=int(part.ref_ns[window]),
        largest_step=int(step),
        bin_edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
    )
