"""Calendar features against the printed values, plain datetime arithmetic and their own symmetries."""

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import Calendar, CalendarFeature, Feature
from shared.series.calendar import CalendarClock, clock_of, country_code, feature_values, is_holiday
from shared.series.problems import BadSetting, UnknownCountry, UnknownZone
from tests.shared.windows.strategies import thorough

VIENNA = CalendarClock("Europe/Vienna", "AT")
UTC_CLOCK, LOCAL = CalendarFeature(), CalendarFeature(local_time=True)
PERIODS = ("year", "month", "week", "day")


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("at", "feature", "values"),
    [
        ("2024-03-31T01:30", "year", (0.999547, 0.030100, 0.999730, 0.023245)),
        ("2024-03-31T01:30", "month", (-0.353445, 0.935455, -0.172262, 0.985051)),
        ("2024-03-31T01:30", "week", (0.382683, -0.923880, -0.693761, 0.720205)),
        ("2024-03-31T01:30", "day", (0.382683, 0.923880, 0.793353, 0.608761)),
        ("2024-12-31T23:00", "year", (0.003584, 0.999994, 0, 1)),
        ("2024-12-31T23:00", "month", (0.042993, 0.999075, 0, 1)),
        ("2024-12-31T23:00", "week", (-0.804598, 0.593820, 0.974928, -0.222521)),
        ("2024-12-31T23:00", "day", (-0.258819, 0.965926, 0, 1)),
    ],
)
def test_spot_values_of_the_definition(at: str, feature: Feature, values: tuple[float, ...]) -> None:
    moment = np.array([ns(at)])

    got = [feature_values(feature, moment, setting, VIENNA)[0] for setting in (UTC_CLOCK, LOCAL)]

    np.testing.assert_allclose(np.concatenate(got), values, atol=1e-6)


def local_phase(feature: Feature, local: datetime) -> float:
    """Phase by datetime fields."""
    second = local.hour * 3600 + local.minute * 60 + local.second
    match feature:
        case "year":
            days, length = local.timetuple().tm_yday - 1, 366 if calendar.isleap(local.year) else 365
        case "month":
            days, length = local.day - 1, calendar.monthrange(local.year, local.month)[1]
        case "week":
            days, length = local.weekday(), 7
        case _:
            days, length = 0, 1
    return (days * 86_400 + second) / (86_400 * length)


@given(
    seconds=st.integers(-(10**9), 4 * 10**9),
    zone=st.sampled_from(["Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    feature=st.sampled_from(PERIODS),
)
@thorough
def test_local_phases_equal_datetime_arithmetic(seconds: int, zone: str, feature: Feature) -> None:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone))

    got = feature_values(feature, np.array([seconds * 10**9]), LOCAL, CalendarClock(zone))[0]

    angle = 2 * np.pi * local_phase(feature, local)
    np.testing.assert_allclose(got, [np.sin(angle), np.cos(angle)], atol=1e-6)


@given(st.lists(st.integers(-(10**18), 4 * 10**18), min_size=1, max_size=20), st.sampled_from(PERIODS))
@thorough
def test_sine_and_cosine_lie_on_the_unit_circle(moments: list[int], feature: Feature) -> None:
    values = feature_values(feature, np.array(moments), LOCAL, VIENNA)

    np.testing.assert_allclose((values.astype(np.float64) ** 2).sum(axis=1), 1, atol=1e-6)


def test_holidays_follow_the_local_date_where_asked() -> None:
    late = np.array([ns("2024-12-24T23:30")])  # the 25th in Vienna

    assert feature_values("holiday", late, LOCAL, VIENNA)[0, 0] == 1
    assert feature_values("holiday", late, UTC_CLOCK, VIENNA)[0, 0] == 0


def test_a_holiday_on_a_sunday_counts() -> None:
    day = (date(2020, 11, 1) - date(1970, 1, 1)).days  # All Saints, a Sunday

    assert is_holiday(np.array([day]), VIENNA)[0]


@pytest.mark.parametrize("code", sorted(holidays.list_supported_countries()))
def test_every_country_of_the_holidays_package_works(code: str) -> None:
    days = (np.datetime64("2024-01-01") + np.arange(366)).astype("datetime64[D]")

    got = is_holiday(days.astype(np.int64), CalendarClock(country=code))

    table = holidays.country_holidays(code, years=2024)
    assert got.tolist() == [day in table for day in days.tolist()]


@pytest.mark.parametrize(
    ("name", "code"),
    [("AT", "AT"), ("de", "DE"), ("Germany", "DE"), ("United States", "US"), ("united_kingdom", "GB")],
)
def test_countries_go_by_code_or_english_name(name: str, code: str) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (Calendar(country="Atlantis"), UnknownCountry),
        (Calendar(country="DE", subdivision="Wien"), UnknownCountry),
        (Calendar(timezone="Mars/Olympus"), UnknownZone),
        (Calendar(holiday=CalendarFeature(enabled=True)), BadSetting),
    ],
)
def test_unknown_names_are_typed_problems(setting: Calendar, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        clock_of(setting)


@pytest.mark.parametrize(
    ("country", "name", "code"),
    [
        ("AT", "Wien", "9"),
        ("AT", "wien", "9"),
        ("DE", "Bayern", "BY"),
        ("DE", "by", "BY"),
        ("US", "New York", "NY"),
    ],
)
def test_subdivisions_go_by_code_or_name(country: str, name: str, code: str) -> None:
    assert clock_of(Calendar(country=country, subdivision=name)).subdivision == code


def test_an_unknown_subdivision_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownCountry) as refused:
        clock_of(Calendar(country="AT", subdivision="Bayern"))

    [listed] = refused.value.suggestions
    assert "Wien (9)" in listed
    assert "Burgenland (1)" in listed


def test_a_subdivision_adds_its_own_holidays() -> None:
    corpus_christi = np.array([(date(2024, 5, 30) - date(1970, 1, 1)).days])

    assert is_holiday(corpus_christi, clock_of(Calendar(country="DE", subdivision="BY")))[0]
    assert not is_holiday(corpus_christi, clock_of(Calendar(country="DE")))[0]
