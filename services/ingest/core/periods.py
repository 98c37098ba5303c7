"""Hours and settlement periods that stand in a column of their own, or each in a column: 1..24, 1..48, 0015.

Counted periods go on through a change of the clock: such days have 23 or 25 hours, 46 or 50 half hours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.ingest.core.dialect import Row
from services.ingest.core.fixed_width import Cells
from services.ingest.core.numbers import is_numeric
from services.ingest.core.table import Table, stamps_in
from shared.series.arrays import Bool, Int64
from shared.series.wall_clock import to_utc

_HINT = re.compile(
    r"hour|hora|ora\b|stunde|std|period|interval|settlement|\bhe\b|\bhr\b|uhr|klo|pte|slot|viertel|heure|uur|timme|"
    r"godz|hodin|trading|\bmtu\b|time|zeit|\bh\b|\bsp\b|\bqh\b",
    re.IGNORECASE,
)
_COUNTS = {25: 60, 50: 30, 100: 15}  # most periods a day can have, and their length in minutes
_CALLED = re.compile(
    r"(?:he|h|hour|hr|stunde|std|hora|ora|heure|uur|period|p|sp|pte|qh|q|slot)[ ._-]*"
    r"(?P<number>\d{1,3}[AB]?)",
    re.IGNORECASE,
)
_UNTIL = re.compile(r"(?P<begin>\d{1,3})\s*[-\u2013]\s*(?P<end>\d{1,3})")
_DOTTED = re.compile(r"(?:[01]?\d|2[0-4])\.[0-5]\d")
_HEADER = re.compile(
    r"(?:he|hour|h|hr|stunde|std|hora|ora|v|p|sp|period|interval|value|wert|t)?[ _.-]*"
    r"(?P<number>\d{1,3})(?:[ _.]?h)?[AB]?",
    re.IGNORECASE,
)
_CLOCK_HEADER = re.compile(r"(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?::00)?(?:\s*-\s*\d{1,2}[:.h]\d{2})?")
_LEAST_A_DAY = 12
_MINUTE_NS = 60 * 10**9


@dataclass(frozen=True)
class Period:
    """A column that says which part of its day a row is about.

    ``counted``: the number of the period, from ``first`` on; ``hhmm`` and ``dotted``: a time of day.
    """

    column: int
    style: Literal["counted", "hhmm", "dotted"]
    minutes: int
    first: int

    def offsets_ns(self, cells: Cells) -> Int64:
        """Return how long after midnight each row's period begins, by the count; negative where unread."""
        texts = np.char.strip(cells)
        if self.style == "counted" and not np.char.isdigit(texts).all():
            kinds, inverse = np.unique(texts, return_inverse=True)
            counts = [_number_of(kind.decode("utf-8", "replace")) for kind in kinds.tolist()]
            texts = np.array(counts, dtype=np.bytes_)[inverse.ravel()]
        digits = np.char.replace(
            np.char.rstrip(texts, b"ABab"), b".", b"" if self.style == "dotted" else b"."
        )
        numeric = np.char.isdigit(digits)
        number = np.full(len(cells), -1, dtype=np.int64)
        number[numeric] = digits[numeric].astype(np.int64)
        if self.style == "counted":
            return np.where(number >= self.first, (number - self.first) * self.minutes * _MINUTE_NS, -1)
        minutes = number // 100 * 60 + number % 100
        return np.where((number >= 0) & (number % 100 < 60) & (minutes <= 1440), minutes * _MINUTE_NS, -1)


def period_column(table: Table, date: int, taken: Sequence[int]) -> Period | None:
    """Return the column with the periods of days whose date stands in another one, None if there is none.

    Its values tell rows of one date apart, and are those of a clock or a count.
    """
    dates = [row.cells[date] for row in table.body]
    if len(set(dates)) > 0.5 * len(dates):
        return None
    found = []
    for column in range(table.n_columns):
        if column == date or column in taken:
            continue
        cells = [_number_of(row.cells[column].strip()) for row in table.body]
        period = _period(column, cells, dates, hinted=_HINT.search(table.headers[column]) is not None)
        if period is not None:
            found.append((not _HINT.search(table.headers[column]), abs(column - date), period))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _number_of(cell: str) -> str:
    """Return the number of a period that is called H01, hour 1 or 0-1; other cells as they are.

    >>> _number_of("H01"), _number_of("00 - 01"), _number_of("3B"), _number_of("00:00")
    ('01', '00', '3B', '00:00')
    """
    if (called := _CALLED.fullmatch(cell)) is not None:
        return called["number"]
    if (until := _UNTIL.fullmatch(cell)) is not None and int(until["end"]) == int(until["begin"]) + 1:
        return until["begin"]
    return cell


def _period(column: int, cells: Sequence[str], dates: Sequence[str], *, hinted: bool) -> Period | None:
    plain = [cell[:-1] if cell[-1:] in "AB" and cell[:-1].isdigit() else cell for cell in cells]
    if all(_DOTTED.fullmatch(cell) for cell in plain):
        return Period(column, "dotted", 0, 0) if _tells_apart(plain, dates) else None
    if not all(cell.isdigit() and len(cell) <= 4 for cell in plain):
        return None
    numbers = np.array(plain, dtype=np.int64)
    if not _tells_apart(cells, dates):
        return None
    if numbers.max() > 100:
        clock = (numbers % 100 < 60).all() and numbers.max() <= 2400 and (hinted or len(cells[0]) == 4)
        return Period(column, "hhmm", 0, 0) if clock else None
    first = int(numbers.min())
    if first > 1 or numbers.max() - first + 1 < _LEAST_A_DAY:
        return None
    most = next((n for n in _COUNTS if numbers.max() - first + 1 <= n), None)
    usual = most is not None and numbers.max() - first + 1 >= most - 3 * 60 // _COUNTS[most]
    return Period(column, "counted", _COUNTS[most], first) if most and usual else None


def _tells_apart(cells: Sequence[str], dates: Sequence[str]) -> bool:
    """Whether the values are many, and most dates stand beside many of them."""
    pairs = {(date, cell) for date, cell in zip(dates, cells, strict=True)}
    return len(set(cells)) >= _LEAST_A_DAY and len(pairs) >= _LEAST_A_DAY * len(set(dates)) * 0.5


def with_periods(local_ns: Int64, offsets_ns: Int64, zone: str, *, counted: bool) -> tuple[Int64, Bool]:
    """Return local stamps of periods, or UTC ones where counting goes on through a change of the clock.

    Parameters
    ----------
    local_ns, offsets_ns
        Shape (n,): midnights by the wall clock, and the beginning of each period by the count.
    counted
        Whether periods are numbers, not times of day.

    Returns
    -------
    stamps_ns
        Shape (n,).
    is_utc
        Shape (n,), all true or all false.
    """
    clock = np.zeros(len(local_ns), dtype=np.bool_)
    if not counted or zone == "UTC" or len(local_ns) == 0:
        return local_ns + offsets_ns, clock
    day_ns = 1440 * _MINUTE_NS
    days = np.unique(local_ns)
    begin = to_utc(np.append(days, days[-1] + day_ns), zone)[0]
    next_day = to_utc(days + day_ns, zone)[0]
    length = next_day - begin[:-1]
    last = np.full(len(days), -1, dtype=np.int64)
    np.maximum.at(last, np.searchsorted(days, local_ns), offsets_ns)
    long_, short = length > day_ns, length < day_ns
    goes_on = (last[long_] >= day_ns).any() or (short.any() and (last[short] < length[short]).all())
    if not goes_on:
        return local_ns + offsets_ns, clock
    return begin[np.searchsorted(days, local_ns)] + offsets_ns, ~clock


def unfolded(table: Table, date: int) -> Table | None:
    """Turn a table with a day per row into one with a period per row; None if it is none.

    The columns of a day have headers that count (HE01 .. HE24, 1 .. 48) or tell the time (00:15).
    """
    run = _run_of_periods(table, date)
    if run is None:
        return None
    others = [k for k in range(table.n_columns) if k not in run and k != date]
    labels = _labels([table.headers[k] for k in run])
    of_days = {o for o in others if all(map(is_numeric, table.column(o)))}  # a total is one value a day
    body = tuple(
        Row(
            row.line,
            row.n_above,
            (
                row.cells[date],
                label,
                row.cells[k],
                *("" if o in of_days and k != run[0] else row.cells[o] for o in others),
            ),
        )
        for row in table.body
        for k, label in zip(run, labels, strict=True)
        if row.cells[k]
    )
    headers = (table.headers[date] or "date", "period", "value", *(table.headers[o] for o in others))
    return Table(headers, table.first_line, table.n_above, body, table.label, held=True)


def _run_of_periods(table: Table, date: int) -> list[int] | None:
    """Return the columns of one day: the longest run of headers that count or tell the time."""
    numbers = [_HEADER.fullmatch(header.strip()) for header in table.headers]
    clocks = [_CLOCK_HEADER.fullmatch(header.strip()) for header in table.headers]
    for found in (clocks, numbers):
        run = [k for k, match in enumerate(found) if match is not None and k != date]
        if len(run) not in (23, 24, 25, 46, 48, 50, 92, 96, 100) or run[-1] - run[0] != len(run) - 1:
            continue
        if found is clocks:
            return run
        values = [int(numbers[k]["number"]) for k in run]  # type: ignore[index]  # k is one of those that match
        counted = list(dict.fromkeys(values))  # the doubled hour has two columns: 3A and 3B, or 3 twice
        if values[0] in (0, 1) and counted == list(range(values[0], values[0] + len(counted))) == sorted(
            counted
        ):
            return run if len(values) - len(counted) in (0, 1, 2, 4) else None
    return None


def _labels(headers: Sequence[str]) -> list[str]:
    """Return the period of each column as a cell: its number, or a time of day."""
    clocks = [_CLOCK_HEADER.fullmatch(header.strip()) for header in headers]
    if all(clocks):
        minutes = [int(match["hour"]) * 60 + int(match["minute"]) for match in clocks if match]
        if minutes[-1] == 0:
            minutes[-1] = 1440  # 00:15 .. 24:00, written as 00:00
        return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes]
    numbers = [match["number"] for header in headers if (match := _HEADER.fullmatch(header.strip()))]
    return [str(int(number)) for number in numbers]


def looks_like_a_day_per_row(table: Table) -> int | None:
    """Return the date column of a table with a day per row, None if it is another."""
    for date in range(min(table.n_columns, 8)):
        cells = table.column(date)
        if cells and stamps_in(cells).all() and _run_of_periods(table, date) is not None:
            return date
    return None
