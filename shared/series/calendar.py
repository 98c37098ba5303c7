"""Calendar features: phases of year, month, week and day as sine and cosine, and public holidays."""

import re
from dataclasses import dataclass
from functools import lru_cache

import holidays
import numpy as np

from shared.contracts.specs import Calendar, CalendarFeature, Feature
from shared.series.arrays import Bool, Float32, Float64, Int64
from shared.series.grid import Window, window_of
from shared.series.problems import BadSetting, UnknownCountry
from shared.series.wall_clock import NS, to_local, year_of, zone_info

DAY_S = 86_400
UTC_PERIOD_S: dict[Feature, float] = {
    "year": 31_557_600.0, "month": 2_629_800.0, "week": 604_800.0, "day": 86_400.0,
}  # fmt: skip


@dataclass(frozen=True)
class CalendarClock:
    """Whose clock and holidays the features of a data set follow."""

    timezone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None


def clock_of(calendar: Calendar) -> CalendarClock:
    """Return the clock of a calendar setting, checked.

    Raises
    ------
    UnknownZone, UnknownCountry
        If tzdata or `holidays` does not know the name.
    BadSetting
        If holidays are wanted and no country is given.
    """
    zone_info(calendar.timezone)
    if calendar.holiday.enabled and calendar.country is None:
        raise BadSetting(
            "calendar.holiday is enabled, but calendar.country is not given",
            suggestions=("Set calendar.country, for example AT, or switch the holiday feature off.",),
            field="calendar.country",
        )
    code = None if calendar.country is None else country_code(calendar.country)
    part = calendar.subdivision
    if code is not None and part is not None:
        part = subdivision_code(code, part)
    return CalendarClock(calendar.timezone, code, part)


def calendar_window(setting: CalendarFeature, steps: int) -> Window:
    """Return where a calendar feature is read: its own horizon, or the reference time alone."""
    if setting.at == "reference":
        return Window(0, 0, 1)
    return window_of(setting.horizon, steps, "input")


def feature_values(feature: Feature, at_ns: Int64, setting: CalendarFeature, clock: CalendarClock) -> Float32:
    """Return the columns of one feature at each moment.

    Parameters
    ----------
    at_ns
        Shape (n,), Unix nanoseconds.

    Returns
    -------
    values
        Shape (n, 2): sine and cosine of the phase; shape (n, 1) for holidays, 0 or 1.
    """
    local_s = to_local(at_ns, clock.timezone) // NS if setting.local_time else None
    if feature == "holiday":
        days = (at_ns // NS if local_s is None else local_s) // DAY_S
        return is_holiday(days, clock).astype(np.float32)[:, None]
    if local_s is None:
        angle = 2 * np.pi * (at_ns / NS / UTC_PERIOD_S[feature])
    else:
        angle = 2 * np.pi * local_phase(feature, local_s)
    return np.stack((np.sin(angle), np.cos(angle)), axis=1).astype(np.float32)


def local_phase(feature: Feature, local_s: Int64) -> Float64:
    """Return the share of the current year, month, week or day that the wall clock has passed.

    Parameters
    ----------
    local_s
        Shape (n,), whole wall-clock seconds since 1970-01-01 local.
    """
    days = local_s // DAY_S
    second = local_s - days * DAY_S
    match feature:
        case "week":
            passed, length = (days + 3) % 7, np.full_like(days, 7)  # 1970-01-01 was a Thursday
        case "year" | "month":
            passed, length = _day_of("Y" if feature == "year" else "M", days)
        case _:
            passed, length = np.zeros_like(days), np.ones_like(days)
    return (passed * DAY_S + second) / (DAY_S * length)


def is_holiday(days: Int64, clock: CalendarClock) -> Bool:
    """Say for each day (days since 1970-01-01) whether it is a public holiday."""
    if len(days) == 0 or clock.country is None:
        return np.zeros(days.shape, dtype=np.bool_)
    first, last = int(days.min()), int(days.max())
    years = range(year_of(first * NS * DAY_S), year_of(last * NS * DAY_S) + 1)
    table = np.zeros(last - first + 1, dtype=np.bool_)
    for year in years:
        dates = _holidays(clock.country, clock.subdivision, year) - first
        table[dates[(dates >= 0) & (dates < len(table))]] = True
    return table[days - first]


def country_code(name: str) -> str:
    """Return the code `holidays` knows a country by, from a code or an English name.

    >>> country_code("Austria"), country_code("at"), country_code("United States")
    ('AT', 'AT', 'US')
    """
    code = _country_codes().get(_plain(name))
    if code is None:
        raise UnknownCountry(f"country {name!r} is not known to the holidays package", field="country")
    return code


@lru_cache(maxsize=1)
def _country_codes() -> dict[str, str]:
    """Codes and names in plain letters -> code."""
    supported = holidays.list_supported_countries()
    known = {_plain(code): code for code in supported}
    for module, (class_name, code, *_) in holidays.registry.COUNTRIES.items():
        if code in supported:
            known |= {_plain(module): code, _plain(class_name): code}
    return known


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def subdivision_code(country: str, name: str) -> str:
    """Return the code `holidays` knows a state or province by, from a code or a name.

    >>> subdivision_code("AT", "Wien"), subdivision_code("DE", "bayern"), subdivision_code("DE", "BY")
    ('9', 'BY', 'BY')

    Raises
    ------
    UnknownCountry
        Listing the codes and names that are known.
    """
    codes: list[str] = holidays.list_supported_countries(include_aliases=True)[country]
    module = getattr(holidays, country)
    names: dict[str, str] = getattr(module, "subdivisions_aliases", {})
    known = {code.casefold(): code for code in codes} | {
        alias.casefold(): code for alias, code in names.items() if alias.casefold() not in codes
    }
    if (code := known.get(name.strip().casefold())) is not None:
        return code
    spoken = {code: next((n for n, c in names.items() if c == code), "") for code in codes}
    listed = ", ".join(f"{name} ({code})" if name else code for code, name in spoken.items())
    raise UnknownCountry(
        f"subdivision {name!r} of {country} is not known to the holidays package",
        suggestions=(f"Use one of: {listed or 'none, leave it out'}.",),
        field="subdivision",
    )


@lru_cache(maxsize=4096)
def _holidays(code: str, subdivision: str | None, year: int) -> Int64:
    """Days since 1970-01-01 of one year's public holidays."""
    dates = holidays.country_holidays(code, subdiv=subdivision, years=year)
    return np.array(sorted(dates), dtype="datetime64[D]").astype(np.int64)


def _day_of(period: str, days: Int64) -> tuple[Int64, Int64]:
    """Return the day within its year ("Y") or month ("M") from 0, and that period's number of days."""
    first = int(days.min()) if len(days) else 0
    last = int(days.max()) if len(days) else 0
    table = np.arange(first, last + 1).astype("datetime64[D]")  # few days, many moments
    start = table.astype(f"datetime64[{period}]")
    begin = start.astype("datetime64[D]")
    length = ((start + 1).astype("datetime64[D]") - begin).astype(np.int64)
    passed = (table - begin).astype(np.int64)
    return passed[days - first], length[days - first]
