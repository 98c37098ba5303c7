"""What a regression per slot sees: features of each step, and products of two of them.

Products stand for what is not linear: squares and seasons of known series (demand rises with heat and with
cold), known series times one another and times the target's last day (clouds take a share of the sun's light,
whatever it is), harmonics of the year, and newest values whose say fades with the lead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.core.model import under
from services.trainer.core.step_rows import Feature, Recipe, recipe_of, step_hours
from shared.series.arrays import Float32, Int64
from shared.windows.samples import Layout

FADES = (2.0, 6.0, 18.0, 48.0)  # hours in which the say of the newest values falls to a third
MOST_OWN = 48  # values of the target's last day that are features of their own
MOST_COLUMNS = 400  # the normal equations grow with the square
MOST_SLOTS = 288
MIN_ROWS = 150  # rows that a slot needs for a regression of its own


@dataclass(frozen=True)
class Design:
    """Features by recipe, and which of them enter: alone (``second`` is -1) or as products of two.

    ``first`` and ``second`` have shape (n_columns,). ``hour`` is the feature that tells the slot, -1 where
    the output step itself is the slot; a day has ``n_slots`` of them.
    """

    recipe: Recipe
    first: Int64
    second: Int64
    hour: int
    n_slots: int

    @property
    def n_columns(self) -> int:
        """Columns of a row, the linear forecast included."""
        return len(self.first) + 1

    def rows(self, x: Float32, linear: Float32) -> tuple[Float32, Int64]:
        """Return (rows (n, output_steps, n_columns), slot of each (n, output_steps)).

        ``linear`` (n, output_steps) is the linear forecast, the last column.
        """
        features = self.recipe.rows(x)
        rows = np.empty((*features.shape[:2], self.n_columns), np.float32)
        rows[:, :, :-1] = features[:, :, self.first]
        products = self.second >= 0
        rows[:, :, :-1][:, :, products] *= features[:, :, self.second[products]]
        rows[:, :, -1] = linear
        n, n_steps = features.shape[:2]
        if self.hour < 0:
            return rows, np.broadcast_to(np.arange(n_steps) % self.n_slots, (n, n_steps))
        return rows, (features[:, :, self.hour] * (self.n_slots / 24.0)).astype(np.int64) % self.n_slots

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the design as plain arrays."""
        recipe = {f"recipe/{name}": array for name, array in self.recipe.to_arrays().items()}
        shape = np.array([self.hour, self.n_slots], dtype=np.int64)
        return {"first": self.first, "second": self.second, "slots": shape, **recipe}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild a design."""
        hour, n_slots = (int(value) for value in arrays["slots"])
        recipe = Recipe.from_arrays(under(arrays, "recipe/"))
        return cls(recipe, arrays["first"], arrays["second"], hour, n_slots)


def design_of(layout: Layout, output: int, n_windows: int) -> Design:
    """Work out what the regressions of one output see."""
    base = recipe_of(layout, output)
    features = [*base.features, *_more(base, layout, output)]
    recipe = Recipe(tuple(features), layout.output_steps)
    pairs = list(dict.fromkeys(_columns(features)))[:MOST_COLUMNS]
    first, second = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))

    # A day is divided into so many slots that each has rows enough for a regression of its own.
    hour, spacing = -1, step_hours(layout, output)
    if spacing < 24.0:
        hour = next((k for k, f in enumerate(features) if f.operator == "hour"), -1)
    if hour < 0:
        n_slots = layout.output_steps if n_windows >= MIN_ROWS else 1
    else:
        n_rows = n_windows * layout.output_steps
        finest = max(1, min(MOST_SLOTS, round(24.0 / spacing)))
        enough = (n for n in range(finest, 0, -1) if finest % n == 0 and n_rows >= n * MIN_ROWS)
        n_slots = next(enough, 1)
    return Design(recipe, first, second, hour, n_slots)


def _more(base: Recipe, layout: Layout, output: int) -> Iterator[Feature]:
    """Weekdays one by one, the target's last day, and how the newest values fade."""
    weekday = next((f for f in base.features if f.operator == "weekday"), None)
    if weekday:
        for day in range(1, 7):  # Monday is what none of them is
            number = np.full(layout.output_steps, float(day))
            yield replace(weekday, name=f"weekday {day}", operator="is_weekday", constant=number)
    newest = next((f for f in base.features if f.use == "own" and f.name.endswith(", 1 back")), None)
    if newest is None:
        return
    spacing = step_hours(layout, output)
    steps = layout.input_steps
    day = max(1, round(24.0 / spacing)) if spacing < 24.0 else 7
    back = np.unique(np.linspace(0, min(day, steps) - 1, min(day, steps, MOST_OWN)).round().astype(int))
    for points in back.tolist():
        yield _earlier(newest, points)
    for fade in FADES:
        hours = fade * max(1.0, spacing)
        lead = base.features[0].constant
        yield replace(base.features[0], name=f"fade {fade:g}", constant=np.exp(-lead / hours), use="fade")
    for points in (day, 7 * day):
        if points < steps:
            yield replace(_earlier(newest, points), use="fading")
    yield replace(newest, use="fading")


def _earlier(newest: Feature, points: int) -> Feature:
    at = newest.first - points
    return replace(newest, name=f"{newest.name}, {points} earlier", first=at, last=at)


def _columns(features: list[Feature]) -> Iterator[tuple[int, int]]:
    """Yield what enters: features alone, then products of two."""
    by_use: dict[str, list[int]] = {}
    for k, feature in enumerate(features):
        by_use.setdefault(feature.use, []).append(k)
    years = by_use.get("year", [])
    for use in ("calendar", "own", "known", "year", "past"):
        for k in by_use.get(use, []):
            if features[k].operator not in ("hour", "weekday"):
                yield k, -1
                if use == "known":
                    yield k, k
                    yield from ((k, year) for year in years)
    if len(years) == 2:  # the year's second harmonic
        yield from ((years[0], years[1]), (years[1], years[1]))
    yield from ((fade, value) for fade in by_use.get("fade", []) for value in by_use.get("fading", []))
    yield from _together(features, by_use)


def _together(features: list[Feature], by_use: Mapping[str, list[int]]) -> Iterator[tuple[int, int]]:
    """Yield known series at the forecast time times one another, their days' means and the own day."""
    known = by_use.get("known", [])
    then = [k for k in known if features[k].name.endswith(", then")]
    means = [k for k in known if features[k].operator == "mean"]
    own = [
        k for k in by_use.get("own", []) if features[k].name.endswith((", a day before", " of its last day"))
    ]
    yield from combinations(then, 2)
    yield from product(then, (*means, *own))
