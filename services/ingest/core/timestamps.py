"""Time stamps from text: one grammar for every way of writing date, time and offset.

Day-first and month-first readings of 03/04/2024 are both returned; which one holds is a question to
the whole column (`time_column.py`), never to a single cell.
"""

import re
from dataclasses import dataclass

import numpy as np

from services.ingest.core.shapes import Cells, Shape, as_cells, shapes
from shared.series.arrays import Bool, Int64

NAT = np.iinfo(np.int64).min  # "no time", numpy's own marker

_TIME = (
    r"(?:(?:T|,? )\s*(?P<hour>\d{1,2})"
    r"(?:(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)"
    r"|(?P<minute2>\d{2})(?P<second2>\d{2})?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?|Uhr)?)?"
)
_ZONE = r"\s*(?P<zone>Z|z|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2})?)?\s*"
_NAMED = r"(?P<name>[A-Za-z?]{3,9})\.?"
_COMPACT = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<year>\d{4})[-/](?P<month>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
    _COMPACT,
    rf"(?P<day>\d{{1,2}})[ .-]\s*{_NAMED}[ ,-]\s*(?P<year>\d{{4}}|\d{{2}})",
    rf"{_NAMED} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
)
_GRAMMAR = (
    *(re.compile(rf"\s*{date}{_TIME}{_ZONE}") for date in _DATES),
    re.compile(rf"\s*{_COMPACT}(?P<hour>\d{{2}})(?P<minute>\d{{2}})?(?P<second>\d{{2}})?\s*"),
)
_CLOCK = re.compile(
    r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[AaPp]\.?[Mm]\.?|Uhr)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
)
_MONTHS = {  # the first three letters, English and German; "m?r" is "Mär" in ASCII
    "jan": 1, "feb": 2, "mar": 3, "mrz": 3, "m?r": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip

YEARS = (1700, 2262)  # what int64 nanoseconds can hold, with room to spare
_COMPACT_YEARS = (1900, 2100)  # 20240131 is a date, 17040672 is a number
_MONTH_STARTS = np.arange(f"{YEARS[0]}-01", f"{YEARS[1]}-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Readings:
    """Unix nanoseconds per cell by the clock of the text, ``NAT`` where a cell is no time stamp.

    ``zoned`` cells named their offset and are UTC already. Where no date is written with its parts in
    an order that could be either, both readings are the same array. ``dotted`` is true if all such
    dates are written with dots, which is day first wherever it is done.
    """

    day_first: Int64
    month_first: Int64
    zoned: Bool
    dotted: bool = False


def read_stamps(cells: Cells) -> Readings:
    """Read a column of texts as time stamps.

    Parameters
    ----------
    cells
        Shape (n,), ASCII; empty cells are no time stamps.

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
    zoned = np.zeros(len(cells), dtype=bool)
    marks: set[str] = set()
    for shape in shapes(cells):
        match = _match(shape.example)
        if match is None:
            continue
        parts = _Parts(shape, match)
        if "first" in match.groupdict():
            marks.add(match["mark"])
            if month_first is day_first:
                month_first = day_first.copy()
            day_first[shape.rows] = parts.stamps("first", "other")
            month_first[shape.rows] = parts.stamps("other", "first")
        else:
            stamps = parts.stamps("day", "month")
            day_first[shape.rows] = stamps
            month_first[shape.rows] = stamps
        zoned[shape.rows] = match["zone"] is not None if "zone" in match.groupdict() else False
    return Readings(day_first, month_first, zoned, dotted=marks == {"."})


def is_stamp(text: str) -> bool:
    """Tell whether a single text reads as a time stamp in either order.

    >>> is_stamp("12/31/2024"), is_stamp("31.12.2024 13:45"), is_stamp("12.5")
    (True, True, False)
    """
    readings = read_stamps(as_cells([text]))
    return bool(max(readings.day_first[0], readings.month_first[0]) > NAT)


def is_clock_time(text: str) -> bool:
    """Tell whether a text is a time of day alone, as in files with a column for date and one for time."""
    return _CLOCK.fullmatch(text) is not None


def _match(example: str) -> re.Match[str] | None:
    return next((match for grammar in _GRAMMAR if (match := grammar.fullmatch(example))), None)


@dataclass(frozen=True)
class _Parts:
    """The cells of one shape, and where in them the grammar found year, month, day and so on."""

    shape: Shape
    match: re.Match[str]

    def stamps(self, day: str, month: str) -> Int64:
        days, valid_date = self._days(day, month)
        seconds, valid_time = self._seconds_of_day()
        total = (days * 86_400 + seconds - self._offset_seconds()) * _SECOND + self._fraction()
        return np.where(valid_date & valid_time, total, NAT)

    def _number(self, group: str, default: int = 0) -> Int64:
        if self._text(group) is None:
            return np.full(len(self.shape.matrix), default)
        return self.shape.number(self.match.span(group))

    def _text(self, group: str) -> str | None:
        return self.match.groupdict().get(group)

    def _days(self, day: str, month: str) -> tuple[Int64, Bool]:
        """Return days since 1970 and which of the dates exist."""
        years, months, days = self._year(), self._month(month), self._number(day, 1)
        low, high = _COMPACT_YEARS if self._is_compact() else YEARS
        valid = (years >= low) & (years < high) & (months >= 1) & (months <= 12) & (days >= 1)
        index = np.where(valid, (years - YEARS[0]) * 12 + months - 1, 0)
        start = _MONTH_STARTS[index]
        valid &= days <= _MONTH_STARTS[index + 1] - start
        return start + days - 1, valid

    def _is_compact(self) -> bool:
        return self.match.end("year") == self.match.start("month") if self._text("month") else False

    def _year(self) -> Int64:
        years = self._number("year")
        if len(self.match["year"]) == 4:
            return years
        return years + np.where(years < 69, 2000, 1900)  # the POSIX rule for %y

    def _month(self, group: str) -> Int64:
        name = self._text("name")
        if name is None:
            return self._number(group, 1)
        return np.full(len(self.shape.matrix), _MONTHS.get(name.lower()[:3], 0))

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

    def _offset_seconds(self) -> Int64 | int:
        if self._text("sign") is None:
            return 0
        offset = self._number("zone_hours") * 3600 + self._number("zone_minutes") * 60
        return -offset if self._text("sign") == "-" else offset

    def _fraction(self) -> Int64:
        digits = self._text("fraction")
        return self._number("fraction") * 10 ** (9 - len(digits)) if digits else self._number("fraction")
