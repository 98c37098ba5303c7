"""Reference times follow the rows: whatever file and zone, a truth is a value of the file."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.specs import (
    Calendar,
    CalendarFeature,
    DatasetSpec,
    Horizon,
    Resample,
    SeriesSpec,
    Split,
)
from shared.series.row_clock import row_clock, usual_step_ns
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE, Series
from shared.windows.dataset import Dataset, build_dataset, build_window
from shared.windows.plan import plan_windows

ZONES = [
    "UTC",
    "Europe/Vienna",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
]
STEPS = ["7min", "15min", "30min", "h", "3h", "6h", "12h", "D", "2D", "W", "MS", "ME", "QS", "YS", "B"]


def planned(
    series: Series, *, zone: str, n_input: int = 3, n_output: int = 2, resample: Resample = "auto"
) -> DatasetSpec:
    hours = usual_step_ns(series.times_ns) / NS_PER_HOUR
    return DatasetSpec(
        series=(
            SeriesSpec(
                series_id="s", name="s", role="input", horizon=Horizon(start=-(n_input - 1) * hours, end=0)
            ),
            SeriesSpec(
                series_id="s",
                name="s",
                role="output",
                horizon=Horizon(start=hours, end=n_output * hours),
                resample=resample,
            ),
        ),
        input_steps=n_input,
        output_steps=n_output,
        stride=hours * 60,
        calendar=Calendar(timezone=zone),
        split=Split(purge=False),
    )


def counted(stamps: pd.DatetimeIndex) -> Series:
    times = stamps.as_unit("ns").asi8
    return Series("s", times, np.arange(1.0, len(times) + 1))


@st.composite
def files(draw: st.DrawFn) -> tuple[Series, str]:
    zone = draw(st.sampled_from(ZONES))
    start = pd.Timestamp("2021-01-01") + pd.Timedelta(minutes=draw(st.integers(0, 60 * 24 * 400)))
    local = pd.date_range(start, periods=draw(st.integers(8, 200)), freq=draw(st.sampled_from(STEPS)))
    wall = draw(st.booleans())
    stamps = (
        local.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.zeros(len(local), dtype=bool))
        if wall
        else local.tz_localize("UTC")
    )
    times = stamps.tz_convert("UTC")
    kept = np.array(draw(st.lists(st.integers(0, 9), min_size=len(times), max_size=len(times)))) > draw(
        st.sampled_from([-1, -1, 0])
    )
    jitter = draw(st.sampled_from([0, 0, 20, 3000]))
    drift = np.array(draw(st.lists(st.integers(0, jitter), min_size=len(times), max_size=len(times))))
    ns = np.unique((times.as_unit("ns").asi8 + drift * 10**9)[kept])
    if len(ns) < 2:
        ns = times.as_unit("ns").asi8[:2]
    values = np.arange(1.0, len(ns) + 1)
    values[draw(st.lists(st.integers(0, len(ns) - 1), max_size=3))] = np.nan
    values[0] = 1.0
    return Series("s", ns, values), draw(st.sampled_from([zone, "UTC"]))


@given(file=files())
@settings(max_examples=300, deadline=None)
def test_every_truth_of_every_window_is_a_value_of_the_file_and_no_input_looks_ahead(
    file: tuple[Series, str],
) -> None:
    series, zone = file

    dataset = Dataset.of(plan_windows(planned(series, zone=zone), {"s": series}), {"s": series})

    truths = dataset.y_true()[..., 0]
    assert np.isin(truths, series.values).all()
    known = np.where(np.isnan(series.values), -1, series.values)
    newest = known[np.searchsorted(series.times_ns, dataset.ref_ns, side="right") - 1]
    assert (
        dataset.x(scaled=False)[:, -1, 0]
        <= np.maximum.accumulate(known)[np.searchsorted(series.times_ns, dataset.ref_ns, side="right") - 1]
    ).all(), newest
    if dataset.n_windows and (np.diff(truths, axis=1) <= 0).any():
        raise AssertionError("a row was a truth of two steps")


@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize("zone", ZONES)
def test_a_gapless_file_gives_every_window_its_rows_fit(step: str, zone: str) -> None:
    stamps = pd.date_range("2021-02-03 00:00", periods=120, freq=step)
    hourly = pd.Timedelta(stamps[1] - stamps[0]) <= pd.Timedelta("1h")
    series = counted(stamps.tz_localize("UTC") if hourly else stamps.tz_localize(zone))

    dataset = build_dataset(planned(series, zone=zone), {"s": series})

    assert dataset.n_windows == 120 - 2 - 2
    assert dataset.y_true()[0, :, 0].tolist() == [4.0, 5.0]
    assert dataset.x(scaled=False)[-1, :, 0].tolist() == [116.0, 117.0, 118.0]
    np.testing.assert_array_equal(dataset.ref_ns, series.times_ns[2:-2])


def test_thirty_one_days_twelve_times_are_a_year_of_months() -> None:
    series = counted(pd.date_range("2000-01-01", periods=60, freq="MS"))
    hours = 31 * 24.0
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="s", name="s", role="input", horizon=Horizon(start=-11 * hours, end=0)),
            SeriesSpec(series_id="s", name="s", role="output", horizon=Horizon(start=hours, end=6 * hours)),
        ),
        input_steps=12,
        output_steps=6,
        stride=hours * 60,
    )

    dataset = build_dataset(spec, {"s": series})

    assert dataset.y_true()[0, :, 0].tolist() == [13, 14, 15, 16, 17, 18]
    assert str(dataset.ref_ns.astype("M8[ns]")[0])[:10] == "2000-12-01"


def test_a_stored_calendar_of_days_forecasts_the_same_on_newer_rows(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    series = counted(pd.date_range("2021-02-03", periods=120, freq="D", tz="Europe/Vienna"))
    week = CalendarFeature(enabled=True, horizon=Horizon(start=24, end=48), local_time=True)
    spec = planned(series, zone="Europe/Vienna")
    spec = spec.model_copy(update={"calendar": Calendar(week=week, timezone="Europe/Vienna")})
    dataset = build_dataset(spec, {"s": series})
    folder = tmp_path_factory.mktemp("stored")

    dataset.save(folder)
    again = Dataset.open(folder)

    np.testing.assert_array_equal(again.ref_ns, dataset.ref_ns)
    np.testing.assert_array_equal(again.x(), dataset.x())
    for sample in (0, 50, 115):
        fresh = build_window(again, {"s": series}, int(dataset.ref_ns[sample]))
        np.testing.assert_array_equal(fresh, dataset.x(np.array([sample])))


@pytest.mark.parametrize("minutes", [(59, 60, 61), (60, 59, 60, 61)])
def test_stamps_that_waver_about_the_hour_have_a_step_of_an_hour(minutes: tuple[int, ...]) -> None:
    distance = np.tile(minutes, 100)[: 3 * 60]
    times = np.cumsum(distance) * NS_PER_MINUTE

    assert usual_step_ns(times) == NS_PER_HOUR


def test_an_hourly_file_that_becomes_quarter_hourly_is_read_on_its_rows() -> None:
    hourly = pd.date_range("2024-01-01", periods=200, freq="h")
    quarter = pd.date_range(hourly[-1] + pd.Timedelta("15min"), periods=600, freq="15min")
    series = counted(pd.DatetimeIndex([*hourly, *quarter]))

    dataset = build_dataset(planned(series, zone="UTC"), {"s": series})

    assert np.isin(dataset.y_true(), series.values).all()
    assert dataset.n_windows >= 590


def test_an_empty_cell_and_an_absent_row_are_the_same_knowledge() -> None:
    stamps = pd.date_range("2024-01-01", periods=300, freq="h")
    whole = counted(stamps)
    empty = whole.values.copy()
    empty[40::50] = np.nan
    absent = np.isfinite(empty)
    spec = planned(whole, zone="UTC", resample="auto")

    with_cells = build_dataset(spec, {"s": Series("s", whole.times_ns, empty)})
    without = build_dataset(spec, {"s": Series("s", whole.times_ns[absent], empty[absent])})

    np.testing.assert_array_equal(with_cells.ref_ns, without.ref_ns)
    np.testing.assert_array_equal(with_cells.x(), without.x())
    np.testing.assert_array_equal(with_cells.y(), without.y())
    assert with_cells.n_windows < 296


def test_interpolated_targets_are_counted() -> None:
    stamps = pd.date_range("2024-01-01", periods=100, freq="h").delete([50])
    series = counted(stamps)

    asked = build_dataset(planned(series, zone="UTC", resample="linear"), {"s": series})
    default = build_dataset(planned(series, zone="UTC"), {"s": series})

    found = {finding.code: finding for finding in asked.findings}
    assert found["TARGETS_INTERPOLATED"].details["n_interpolated"] == 2
    assert "TARGETS_INTERPOLATED" not in {finding.code for finding in default.findings}


def test_the_clock_of_rows_is_exact_where_they_keep_one() -> None:
    for zone in ZONES:
        local = pd.date_range("2021-01-01", periods=800, freq="D", tz=zone)
        clock = row_clock(counted(local).times_ns, zone)

        assert clock.exact, zone
