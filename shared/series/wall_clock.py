"""Wall clocks and UTC: exact offsets of any IANA zone, for whole arrays at once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from pydantic import JsonValue

from shared.series.arrays import Bool, Int64
from shared.series.problems import UnknownZone

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = timedelta(hours=6)  # no zone of tzdata changes its clock twice within six hours
_FIRST_YEAR, _LAST_YEAR = 1677, 2262  # what int64 nanoseconds can hold
_FAR_PAST = np.iinfo(np.int64).min
_SHOWN = 20


@dataclass(frozen=True)
class Offsets:
    """Offsets of a zone from UTC: ``offset_ns[i]`` holds from ``since_ns[i]`` (UTC) on."""

    since_ns: Int64
    offset_ns: Int64

    def at(self, utc_ns: Int64) -> Int64:
        """Return the offset in force at each UTC stamp, nanoseconds east of Greenwich."""
        if len(self.offset_ns) == 1:
            return np.broadcast_to(self.offset_ns[0], utc_ns.shape)
        return self.offset_ns[np.searchsorted(self.since_ns, utc_ns, side="right") - 1]


@dataclass(frozen=True)
class ClockReport:
    """How local stamps were turned into UTC; rows count from 0 in the order they were given.

    ``doubled`` rows lie in an hour that happened twice and were told apart by their order;
    ``assumed`` rows lie there too, but nothing told them apart (first pass assumed);
    ``missing`` rows show a time the clock skipped (read with the offset before the change, so
    02:30 becomes 03:30). ``interval_end_suspected`` says that stamps are doubled right *after* the
    doubled hour: the file probably labels intervals by their end.
    """

    zone: str
    in_order: bool
    doubled: Int64
    assumed: Int64
    missing: Int64
    interval_end_suspected: bool

    def to_json(self) -> dict[str, JsonValue]:
        """Return counts and the first rows of each finding."""
        rows = {"doubled": self.doubled, "assumed": self.assumed, "missing": self.missing}
        findings: dict[str, JsonValue] = {
            name: {"count": len(found), "rows": found[:_SHOWN].tolist()} for name, found in rows.items()
        }
        return {
            "zone": self.zone,
            "in_order": self.in_order,
            "interval_end_suspected": self.interval_end_suspected,
            **findings,
        }


@dataclass(frozen=True)
class _WallClock:
    """The clock changes of a zone on the wall clock: change i covers local [begin[i], end[i])."""

    offset_ns: Int64  # (n_changes + 1,)
    begin: Int64
    end: Int64

    @classmethod
    def of(cls, offsets: Offsets) -> Self:
        at, before, after = offsets.since_ns[1:], offsets.offset_ns[:-1], offsets.offset_ns[1:]
        return cls(offsets.offset_ns, at + np.minimum(before, after), at + np.maximum(before, after))


def zone_info(zone: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises
    ------
    UnknownZone
        If tzdata has no such zone.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name is a folder
        raise UnknownZone(f"timezone {zone!r} is not an IANA time zone", field="timezone") from error


def zone_offsets(zone: str, first_ns: int, last_ns: int) -> Offsets:
    """Return every offset of ``zone`` in force between two UTC stamps, with a year to spare."""
    info = zone_info(zone)
    years = range(max(year_of(first_ns) - 1, _FIRST_YEAR), min(year_of(last_ns) + 1, _LAST_YEAR) + 1)
    changes = [change for year in years for change in _changes(info, year)]
    start = datetime(years[0], 1, 1, tzinfo=UTC)
    since = [_FAR_PAST, *(at for at, _ in changes)]
    offset = [_offset_ns(info, start), *(after for _, after in changes)]
    return Offsets(np.array(since, dtype=np.int64), np.array(offset, dtype=np.int64))


def to_local(utc_ns: Int64, zone: str) -> Int64:
    """Return what the wall clock of ``zone`` shows, as nanoseconds since 1970-01-01 local.

    >>> to_local(np.array([0]), "Europe/Vienna") // 3_600_000_000_000
    array([1])
    """
    if zone == "UTC" or len(utc_ns) == 0:
        return utc_ns
    return utc_ns + zone_offsets(zone, int(utc_ns.min()), int(utc_ns.max())).at(utc_ns)


def to_utc(local_ns: Int64, zone: str, *, interval_ns: int = 0) -> tuple[Int64, ClockReport]:
    """Turn wall-clock stamps into UTC by a stated rule, and report every row the rule had to decide.

    In the doubled hour the rows' order decides: the first pass is summer time, the second standard
    time (for a file in descending order the other way round). A stamp that occurs once is second
    pass only if it follows a step back of the clock. Stamps in the skipped hour are read with the
    offset before the change.

    Parameters
    ----------
    local_ns
        Shape (n,), wall-clock nanoseconds since 1970-01-01 local, in the order of the file.
    zone
        IANA name.
    interval_ns
        Length of the interval a stamp names the *end* of; 0 when stamps are instants or beginnings.

    Returns
    -------
    utc_ns
        Shape (n,), same order.
    report
        What was decided, by row.
    """
    begun = local_ns - interval_ns
    if len(begun) == 0:
        nothing = np.empty(0, dtype=np.int64)
        return begun, ClockReport(zone, True, nothing, nothing, nothing, False)
    offsets = zone_offsets(zone, int(begun.min()), int(begun.max()))
    wall = _WallClock.of(offsets)
    era = np.searchsorted(wall.end, begun, side="right")  # the offset before a change rules inside it
    inside = np.zeros(len(begun), dtype=np.bool_)
    known = era < len(wall.begin)
    inside[known] = begun[known] >= wall.begin[era[known]]
    following = offsets.offset_ns[np.minimum(era + 1, len(offsets.offset_ns) - 1)]
    doubled = inside & (following < offsets.offset_ns[era])
    rows = np.flatnonzero(doubled)
    steps = np.diff(begun)
    descending = bool(np.count_nonzero(steps < 0) > np.count_nonzero(steps > 0))
    second, told = _second_pass(begun[rows], era[rows], descending=descending)
    era[rows[second]] += 1
    report = ClockReport(
        zone=zone,
        in_order=bool((steps[~(doubled[1:] & doubled[:-1])] * (-1 if descending else 1) >= 0).all()),
        doubled=rows[told],
        assumed=rows[~told],
        missing=np.flatnonzero(inside & ~doubled),
        interval_end_suspected=interval_ns == 0 and _doubled_after(begun, wall, offsets),
    )
    return local_ns - offsets.offset_ns[era], report


def _second_pass(local: Int64, era: Int64, *, descending: bool) -> tuple[Bool, Bool]:
    """Tell the passes of doubled hours apart: (is second pass, was told apart by the rows' order)."""
    second = np.zeros(len(local), dtype=np.bool_)
    told = np.zeros(len(local), dtype=np.bool_)
    for change in np.unique(era):  # a handful per year
        rows = np.flatnonzero(era == change)
        rows = rows[::-1] if descending else rows
        stamps = local[rows]
        _, stamp, count = np.unique(stamps, return_inverse=True, return_counts=True)
        turned = np.cumsum(np.diff(stamps, prepend=stamps[0] - 1) <= 0) > 0
        twice = count[stamp] > 1
        second[rows] = np.where(twice, _occurrence(stamp) > 0, turned)
        told[rows] = twice | turned.any()
    return second, told


def _occurrence(labels: Int64) -> Int64:
    """How often each label has been seen before, in order.

    >>> _occurrence(np.array([5, 5, 7, 5]))
    array([0, 1, 0, 2])
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    begin = np.searchsorted(ordered, ordered)
    seen = np.empty(len(labels), dtype=np.int64)
    seen[order] = np.arange(len(labels)) - begin
    return seen


def _doubled_after(local: Int64, wall: _WallClock, offsets: Offsets) -> bool:
    """Say whether stamps repeat just after a doubled hour, and only there."""
    ordered = np.sort(local)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated) == 0:
        return False
    backward = offsets.offset_ns[1:] < offsets.offset_ns[:-1]
    ends, lengths = wall.end[backward], (wall.end - wall.begin)[backward]
    change = np.searchsorted(ends, repeated, side="right") - 1
    known = change >= 0
    return bool(known.all() and (repeated < (ends + lengths)[change]).all())


def year_of(ns: int) -> int:
    """Return the year of a moment, Unix nanoseconds."""
    return 1970 + int(np.datetime64(ns, "ns").astype("datetime64[Y]").astype(np.int64))


@lru_cache(maxsize=4096)
def _changes(info: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """Clock changes of one year: (UTC nanoseconds, offset from then on)."""
    found: list[tuple[int, int]] = []
    low, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = _offset_ns(info, low)
    while low < end:
        high = min(low + _PROBE, end)
        if (after := _offset_ns(info, high)) != offset:
            found.append((_bisect(info, low, high), after))
            offset = after
        low = high
    return tuple(found)


def _bisect(info: ZoneInfo, low: datetime, high: datetime) -> int:
    """Return the first second with the offset of ``high``, Unix nanoseconds."""
    before = _offset_ns(info, low)
    lo, hi = int((low - _EPOCH).total_seconds()), int((high - _EPOCH).total_seconds())
    while hi - lo > 1:
        middle = (lo + hi) // 2
        if _offset_ns(info, _EPOCH + timedelta(seconds=middle)) == before:
            lo = middle
        else:
            hi = middle
    return hi * NS


def _offset_ns(info: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(info).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * NS
