"""One forecast of the future: time-stamped values in original units with intervals, and what they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import JsonValue

from services.trainer.core.predict import AverageForecaster, Forecaster
from shared.errors import InvalidInput
from shared.scoring.intervals import Intervals
from shared.series.arrays import Float64, Int64
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.dataset import Dataset
from shared.windows.upcoming import Upcoming, upcoming_window

Json = dict[str, JsonValue]


class HorizonTooLong(InvalidInput):
    """More hours are asked for than the model forecasts."""

    code = "HORIZON_TOO_LONG"


@dataclass(frozen=True, eq=False)
class FutureForecast:
    """A forecast before it becomes JSON; shapes are (n_steps, n_outputs), with levels in front."""

    upcoming: Upcoming
    times_ns: Int64
    values: Float64
    lower: Float64
    upper: Float64
    levels: tuple[float, ...]


def forecast_future(
    dataset: Dataset,
    forecaster: Forecaster | AverageForecaster,
    intervals: Intervals,
    series: Mapping[str, Series],
    ref_ns: int,
) -> FutureForecast:
    """Forecast from one reference time with a stored model.

    Parameters
    ----------
    intervals
        Of the model, from its errors so far; they end where its forecasts are bounded.
    series
        Rows by series id, values given for the future among them.

    Raises
    ------
    InvalidInput
        One of `shared.windows.upcoming`, if the window is incomplete.
    """
    upcoming = upcoming_window(dataset, series, ref_ns)
    values = forecaster.forecast_scaled(upcoming.x)[0]
    spread = forecaster.spread_scaled(upcoming.x) if intervals.in_spreads else None
    ends = [ends[:, 0] for ends in intervals.around(values[None], np.array([ref_ns]), spread=spread)]
    # An end that is not known stays so.
    lower, upper = (np.where(np.isnan(end), end, forecaster.layout.bounded(end, upcoming.x)) for end in ends)
    return FutureForecast(upcoming, output_times(dataset, ref_ns), values, lower, upper, intervals.levels)


def output_times(dataset: Dataset, ref_ns: int) -> Int64:
    """Return the moments of the forecast values, shape (n_steps, n_outputs)."""
    ref = np.array([ref_ns])
    columns = [rule.window.moments(ref, rule.calendar)[0] for rule in dataset.plan.outputs]
    return np.stack([np.broadcast_to(column, dataset.spec.output_steps) for column in columns], axis=1)


def kept_steps(dataset: Dataset, ref_ns: int, horizon_hours: float | None) -> int:
    """Return how many steps lie within a horizon.

    Raises
    ------
    HorizonTooLong
        If the model does not reach that far, or the horizon ends before the first step.
    """
    times = output_times(dataset, ref_ns)
    if horizon_hours is None:
        return len(times)
    ahead = (times.max(axis=1) - ref_ns) / NS_PER_HOUR
    if horizon_hours > ahead[-1] + 1e-9:
        raise HorizonTooLong(
            f"the horizon of {horizon_hours:g} h is beyond the model's {ahead[-1]:g} h",
            suggestions=(f"Ask for at most {ahead[-1]:g} h, or train a model that reaches further.",),
            field="horizon",
            limit_hours=float(ahead[-1]),
        )
    kept = int(np.count_nonzero(ahead <= horizon_hours + 1e-9))
    if kept == 0:
        raise HorizonTooLong(
            f"the first value lies {ahead[0]:g} h ahead, the horizon is {horizon_hours:g} h",
            suggestions=(f"Ask for at least {ahead[0]:g} h.",),
            field="horizon",
            least_hours=float(ahead[0]),
        )
    return kept


def outputs_to_json(dataset: Dataset, found: FutureForecast, n_steps: int, zone: str) -> list[JsonValue]:
    """Return the values of each output, stamped by the clock of a zone; an unknown end is null."""
    outputs: list[JsonValue] = []
    for k, output in enumerate(dataset.spec.outputs):
        values: list[JsonValue] = []
        for step in range(n_steps):
            ends: list[JsonValue] = [
                {
                    "level": round(100 * level, 6),
                    "lower": _finite(found.lower[i, step, k]),
                    "upper": _finite(found.upper[i, step, k]),
                }
                for i, level in enumerate(found.levels)
            ]
            values.append(
                {
                    "time": local_stamp(int(found.times_ns[step, k]), zone),
                    "value": _finite(found.values[step, k]),
                    "intervals": ends,
                }
            )
        outputs.append({"name": output.name, "series_id": output.series_id, "values": values})
    return outputs


def rows_to_json(
    found: Upcoming, series: Sequence[Series], zone: str
) -> tuple[list[JsonValue], list[JsonValue]]:
    """Return which rows the window read, and each value that is not simply a row, with its origin."""
    read: list[JsonValue] = []
    filled: list[JsonValue] = []
    for source, rows in zip(found.read, series, strict=True):
        first, last = int(source.rows[:, 0].min()), int(source.rows[:, 1].max())
        stamps = [local_stamp(int(rows.times_ns[row]), zone) for row in (first, last)]
        n_rows = len(np.unique(source.rows))
        read.append({"series": source.series, "first": stamps[0], "last": stamps[1], "n_rows": n_rows})
        for k, origin in enumerate(source.origin):
            if origin in ("interpolated", "filled"):
                behind: list[JsonValue] = [
                    local_stamp(int(rows.times_ns[row]), zone)
                    for row in dict.fromkeys(source.rows[k].tolist())
                ]
                at = local_stamp(int(source.at_ns[k]), zone)
                filled.append({"series": source.series, "time": at, "how": origin, "from": behind})
    return read, filled


def template_to_json(
    dataset: Dataset, stamps: Mapping[str, Int64], missing: Mapping[str, Int64], zone: str
) -> list[JsonValue]:
    """Return the stamps each input known in advance needs, and which of them nobody has told yet."""
    inputs: list[JsonValue] = []
    for rule in dataset.plan.inputs:
        name = rule.spec.name
        if not rule.known_ahead:
            continue
        open_ = set(missing.get(name, np.empty(0, np.int64)).tolist())
        inputs.append(
            {
                "series": name,
                "stamps": [
                    {"time": local_stamp(int(at), zone), "known": int(at) not in open_} for at in stamps[name]
                ],
            }
        )
    return inputs


def local_stamp(at_ns: int, zone: str) -> str:
    """Return a moment as ISO 8601 by the clock of a zone, with its offset.

    >>> local_stamp(1_420_030_800 * 10**9, "Australia/Melbourne")
    '2015-01-01T00:00:00+11:00'
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000)
    return moment.astimezone(ZoneInfo(zone)).isoformat()


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
