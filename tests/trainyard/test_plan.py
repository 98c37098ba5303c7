"""From a few words to a data set, and clear answers to words that mean nothing."""

from datetime import timedelta

import pytest

from trainyard.plan import (
    BadDuration,
    UnknownModel,
    UnknownTarget,
    parse_duration,
    parse_kind,
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
