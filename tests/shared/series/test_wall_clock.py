"""Wall clocks of every zone against zoneinfo, and local files with the doubled and the missing hour."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.series.problems import UnknownZone
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE
from shared.series.wall_clock import to_local, to_utc, zone_offsets
from tests.shared.windows.strategies import thorough

ZONES = sorted(available_timezones() - {"localtime"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AEP = Path(__file__).parents[3] / "../shared/data/AEP_hourly.csv"


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def stamps(start: str, n: int, minutes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return ns(start) + np.arange(n) * minutes * NS_PER_MINUTE


def shown(zone: str, moment: datetime) -> int:
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    return (local - EPOCH) // timedelta(microseconds=1) * 1000


@given(zone=st.sampled_from(ZONES), seconds=st.integers(-(2**31), 2**32))
@thorough
def test_the_wall_clock_of_any_zone_is_that_of_zoneinfo(zone: str, seconds: int) -> None:
    local = to_local(np.array([seconds * 10**9]), zone)

    assert local[0] == shown(zone, EPOCH + timedelta(seconds=seconds))


@pytest.mark.parametrize("zone", ZONES[:: max(len(ZONES) // 40, 1)])
def test_both_sides_of_every_clock_change_are_exact(zone: str) -> None:
    offsets = zone_offsets(zone, ns("1995-01-01"), ns("2038-01-01"))
    changes = offsets.since_ns[1:]

    for at in np.concatenate((changes, changes - 10**9)):
        assert to_local(np.array([at]), zone)[0] == shown(zone, EPOCH + timedelta(seconds=int(at) // 10**9))


@pytest.mark.parametrize("zone", ZONES)
def test_local_stamps_of_an_ordered_file_return_to_utc_in_every_zone(zone: str) -> None:
    utc = stamps("2023-12-30", 366 * 24 * 2, 30)

    again, report = to_utc(to_local(utc, zone), zone)

    np.testing.assert_array_equal(again, utc)
    assert len(report.missing) == len(report.assumed) == 0


@pytest.mark.parametrize("year", [2020, 2023, 2024])
def test_local_days_have_92_96_or_100_quarter_hours(year: int) -> None:
    utc = stamps(f"{year - 1}-12-31T23:00", 366 * 96, 15)
    days = to_local(utc, "Europe/Vienna") // (24 * NS_PER_HOUR)

    _, counts = np.unique(days, return_counts=True)

    spring, autumn = np.flatnonzero(counts[:-1] == 92), np.flatnonzero(counts[:-1] == 100)
    assert len(spring) == len(autumn) == 1
    assert set(counts[:-1]) == {92, 96, 100}


def test_the_doubled_hour_is_told_apart_by_the_order_of_rows() -> None:
    local = np.concatenate([stamps("2024-10-27T01:00", 8, 15), stamps("2024-10-27T02:00", 8, 15)])

    utc, report = to_utc(local, "Europe/Vienna")

    np.testing.assert_array_equal(np.diff(utc), 15 * NS_PER_MINUTE)
    assert report.doubled.tolist() == list(range(4, 12))
    assert report.in_order


def test_a_file_from_newest_to_oldest_is_read_the_other_way_round() -> None:
    utc = stamps("2024-10-26T20:00", 24, 30)

    again, report = to_utc(to_local(utc, "Europe/Vienna")[::-1], "Europe/Vienna")

    np.testing.assert_array_equal(again, utc[::-1])
    assert len(report.doubled) == 4


def test_a_doubled_hour_that_is_there_once_is_assumed_and_reported() -> None:
    local = stamps("2024-10-27T00:00", 6, 60)

    utc, report = to_utc(local, "Europe/Vienna")

    assert report.assumed.tolist() == [2]
    assert utc[2] == ns("2024-10-27T00:00")  # the first pass, summer time


def test_a_time_the_clock_skipped_is_read_with_the_offset_before_and_reported() -> None:
    local = np.array([ns("2024-03-31T01:59"), ns("2024-03-31T02:30"), ns("2024-03-31T03:00")])

    utc, report = to_utc(local, "Europe/Vienna")

    assert report.missing.tolist() == [1]
    assert utc[1] == ns("2024-03-31T01:30")  # 03:30 summer time


def test_stamps_that_label_the_end_of_an_hour_are_suspected_and_then_read_as_such() -> None:
    utc = stamps("2024-10-26T20:00", 12, 60)
    local = to_local(utc - NS_PER_HOUR, "Europe/Vienna") + NS_PER_HOUR  # labelled by their end

    _, suspicious = to_utc(local, "Europe/Vienna")
    again, report = to_utc(local, "Europe/Vienna", interval_ns=NS_PER_HOUR)

    assert suspicious.interval_end_suspected
    np.testing.assert_array_equal(again, utc)
    assert len(report.doubled) == 2


@pytest.mark.skipif(not AEP.is_file(), reason=f"{AEP.name} is not there")
def test_a_real_unsorted_local_file_becomes_hours_without_doubles() -> None:
    table = pd.read_csv(AEP)
    local = pd.to_datetime(table["Datetime"]).to_numpy("datetime64[ns]").astype(np.int64)

    _, suspicious = to_utc(local, "America/New_York")
    utc, report = to_utc(local, "America/New_York", interval_ns=NS_PER_HOUR)

    assert suspicious.interval_end_suspected
    assert not report.in_order
    assert len(report.doubled) == 8
    assert len(report.missing) == 0
    hours = np.diff(np.sort(utc)) // NS_PER_HOUR
    assert (hours == 0).sum() == 0  # none of the four doubles is left
    assert (hours > 1).sum() == 13  # of 27 gaps only those are real that no clock change explains


def test_a_report_is_json_with_counts_and_first_rows() -> None:
    _, report = to_utc(stamps("2024-10-27T00:00", 6, 60), "Europe/Vienna")

    assert report.to_json()["assumed"] == {"count": 1, "rows": [2]}


@pytest.mark.parametrize("name", ["", "Europe/Wien", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_a_typed_problem(name: str) -> None:
    with pytest.raises(UnknownZone):
        to_local(np.array([0]), name)
