"""What is known about every (window, step): the row a model sees that forecasts one step at a time.

A recipe says where each feature of each output step is read in a window: lags relative to the time that is
forecast and to the reference time, the calendar and known-ahead series at that time, and means over a day. It
is worked out once from the layout, becomes part of the model, and is the only way to its features: training,
forecasting and ONNX follow the same recipe.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, assert_never, get_args

import numpy as np
from numpy.typing import NDArray

from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Column, Layout

Operator = Literal["point", "mean", "least", "most", "constant", "hour", "weekday", "is_weekday"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
DAY, WEEK = 24.0, 168.0  # hours
EPSILON = 1e-3  # of an hour or a weekday: moments on a border belong to what begins there
LATELY: tuple[Operator, ...] = ("mean", "least", "most")
RECENT = 4  # newest values of a series that are features of their own
Use = Literal["lead", "calendar", "year", "own", "known", "past", "fade", "fading"]
USES: tuple[Use, ...] = get_args(Use)


@dataclass(frozen=True)
class Feature:
    """One column of the rows.

    ``first`` and ``last`` (output_steps,) are the points of the window that are read, both included; a point
    has both equal, a constant keeps its values in ``constant``. ``gain`` and ``shift`` bring the result to
    the unit the feature is meant in: that of the output for its own past, the scaled one for others.
    ``is_weekday`` is 1 on the weekday in ``constant``. ``use`` says what the feature is about.
    """

    name: str
    use: Use
    operator: Operator
    column: int
    partner: int  # the cosine beside a sine
    first: Int64
    last: Int64
    constant: Float64
    gain: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """The features of one output's rows, in column order."""

    features: tuple[Feature, ...]
    output_steps: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self.features)

    def rows(self, x: Float32) -> Float32:
        """Return the features of every step, (n, input_steps, n_inputs) -> (n, output_steps, n_features)."""
        rows = np.empty((len(x), self.output_steps, len(self.features)), np.float32)
        sums: dict[int, Float64] = {}
        for place, feature in enumerate(self.features):
            rows[:, :, place] = _values(feature, x, sums) * feature.gain + feature.shift
        return rows

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the recipe as plain arrays."""
        some = self.features
        return {
            "names": np.frombuffer(json.dumps(self.names).encode(), np.uint8),
            "operator": np.array([OPERATORS.index(f.operator) for f in some], dtype=np.int64),
            "use": np.array([USES.index(f.use) for f in some], dtype=np.int64),
            "columns": np.array([(f.column, f.partner) for f in some], dtype=np.int64).reshape(-1, 2),
            "first": np.array([f.first for f in some], dtype=np.int64).reshape(len(some), -1),
            "last": np.array([f.last for f in some], dtype=np.int64).reshape(len(some), -1),
            "constant": np.array([f.constant for f in some]).reshape(len(some), -1),
            "units": np.array([(f.gain, f.shift) for f in some]).reshape(-1, 2),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild a recipe."""
        names = json.loads(arrays["names"].tobytes())
        features = [
            Feature(
                name,
                USES[int(arrays["use"][k])],
                OPERATORS[int(arrays["operator"][k])],
                int(arrays["columns"][k, 0]),
                int(arrays["columns"][k, 1]),
                arrays["first"][k],
                arrays["last"][k],
                arrays["constant"][k],
                float(arrays["units"][k, 0]),
                float(arrays["units"][k, 1]),
            )
            for k, name in enumerate(names)
        ]
        return cls(tuple(features), arrays["first"].shape[1])


def recipe_of(layout: Layout, output: int) -> Recipe:
    """Work out the features of one output's rows: whatever its window can tell about each step."""
    ahead = layout.offsets(layout.outputs[output], layout.output_steps)
    none = np.zeros(len(ahead), np.int64)
    found = [Feature("lead", "lead", "constant", 0, 0, none, none, ahead), *_calendar(layout, ahead)]
    for place, column in enumerate(layout.inputs):
        if column.source != "calendar":
            known: Use = "known" if column.end > 0 else "past"
            use: Use = "own" if place == layout.own_past[output] else known
            found += _series(layout, output, place, use, ahead)
    return Recipe(tuple(found), layout.output_steps)


def turn_of(sine: NDArray[Any], cosine: NDArray[Any]) -> NDArray[Any]:
    """Return the share of the turn, 0 to 1, that a sine and a cosine stand for."""
    half = np.arccos(np.clip(cosine, -1.0, 1.0)) / (2.0 * np.pi)
    turn: NDArray[Any] = np.where(sine >= 0, half, 1.0 - half)
    return turn


def step_hours(layout: Layout, output: int = 0) -> float:
    """Return the hours between two output steps; with a single step those between two samples."""
    column = layout.outputs[output]
    if layout.output_steps < 2:
        return layout.stride / 60
    return (column.end - column.start) / (layout.output_steps - 1)


def _calendar(layout: Layout, ahead: Float64) -> Iterator[Feature]:
    """Hour, weekday, and every other calendar column at the time that is forecast."""
    places = {c.name: k for k, c in enumerate(layout.inputs) if c.source == "calendar"}
    scaler = layout.x_scaler
    plain = (scaler.gain == 1.0) & (scaler.lo == scaler.low)  # a sine that was scaled is no sine any more
    for name, place in places.items():
        if name.endswith("_cos"):
            continue
        window = Reading(layout, place, "year" if name == "year_sin" else "calendar")
        partner = places.get(name.removesuffix("_sin") + "_cos", place)
        match name:
            case "day_sin" | "week_sin" if not (plain[place] and plain[partner]):
                yield window.at(ahead, name)
                yield Reading(layout, partner, window.use).at(ahead, name.removesuffix("_sin") + "_cos")
            case "day_sin":
                yield window.at(ahead, "hour", "hour", partner)
            case "week_sin":
                yield window.at(ahead, "weekday", "weekday", partner)
            case "holiday":
                for days, suffix in ((0.0, ""), (-DAY, ", a day before"), (DAY, ", a day after")):
                    if window.covers(ahead + days):
                        yield window.at(ahead + days, name + suffix)
            case _:
                yield window.at(ahead, name)
                yield Reading(layout, partner, window.use).at(ahead, name.removesuffix("_sin") + "_cos")


def _series(layout: Layout, output: int, place: int, use: Use, ahead: Float64) -> Iterator[Feature]:
    """What a series tells: at the time that is forecast, days and weeks before it, and lately."""
    column, steps = layout.inputs[place], layout.input_steps
    window = Reading(layout, place, use, layout.past_to_output(output) if use == "own" else (1.0, 0.0))
    if use == "known":
        yield window.at(ahead, f"{column.name}, then")
        if window.covers(ahead - DAY):
            begins, ends = window.points(ahead - DAY + window.spacing), window.points(ahead)
            yield window.feature(f"{column.name}, mean of its day", "mean", begins, ends)
    elif column.start == column.end:
        yield window.at(ahead, column.name)
        return
    for lag, name in _lags(column, ahead):
        if window.covers(ahead - lag):
            yield window.at(ahead - lag, f"{column.name}, {name}")
    if use == "known":
        return
    last = np.full(len(ahead), steps - 1)
    for back in range(min(RECENT if use == "own" else 1, steps)):
        yield window.feature(f"{column.name}, {back + 1} back", "point", last - back, last - back)
    day, week = (max(1, round(hours / window.spacing)) for hours in (DAY, WEEK))
    begin = last - min(day, steps) + 1
    for operator in LATELY if use == "own" else LATELY[:1]:
        yield window.feature(f"{column.name}, {operator} of its last day", operator, begin, last)
    if use == "own" and day < week <= steps:
        yield window.feature(f"{column.name}, mean of its last week", "mean", last - week + 1, last)


def _lags(column: Column, ahead: Float64) -> Iterator[tuple[Float64, str]]:
    """Yield hours back from the time that is forecast: the newest days and weeks that are known then."""
    days = np.ceil(np.maximum(ahead - column.end, 0.0) / DAY - 1e-9)
    weeks = np.ceil(np.maximum(ahead - column.end, 0.0) / WEEK - 1e-9)
    days, weeks = np.maximum(days, 1.0), np.maximum(weeks, 1.0)
    yield days * DAY, "a day before"
    yield (days + 1.0) * DAY, "two days before"
    yield weeks * WEEK, "a week before"
    yield (weeks + 1.0) * WEEK, "two weeks before"


@dataclass(frozen=True)
class Reading:
    """How features are read from the window of one column."""

    layout: Layout
    place: int
    use: Use
    units: tuple[float, float] = (1.0, 0.0)

    @property
    def spacing(self) -> float:
        """Hours between two points; 0 where a single value is repeated."""
        column, steps = self.layout.inputs[self.place], self.layout.input_steps
        return (column.end - column.start) / (steps - 1) if steps > 1 else 0.0

    def covers(self, hours: Float64) -> bool:
        """Whether the window holds these moments, half a point of tolerance at both ends."""
        column, slack = self.layout.inputs[self.place], self.spacing / 2 + 1e-9
        return bool(hours.min() >= column.start - slack and hours.max() <= column.end + slack)

    def points(self, hours: Float64) -> Int64:
        """Return the points nearest to some moments, held at the window's ends."""
        steps = self.layout.input_steps
        if self.spacing == 0.0:
            return np.full(len(hours), steps - 1)
        places = np.round((hours - self.layout.inputs[self.place].start) / self.spacing)
        return np.clip(places, 0, steps - 1).astype(np.int64)

    def at(self, hours: Float64, name: str, operator: Operator = "point", partner: int = 0) -> Feature:
        """Read the value at each moment."""
        points = self.points(hours)
        return self.feature(name, operator, points, points, partner)

    def feature(self, name: str, operator: Operator, first: Int64, last: Int64, partner: int = 0) -> Feature:
        """Return a feature of this column."""
        none = np.zeros(len(first))
        return Feature(name, self.use, operator, self.place, partner, first, last, none, *self.units)


def _values(feature: Feature, x: Float32, sums: dict[int, Float64]) -> NDArray[Any]:
    column = feature.column
    match feature.operator:
        case "constant":
            return np.broadcast_to(feature.constant, (len(x), len(feature.constant)))
        case "point":
            return x[:, feature.first, column]
        case "mean":
            if column not in sums:
                zero = np.zeros((len(x), 1))
                sums[column] = np.concatenate(
                    [zero, np.cumsum(x[:, :, column], axis=1, dtype=np.float64)], axis=1
                )
            total: Float64 = sums[column][:, feature.last + 1] - sums[column][:, feature.first]
            return total / (feature.last + 1 - feature.first)
        case "least":
            least: Float32 = x[:, feature.first[0] : feature.last[0] + 1, column].min(axis=1, keepdims=True)
            return least
        case "most":
            most: Float32 = x[:, feature.first[0] : feature.last[0] + 1, column].max(axis=1, keepdims=True)
            return most
        case "hour" | "weekday" | "is_weekday":
            turn = turn_of(x[:, feature.first, column], x[:, feature.first, feature.partner])
            if feature.operator == "hour":
                hour: NDArray[Any] = np.mod(turn * 24.0 + EPSILON, 24.0)
                return hour
            weekday: NDArray[Any] = np.mod(np.floor(turn * 7.0 + EPSILON), 7.0)
            return weekday if feature.operator == "weekday" else weekday == feature.constant
        case _:
            assert_never(feature.operator)
