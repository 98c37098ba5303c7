"""From a few words on the command line to a data set: sensible windows for a target and its inputs."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from shared.contracts.kinds import KINDS, MODEL_SPEC, SPECS, WIRE_NAMES, Kind, ModelSpec, kind_named
from shared.contracts.specs import Calendar, CalendarFeature, DatasetSpec, Horizon, SeriesSpec
from shared.errors import InvalidInput
from trainyard.inputs import category_of, check_names, horizon_of, is_constant, is_known, lagged
from trainyard.responses import Series

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(min|m|h|d|w)")
DAY, MINUTES_OF_YEAR = 1440.0, 525_960.0  # minutes
LEAST_STEPS = 7  # of a lookback: a week of days
MOST_STEPS = 768  # of a lookback nobody asked for: memory and networks grow with it
YEARS_SEEN = 1.9  # of data, before the time of year can be told from a trend
DEFAULT_MODELS = "LIN,Slots,LGBMR,Dense,CNN"  # kinds whose average does best on series of many sorts
_MINUTES = {"min": 1, "m": 1, "h": 60, "d": 1440, "w": 10_080}


class BadDuration(InvalidInput):
    """A length of time that cannot be read."""

    code = "BAD_DURATION"
    advice = ("Write a number and a unit: 30min, 24h, 7d or 2w.",)


class BadReading(InvalidInput):
    """A reading option that is no ``option=value``."""

    code = "BAD_READING"
    advice = ("Write --read decimal=, or --read key_columns=meter; docs/files.md lists the options.",)


class UnknownTarget(InvalidInput):
    """The target is none of the uploaded series."""

    code = "UNKNOWN_TARGET"


class UnknownModel(InvalidInput):
    """A model kind the platform does not know."""

    code = "UNKNOWN_MODEL"


def parse_duration(text: str) -> timedelta:
    """Return the length of time a text names.

    >>> parse_duration("24h")
    datetime.timedelta(days=1)
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise BadDuration(f"{text!r} is no length of time", field="duration")
    return timedelta(minutes=float(match[1]) * _MINUTES[match[2]])


def parse_lags(texts: Sequence[str]) -> dict[str, timedelta]:
    """Return lags by series, given as ``series=duration``, or as a duration: without a name, of the target.

    >>> parse_lags(["7d", "wind=2d"])
    {'': datetime.timedelta(days=7), 'wind': datetime.timedelta(days=2)}
    """
    found: dict[str, timedelta] = {}
    for text in texts:
        name, _, lag = text.rpartition("=")
        found[name.strip()] = parse_duration(lag)
    return found


def parse_reading(options: Sequence[str], *, file_name: str = "") -> dict[str, JsonValue]:
    """Return reading options given as ``option=value``, or ``file:option=value`` for one file alone.

    Lists are given as JSON, or one by one.

    >>> parse_reading(["decimal=,", "key_columns=meter", "missing_values=[]"])
    {'decimal': ',', 'key_columns': ['meter'], 'missing_values': []}
    >>> parse_reading(["a.csv:category_columns=tariff", "a.csv:category_columns=sky"], file_name="a.csv")
    {'category_columns': ['tariff', 'sky']}
    """
    found: dict[str, JsonValue] = {}
    for text in options:
        said, mark, value = text.partition("=")
        file, colon, name = said.strip().rpartition(":")
        if not mark or not name:
            raise BadReading(f"{text!r} is no option=value", field="read")
        if colon and file != file_name:
            continue
        before, parsed = found.get(name), _reading_value(name, value)
        both = isinstance(before, list) and isinstance(parsed, list)
        found[name] = [*before, *parsed] if both else parsed  # type: ignore[misc]  # both are lists
    return found


def _reading_value(name: str, value: str) -> JsonValue:
    if value.startswith("["):
        try:
            parsed: JsonValue = json.loads(value)
        except ValueError as error:
            raise BadReading(f"{value!r} is no list", field="read") from error
        return parsed
    if name in ("time_columns", "key_columns", "value_columns", "category_columns"):
        return [value]
    if name == "missing_values":
        return [float(value)]
    return {"true": True, "false": False}.get(value, value)


def left_out(series: Sequence[Series], spec: DatasetSpec) -> list[str]:
    """Say which uploaded series are no inputs, and why."""
    used = {one.series_id for one in spec.series}
    return [f"not an input: {s.name!r} never changes" for s in series if s.series_id not in used]


def parse_models(names: str, *, tune: int = 0) -> tuple[ModelSpec, ...]:
    """Return the specs of comma-separated kinds, in any usual spelling.

    ``tune`` trials are made of every kind that has parameters to search; closed forms choose for themselves.

    >>> [spec.kind for spec in parse_models("LIN, AR LSTM,svr-dir")]
    ['lin', 'ar_lstm', 'svr_dir']
    """
    kinds = [parse_kind(name) for name in names.split(",")]
    searched = {kind: {"tune": tune} if "tune" in SPECS[kind].model_fields else {} for kind in kinds}
    return tuple(MODEL_SPEC.validate_python({"kind": kind, **searched[kind]}) for kind in kinds)


def parse_kind(name: str) -> Kind:
    """Return the kind a name means, whatever its case and separators."""
    if kind := kind_named(name):
        return kind
    raise UnknownModel(
        f"{name.strip()!r} is no model; known are {', '.join(WIRE_NAMES[kind] for kind in KINDS)}",
        field="models",
    )


def plan_dataset(
    series: Sequence[Series],
    *,
    target: str,
    horizon: timedelta,
    lookback: timedelta | None = None,
    stride: timedelta | None = None,
    future: Collection[str] = (),
    future_only: Collection[str] = (),
    lags: Mapping[str, timedelta] | None = None,
    timezone: str = "UTC",
    country: str | None = None,
    subdivision: str | None = None,
    bounded: bool = True,
    interpolate: bool = False,
) -> DatasetSpec:
    """Return a data set that forecasts a target from the past of all series and from the calendar.

    Parameters
    ----------
    series
        The uploaded series; the target is among them.
    horizon, lookback
        How far to forecast, and how much of the past a model sees (default: 8 days of sub-daily rows, so
        that yesterday and a week ago are both there for every step of a day ahead, 8 weeks of longer ones;
        less where that would take more than a fifth of the data or ``MOST_STEPS`` rows).
    stride
        Distance between two samples; default: the target's step.
    future
        Names of series that are known in advance, such as schedules: their window covers the horizon and
        as much of the past before it as there is room for, with a point at every step.
    future_only
        Names of series that are known in advance and whose past says nothing: the horizon alone.
    lags
        By name of a series (empty: of the target) how long before it is seen once more, as an input of
        its own: a model with a short lookback sees the last week by a lag of 7 days.
    bounded
        Whether a target that was never below zero in training is not forecast there.
    interpolate
        Whether targets in gaps are made up from their neighbours; otherwise they are rows of the file.
    """
    goal = _target(series, target)
    usual_s, n_rows = goal.quality.get("step_s"), goal.statistics.get("n")
    if not isinstance(usual_s, int | float) or usual_s <= 0:
        raise UnknownTarget(f"{goal.name!r} has no step: it has fewer than two rows", field="target")
    step = float(usual_s) / 60
    ahead = horizon.total_seconds() / 60
    n_known = int(n_rows) if isinstance(n_rows, int | float) else 0
    back = (lookback.total_seconds() / 60) if lookback else _lookback(step, ahead, n_known)
    n_output, n_input = max(1, round(ahead / step)), max(1, round(back / step))
    past = Horizon(start=-(n_input - 1) * step / 60, end=0.0)
    coming = Horizon(start=step / 60, end=n_output * step / 60)
    spread = Horizon(start=0.0, end=step / 60) if n_output == 1 else coming  # room for more than one point
    known = _until(n_output, n_input, step, spread)
    inputs = [goal, *(s for s in series if s.series_id != goal.series_id and not is_constant(s))]
    check_names(inputs[1:], future, future_only)
    return DatasetSpec(
        series=(
            *(
                SeriesSpec(
                    series_id=s.series_id,
                    name=s.name,
                    role="input",
                    horizon=horizon_of(s, future, future_only, past=past, known=known, coming=spread),
                    resample="previous"
                    if is_known(s, (*future, *future_only)) and category_of(s)
                    else "auto",
                )
                for s in inputs
            ),
            *lagged(inputs, lags or {}, known, ahead / 60, step),
            SeriesSpec(
                series_id=goal.series_id,
                name=goal.name,
                role="output",
                horizon=coming,
                resample="filled" if interpolate else "auto",
                bounded=bounded,
            ),
        ),
        input_steps=n_input,
        output_steps=n_output,
        stride=(stride.total_seconds() / 60) if stride else step,
        calendar=Calendar(
            year=_feature(known, enabled=n_known * step >= YEARS_SEEN * MINUTES_OF_YEAR),
            week=_feature(known),
            day=_feature(known, enabled=step < DAY),
            # A day more: whether the day after is a holiday is known, and tells something.
            holiday=_feature(
                _until(n_output + round(DAY / step), n_input, step, spread), enabled=bool(country)
            ),
            timezone=timezone,
            country=country,
            subdivision=subdivision,
        ),
    )


def _lookback(step: float, ahead: float, n_rows: int) -> float:
    """Return the default lookback in minutes."""
    season = 8 * DAY if step < DAY else 56 * step
    room = min(MOST_STEPS, n_rows // 5 if n_rows else MOST_STEPS) * step
    least = max(2 * ahead, min(2 * DAY, 100 * step), LEAST_STEPS * step)
    return max(min(season, room), least)


def _until(last_step: int, n_points: int, step: float, otherwise: Horizon) -> Horizon:
    """Return the window of what is known ahead: a point per step up to ``last_step``, past included.

    A lookback that is shorter than the horizon has no room for that: its points are spread over the horizon.
    """
    if n_points < last_step:
        return otherwise
    return Horizon(start=(last_step - n_points + 1) * step / 60, end=last_step * step / 60)


def _feature(window: Horizon, *, enabled: bool = True) -> CalendarFeature:
    """A calendar feature by the local clock, or none."""
    if not enabled:
        return CalendarFeature()
    return CalendarFeature(enabled=True, at="window", horizon=window, local_time=True)


def _target(series: Sequence[Series], name: str) -> Series:
    exact = [s for s in series if s.name == name]
    loose = exact or [s for s in series if s.name.lower() == name.lower()]
    if len(loose) == 1:
        return loose[0]
    known = ", ".join(sorted(s.name for s in series))
    raise UnknownTarget(f"the target {name!r} is not among the series: {known}", field="target")
