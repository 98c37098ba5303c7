"""Leases: whether somebody still holds one, on clocks that may have been set."""

from datetime import datetime, timedelta


def is_held(until: datetime | None, *, now: datetime, longest: timedelta) -> bool:
    """Tell whether a lease holds.

    A lease that ends later than anybody can have taken it for was taken by a clock that was hours ahead. It
    holds nothing: whoever took it is fenced off as if it had ended, and nobody waits for those hours.

    >>> now = datetime(2026, 1, 1)
    >>> ends = [now - timedelta(seconds=1), now + timedelta(seconds=50), now + timedelta(hours=5)]
    >>> [is_held(end, now=now, longest=timedelta(minutes=1)) for end in ends]
    [False, True, False]
    """
    return until is not None and now < until <= now + 2 * longest
