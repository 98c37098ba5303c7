"""Leases: whether somebody still holds one, on clocks that may have been set, and how to take one."""

from datetime import datetime, timedelta

from shared.contracts.base import utc_now
from shared.storage.records import Records
from shared.storage.rows import LeaseRow


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


async def take_lease(records: Records, lease: LeaseRow, *, longest: timedelta) -> bool:
    """Take a lease nobody else holds, or keep one's own; of many who try at once one succeeds."""
    if await records.insert([lease]):
        return True
    known = await records.get(LeaseRow, lease.id)
    others = known is not None and known.holder != lease.holder
    if known is None or (others and is_held(known.until, now=utc_now(), longest=longest)):
        return False
    changes = {"holder": lease.holder, "until": lease.until}
    expect = {"revision": known.revision}
    return await records.update(LeaseRow, lease.id, changes, expect=expect) is not None
