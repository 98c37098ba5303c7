"""From a few words to a data set, and clear answers to words that mean nothing."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from shared.windows.dataset import build_dataset
from tests.support.forecasting import hourly_series
from trainyard.inputs import LagTooShort, UnknownInput
from trainyard.plan import (
    BadDuration,
    UnknownModel,
    UnknownTarget,
    parse_duration,
    parse_kind,
    parse_lags,
    parse_models,
    plan_dataset,
)
from trainyard.responses import Series

HOUR = {"step_s": 3600.0}
LOAD = Series(series_id="a" * 32, name="load", statistics={"n": 1000}, quality=HOUR)
WIND = Series(series_id="b" * 32, name="wind", statistics={"n": 1000}, quality=HOUR)


def test_the_target_is_forecast_from_the_past_of_all_series() -> None:
    spec = plan_dataset([WIND, LOAD], target="Load", horizon=timedelta(hours=6), lookback=timedelta(hours=12))

    assert [(s.name, s.horizon.start, s.horizon.end) for s in spec.inputs] == [
        ("load", -11.0, 0.0),
        ("wind", -11.0, 0.0),
    ]
    assert [(s.name, s.horizon.start, s.horizon.end) for s in spec.outputs] == [("load", 1.0, 6.0)]
    assert (spec.input_steps, spec.output_steps, spec.stride) == (12, 6, 60.0)


def test_a_series_known_in_advance_covers_the_horizon_and_keeps_its_past() -> None:
    spec = plan_dataset([LOAD, WIND], target="load", horizon=timedelta(hours=6), future={"wind"})

    wind = spec.inputs[1].horizon
    assert wind.end == spec.outputs[0].horizon.end == 6.0
    assert wind.end - wind.start == spec.input_steps - 1  # a point at every hour, so at every target's time


def test_a_series_can_be_known_in_advance_without_its_past() -> None:
    spec = plan_dataset([LOAD, WIND], target="load", horizon=timedelta(hours=6), future_only={"wind"})

    assert spec.inputs[1].horizon == spec.outputs[0].horizon


def test_a_lag_shows_a_series_once_more_as_it_was_before_what_is_forecast() -> None:
    spec = plan_dataset(
        [LOAD, WIND],
        target="load",
        horizon=timedelta(hours=6),
        lookback=timedelta(hours=48),
        lags=parse_lags(["7d", "wind=2d"]),
    )

    lagged = {s.name: s.horizon for s in spec.inputs[2:]}
    assert list(lagged) == ["load, 168 h before", "wind, 48 h before"]
    assert [s.series_id for s in spec.inputs[2:]] == [LOAD.series_id, WIND.series_id]
    week = lagged["load, 168 h before"]
    assert (week.start, week.end) == (6.0 - 47.0 - 168.0, 6.0 - 168.0)  # a week before the last step, hourly


def test_a_lag_of_a_week_ends_with_what_was_a_week_before_the_last_value_forecast() -> None:
    rows = hourly_series(700)
    found = [
        Series(series_id=name, name=name, statistics={"n": 700}, quality=HOUR)
        for name in ("load", "pressure")
    ]
    spec = plan_dataset(
        found,
        target="load",
        horizon=timedelta(hours=6),
        lookback=timedelta(hours=24),
        lags=parse_lags(["7d"]),
    )

    dataset = build_dataset(spec, rows)

    lagged = [column.name for column in dataset.layout.inputs].index("load, 168 h before")
    x, at = dataset.x(scaled=False)[:, :, lagged], dataset.ref_ns // (3600 * 10**9)
    np.testing.assert_allclose(x[:, -1], rows["load"].values[at + 6 - 168], rtol=1e-6)
    np.testing.assert_allclose(x[:, 0], rows["load"].values[at + 6 - 168 - 23], rtol=1e-6)
    assert dataset.layout.own_past == (0,)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"future": ["price"]}, "'price' is no input that may be known in advance; these may: wind"),
        ({"future_only": ["load"]}, "'load' is no input that may be known"),
        ({"future": ["wind"], "future_only": ["wind"]}, "with its past and without it"),
        ({"lags": {"price": timedelta(days=7)}}, "'price' is no input; these are: load, wind"),
    ],
)
def test_a_name_that_is_no_input_is_refused_with_those_there_are(said: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownInput, match=message):
        plan_dataset([LOAD, WIND], target="load", horizon=timedelta(hours=6), **said)


@pytest.mark.parametrize("lag", [timedelta(hours=5), timedelta(minutes=450)])
def test_a_lag_shorter_than_the_horizon_or_between_steps_is_refused(lag: timedelta) -> None:
    with pytest.raises(LagTooShort, match="6 h ahead in steps of 60 min"):
        plan_dataset([LOAD, WIND], target="load", horizon=timedelta(hours=6), lags={"wind": lag})


def test_a_lookback_shorter_than_the_horizon_spreads_what_is_known_over_it() -> None:
    spec = plan_dataset(
        [LOAD, WIND],
        target="load",
        horizon=timedelta(hours=24),
        lookback=timedelta(hours=12),
        future={"wind"},
    )

    assert spec.inputs[1].horizon == spec.outputs[0].horizon


@pytest.mark.parametrize(
    ("step_s", "n_rows", "horizon", "steps"),
    [
        (3600.0, 20_000, timedelta(hours=24), 8 * 24),
        (1800.0, 17_520, timedelta(hours=24), 8 * 48),
        (300.0, 100_000, timedelta(hours=24), 768),
        (86_400.0, 3_000, timedelta(days=7), 56),
        (3600.0, 500, timedelta(hours=24), 100),  # a fifth of the data
        (3600.0, 100, timedelta(hours=24), 48),  # twice the horizon, whatever there is
    ],
)
def test_the_default_lookback_shows_the_week_where_the_data_allow(
    step_s: float, n_rows: int, horizon: timedelta, steps: int
) -> None:
    series = LOAD.model_copy(update={"quality": {"step_s": step_s}, "statistics": {"n": n_rows}})

    assert plan_dataset([series], target="load", horizon=horizon).input_steps == steps


def test_holidays_need_a_country_days_short_steps_and_years_two_of_them() -> None:
    daily = LOAD.model_copy(update={"quality": {"step_s": 86_400.0}})
    long = LOAD.model_copy(update={"statistics": {"n": 17_520}})

    hourly_spec = plan_dataset([LOAD], target="load", horizon=timedelta(hours=6), country="AT")
    daily_spec = plan_dataset([daily], target="load", horizon=timedelta(days=7))
    long_spec = plan_dataset([long], target="load", horizon=timedelta(hours=6))

    assert [name for name, _ in hourly_spec.calendar.enabled()] == ["week", "day", "holiday"]
    assert [name for name, _ in daily_spec.calendar.enabled()] == ["year", "week"]
    assert [name for name, _ in long_spec.calendar.enabled()] == ["year", "week", "day"]
    assert hourly_spec.calendar.holiday.horizon.end == 6.0 + 24.0  # the day after, too


def test_an_unknown_target_is_answered_with_the_series_there_are() -> None:
    with pytest.raises(UnknownTarget, match="load, wind"):
        plan_dataset([LOAD, WIND], target="price", horizon=timedelta(hours=6))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LIN", "lin"),
        ("Linear", "lin"),
        ("Dense_NN", "dense"),
        ("ar-lstm", "ar_lstm"),
        ("SVR MIMO", "svr_mimo"),
    ],
)
def test_a_kind_is_known_in_every_usual_spelling(name: str, kind: str) -> None:
    assert parse_kind(name) == kind


def test_words_that_mean_nothing_are_refused_by_name() -> None:
    with pytest.raises(UnknownModel, match="'oracle'"):
        parse_models("LIN,oracle")
    with pytest.raises(BadDuration, match="'soon'"):
        parse_duration("soon")
