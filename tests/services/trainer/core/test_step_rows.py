"""Rows of single steps: what each feature reads, by a naive loop over stamps and series."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from services.trainer.core.step_rows import Recipe, recipe_of, turn_of
from shared.series.arrays import Float32
from shared.windows.dataset import Dataset, build_dataset, build_window
from tests.support.forecasting import HOUR_NS, hourly_series
from trainyard.plan import plan_dataset
from trainyard.responses import Series as Found

ZONE = ZoneInfo("Europe/Vienna")
N = 1200  # hours from 1970 on: winter; enough for a week back and forth


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    series = hourly_series(N)
    found = [
        Found(series_id=name, name=name, statistics={"n": N}, quality={"step_s": 3600.0}) for name in series
    ]
    spec = plan_dataset(
        found,
        target="load",
        horizon=timedelta(hours=24),
        future={"temperature"},
        timezone=ZONE.key,
        country="AT",
    )
    return build_dataset(spec, series)


def rows_of(dataset: Dataset, name: str) -> Float32:
    recipe = recipe_of(dataset.layout, 0)
    return recipe.rows(dataset.x())[:, :, recipe.names.index(name)]


def target_hours(dataset: Dataset) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return (dataset.ref_ns // HOUR_NS)[:, None] + np.arange(1, 25)


def test_hours_and_weekdays_are_those_of_the_local_clock(dataset: Dataset) -> None:
    stamps = target_hours(dataset)
    local = [[datetime.fromtimestamp(int(h) * 3600, UTC).astimezone(ZONE) for h in row] for row in stamps]

    hours, weekdays = rows_of(dataset, "hour"), rows_of(dataset, "weekday")

    np.testing.assert_allclose(hours, [[t.hour for t in row] for row in local], atol=0.01)
    np.testing.assert_array_equal(weekdays, [[t.weekday() for t in row] for row in local])


@pytest.mark.parametrize(
    ("name", "back"), [("a day before", 24), ("two days before", 48), ("a week before", 168)]
)
def test_lags_are_relative_to_the_time_that_is_forecast(dataset: Dataset, name: str, back: int) -> None:
    load = hourly_series(N)["load"].values
    scaled = dataset.layout.y_scaler.transform(load[target_hours(dataset) - back][..., None])[..., 0]

    np.testing.assert_allclose(rows_of(dataset, f"load, {name}"), scaled, atol=1e-5)


def test_a_known_series_is_read_at_the_time_that_is_forecast_and_over_the_day_before_it(
    dataset: Dataset,
) -> None:
    temperature = hourly_series(N)["temperature"].values
    column = next(k for k, c in enumerate(dataset.layout.inputs) if c.name == "temperature")
    scaler, at = dataset.layout.x_scaler, target_hours(dataset)
    scaled = (temperature - scaler.lo[column]) * scaler.gain[column] + scaler.low[column]
    day = np.stack([scaled[at - back] for back in range(24)]).mean(axis=0)

    np.testing.assert_allclose(rows_of(dataset, "temperature, then"), scaled[at], atol=1e-5)
    np.testing.assert_allclose(rows_of(dataset, "temperature, mean of its day"), day, atol=1e-5)


def test_what_is_not_known_ahead_is_never_read_after_the_reference_time(dataset: Dataset) -> None:
    recipe, x = recipe_of(dataset.layout, 0), dataset.x()
    before = recipe.rows(x)
    series = hourly_series(N)
    sample = 100
    at = int(dataset.ref_ns[sample])
    changed = {
        name: type(s)(name, s.times_ns, np.where((s.times_ns > at) & (name != "temperature"), 1e3, s.values))
        for name, s in series.items()
    }

    fresh = build_window(dataset, changed, at)

    np.testing.assert_array_equal(recipe.rows(fresh)[0], before[sample])


def test_forecasting_sees_the_rows_training_saw(dataset: Dataset) -> None:
    recipe, series = recipe_of(dataset.layout, 0), hourly_series(N)
    whole = recipe.rows(dataset.x())

    for sample in (0, 17, dataset.n_windows - 1):
        fresh = build_window(dataset, series, int(dataset.ref_ns[sample]))

        np.testing.assert_array_equal(recipe.rows(fresh)[0], whole[sample])


def test_a_stored_recipe_gives_the_same_rows(dataset: Dataset) -> None:
    recipe, x = recipe_of(dataset.layout, 0), dataset.x()[:20]

    again = Recipe.from_arrays(recipe.to_arrays())

    assert again.names == recipe.names
    np.testing.assert_array_equal(again.rows(x), recipe.rows(x))


def test_the_turn_of_a_sine_and_a_cosine_is_the_share_they_were_made_of() -> None:
    shares = np.linspace(0, 1, 500, endpoint=False)

    found = turn_of(np.sin(2 * np.pi * shares), np.cos(2 * np.pi * shares))

    np.testing.assert_allclose(found, shares, atol=1e-7)
