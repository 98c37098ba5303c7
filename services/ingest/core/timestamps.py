"""Time stamps from text (`stamp_grammar.py`) as nanoseconds, a column at a time.

Day-first and month-first readings of 03/04/2024 are both returned; which one holds is a question to
the whole column (`time_column.py`), never to a single cell.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from services.ingest.core.calendar_words import month_named
from services.ingest.core.fixed_width import Cells, Shape, as_cells, shapes
from services.ingest.core.stamp_grammar import as_written, match_stamp
from services.ingest.core.zone_letters import SEVERAL_MEANINGS, ZONES_MINUTES
from shared.series.arrays import Bool, Int64

NAT = np.iinfo(np.int64).min  # "no time", numpy's own marker

YEARS = (1700, 2262)  # what int64 nanoseconds can hold, with room to spare
_COMPACT_YEARS = (1900, 2100)  # 20240131 is a date, 17040672 is a number
_MONTH_STARTS = np.arange(f"{YEARS[0]}-01", f"{YEARS[1]}-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Readings:
    """Unix nanoseconds per cell by the clock of the text, ``NAT`` where a cell is no time stamp.

    ``zoned`` cells named their offset and are UTC already, ``named`` ones by an abbreviation such as CEST.
    Where no date is written with its parts in an order that could be either, both readings are the same
    array. ``dotted`` is true if all such dates are written with dots, which is day first wherever it is done.
    ``areas`` are the zones named like [Europe/Vienna] behind stamps without an offset, "" where none is.
    """

    day_first: Int64
    month_first: Int64
    zoned: Bool
    named: Bool
    dotted: bool = False
    areas: frozenset[str] = frozenset()

    def take(self, rows: Int64) -> "Readings":
        """Return some of the cells' readings."""
        day_first = self.day_first[rows]
        month_first = day_first if self.month_first is self.day_first else self.month_first[rows]
        return Readings(day_first, month_first, self.zoned[rows], self.named[rows], self.dotted, self.areas)


def read_stamps(cells: Cells, letters: Mapping[str, int] | None = None) -> Readings:
    """Read a column of texts as time stamps.

    Parameters
    ----------
    cells
        Shape (n,), ASCII; empty cells are no time stamps.
    letters
        Minutes east of Greenwich of abbreviations that have several meanings; others are no time stamps.

    Returns
    -------
    Both readings, each of shape (n,).

    Examples
    --------
    >>> stamps = read_stamps(as_cells(["2024-01-31 24:00", "31.1.24 1:05 PM", "2024-01-01T01:00+01:00", "x"]))
    >>> stamps.day_first.astype("M8[ns]").astype("M8[m]")
    array(['2024-02-01T00:00', '2024-01-31T13:05', '2024-01-01T00:00',
                        'NaT'], dtype='datetime64[m]')
    """
    day_first = np.full(len(cells), NAT)
    month_first = day_first
    zoned, named = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
    marks: set[str] = set()
    areas: set[str] = set()
    matched = [(shape, match_stamp(shape.example)) for shape in shapes(cells)]
    found = [_Parts(shape, match, letters or {}) for shape, match in matched if match is not None]
    names = {parts.name for parts in found} - {""}
    for parts in found:
        shape, match = parts.shape, parts.match
        if (match.groupdict().get("zone") or "").upper() in SEVERAL_MEANINGS and parts.zone_minutes is None:
            continue
        if "first" in match.groupdict():
            marks.add(match["mark"])
            if month_first is day_first:
                month_first = day_first.copy()
            day_first[shape.rows] = parts.stamps("first", "other")
            month_first[shape.rows] = parts.stamps("other", "first")
        else:
            stamps = parts.stamps("day", "month", names)
            day_first[shape.rows] = stamps
            month_first[shape.rows] = stamps
        zoned[shape.rows] = parts.is_zoned
        named[shape.rows] = parts.zone_minutes is not None
        if not parts.is_zoned:
            areas.add(match.groupdict().get("area") or "")
    return Readings(day_first, month_first, zoned, named, dotted=marks == {"."}, areas=frozenset(areas))


def is_stamp(text: str) -> bool:
    """Tell whether a single text reads as a time stamp in either order.

    >>> is_stamp("12/31/2024"), is_stamp("31.12.2024 13:45"), is_stamp("12.5")
    (True, True, False)
    """
    readings = read_stamps(as_cells([text]))
    return bool(max(readings.day_first[0], readings.month_first[0]) > NAT)


@dataclass(frozen=True)
class _Parts:
    """The cells of one shape, and where in them the grammar found year, month, day and so on."""

    shape: Shape
    match: re.Match[str]
    letters: Mapping[str, int]

    @property
    def name(self) -> str:
        """The name of the month, "" where it is a number."""
        return as_written(self._text("name") or "")

    @property
    def zone_minutes(self) -> int | None:
        """Minutes east of Greenwich where the cells name their zone by letters."""
        letters = (self._text("zone") or "").upper()
        return ZONES_MINUTES.get(letters, self.letters.get(letters))

    @property
    def is_zoned(self) -> bool:
        """Whether the cells name their offset.

        00:00-00:15, 00:15-00:30 and so on are intervals: all are equally long, and no two the same.
        """
        if self.zone_minutes is not None or self._text("sign") is None:
            return self.zone_minutes is not None
        minute = "minute2" if self._text("minute2") else "minute"
        if self._text("sign") != "-" or self._text("zone_minutes") is None or self._text(minute) is None:
            return True
        ends = self._number("zone_hours") * 60 + self._number("zone_minutes")
        lengths = (ends - self._number("hour") * 60 - self._number(minute)) % (24 * 60)
        return len(np.unique(ends)) == 1 or len(np.unique(lengths)) > 1

    def stamps(self, day: str, month: str, names: Collection[str] = ()) -> Int64:
        days, valid_date = self._days(day, month, names)
        seconds, valid_time = self._seconds_of_day()
        offset: Int64 | int = 0
        if self.zone_minutes is not None:
            offset = self.zone_minutes * 60
        elif self.is_zoned:
            sign = -1 if self._text("sign") == "-" else 1
            offset = sign * (self._number("zone_hours") * 3600 + self._number("zone_minutes") * 60)
        fraction = self._number("fraction") * 10 ** (9 - len(self._text("fraction") or ""))
        total = (days * 86_400 + seconds - offset) * _SECOND + fraction
        return np.where(valid_date & valid_time, total, NAT)

    def _number(self, group: str, default: int = 0) -> Int64:
        if self._text(group) is None:
            return np.full(len(self.shape.matrix), default)
        return self.shape.number(self.match.span(group))

    def _text(self, group: str) -> str | None:
        return self.match.groupdict().get(group)

    def _days(self, day: str, month: str, names: Collection[str]) -> tuple[Int64, Bool]:
        """Return days since 1970 and which of the dates exist."""
        if self._text("week") is not None:
            return self._days_of_week()
        years, months, days = self._year(), self._number(month, 1), self._number(day, 1)
        if self._text("quarter") is not None:
            months = self._number("quarter") * 3 - 2
        elif self.name:
            months = np.full(len(self.shape.matrix), month_named(self.name, names))
        compact = self._text("month") and self.match.end("year") == self.match.start("month")
        low, high = _COMPACT_YEARS if compact else YEARS
        valid = (years >= low) & (years < high) & (months >= 1) & (months <= 12) & (days >= 1)
        index = np.where(valid, (years - YEARS[0]) * 12 + months - 1, 0)
        start = _MONTH_STARTS[index]
        valid &= days <= _MONTH_STARTS[index + 1] - start
        return start + days - 1, valid

    def _year(self) -> Int64:
        years = self._number("year")
        if len(self.match["year"]) == 4:
            return years
        return years + np.where(years < 69, 2000, 1900)  # the POSIX rule for %y

    def _days_of_week(self) -> tuple[Int64, Bool]:
        """Return the days of ISO weeks: week 1 is that of 4 January, weeks begin on Monday."""
        years, weeks = self._year(), self._number("week")
        fourth = (years - 1970).astype("M8[Y]").astype("M8[D]").astype(np.int64) + 3
        monday = fourth - (fourth + 3) % 7
        days = monday + 7 * (weeks - 1) + self._number("weekday_number", 1) - 1
        return days, (weeks >= 1) & (weeks <= 53) & (years >= YEARS[0]) & (years < YEARS[1])

    def _seconds_of_day(self) -> tuple[Int64, Bool]:
        minute, second = ("minute2", "second2") if self._text("minute2") else ("minute", "second")
        hours, minutes, seconds = self._number("hour"), self._number(minute), self._number(second)
        valid = (minutes < 60) & (seconds < 60)
        half = (self._text("half") or "").lower()[:1]
        if half in ("a", "p"):
            valid &= (hours >= 1) & (hours <= 12)
            hours = hours % 12 + (12 if half == "p" else 0)
        total = hours * 3600 + minutes * 60 + seconds
        return total, valid & (total <= 86_400)  # 24:00 is the end of the day
