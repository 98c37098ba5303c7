"""When a schedule is due: a time of a local clock, once per local day, whatever that clock does."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = 63  # looked back: two months, so that a day of each month is among them


def moment_of(day: datetime, at: str, zone: ZoneInfo) -> datetime:
    """Return the moment a local time names on a day.

    A time the clock skips is as many minutes after the change as it would have been, a time it shows twice
    is the first.

    >>> vienna = ZoneInfo("Europe/Vienna")
    >>> moment_of(datetime(2026, 3, 29), "02:30", vienna).isoformat()
    '2026-03-29T01:30:00+00:00'
    >>> moment_of(datetime(2026, 10, 25), "02:30", vienna).isoformat()
    '2026-10-25T00:30:00+00:00'
    """
    return datetime.combine(day, time.fromisoformat(at), tzinfo=zone).astimezone(UTC)


def newest_due(
    at: str, timezone: str, day_of_month: int | None, *, after: datetime, now: datetime
) -> tuple[str, datetime] | None:
    """Return the newest local day and moment a schedule was due, or None if there was none.

    Times that passed while nobody ran are not made up for one by one: only the newest counts.

    Parameters
    ----------
    day_of_month
        1 .. 28, or None for every day.
    after, now
        The moment must lie in (after, now].

    >>> then, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
    >>> day, moment = newest_due("06:00", "Europe/Vienna", None, after=then, now=now)
    >>> day, moment.isoformat()
    ('2026-03-29', '2026-03-29T04:00:00+00:00')
    """
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone)
    for back in range(-1, _DAYS):
        day = today - timedelta(days=back)
        if day_of_month is not None and day.day != day_of_month:
            continue
        moment = moment_of(day, at, zone)
        if moment <= now:
            return (day.date().isoformat(), moment) if moment > after else None
    return None
