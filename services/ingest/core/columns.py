"""Which columns of a table are time stamps, which became known when, and which are series."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.core.names import column_name
from services.ingest.core.options import ReadOptions
from services.ingest.core.periods import Period, period_column
from services.ingest.core.problems import NoTimeColumn, UnknownColumn
from services.ingest.core.stamp_grammar import is_clock_time, zone_letters_of
from services.ingest.core.table import Table
from services.ingest.core.time_column import (
    UNITS_NS,
    TimeRule,
    calendar_rule,
    epoch_rule,
    excel_rule,
    named_rule,
)
from services.ingest.core.timestamps import is_stamp
from services.ingest.core.zone_letters import refuse_open_letters

_TIME_HINT = re.compile(r"utc|time|date|datum|zeit|stamp|epoch|unix|\bds\b|uhr|\bt\b", re.IGNORECASE)
_ISSUE_HINTS = tuple(  # "forecast time" is the issue time only where nothing says so more clearly
    re.compile(rf"(?:{hint})", re.IGNORECASE)
    for hint in (
        r"issued?(?:[ _](?:at|on))?|issue[ _]?(?:time|date)|ausgabe(?:zeit(?:punkt)?)?",
        r"(?:(?:model[ _]?)?run|init|analysis|reference)[ _]?(?:time|date)",
        r"forecast(?:ed|[ _]creation)?[ _]?(?:time|date|at)|prognosezeit(?:punkt)?",
    )
)
_USUAL_SHARE = 0.8
_ID_HINT = re.compile(
    r"\bid\b|_id\b|^id_|stations?_?id|kennung|nummer|number\b|\bnr\b|code\b|cups\b|^serial|seriennr|\bean|gsrn|"
    r"\bmpan|\bmprn|\bnmi\b|\bpod\b|\bprm\b|\bpdl\b|zählpunkt|zaehlpunkt|metering ?point|numéro|numero",
    re.IGNORECASE,
)
_COUNTERS = (
    "",
    "rownames",
    "index",
    "unnamed: 0",
    "record",
    "recno",
    "rn",
    "row",
    "nr",
    "no",
    "lfd. nr",
    "pos",
)
_EXACT_DIGITS = 15  # whole numbers up to here are exact in double precision
_PARTS = (  # names of columns in the order of a stamp, and what their numbers lie between
    (
        (
            "year",
            "jahr",
            "yyyy",
            "yy",
            "year (utc)",
            "año",
            "ano",
            "annee",
            "année",
            "anno",
            "yr",
            "rok",
            "jaar",
        ),
        (1700, 2261),
    ),
    (("month", "monat", "mm", "mes", "mois", "mese", "mo", "mon", "maand"), (1, 12)),
    (("day", "tag", "dd", "dia", "día", "jour", "giorno", "dy", "dag"), (1, 31)),
    (("hour", "stunde", "hh", "hora", "heure", "ora", "hr", "uur", "std"), (0, 25)),
    (("minute", "min", "minuto", "minuut", "mn", "mm"), (0, 59)),
)


@dataclass(frozen=True)
class Columns:
    """The roles of a table's columns, by 0-based index.

    ``time`` holds one index, two where date and time of day stand apart, or those of year, month, day and
    so on; ``period`` is the column with the hour or settlement period of the day. ``skipped`` columns
    are no series, each for the reason beside it.
    """

    time: tuple[int, ...]
    time_rule: TimeRule
    period: Period | None
    issued: int | None
    issued_rule: TimeRule | None
    values: tuple[int, ...]
    skipped: tuple[tuple[int, str], ...]

    @property
    def of_time(self) -> tuple[int, ...]:
        """The columns that say when a row is."""
        period = () if self.period is None else (self.period.column,)
        return (*self.time, *period, *(() if self.issued is None else (self.issued,)))

    @property
    def stamps(self) -> tuple[int, ...]:
        """The columns that are read as bytes."""
        return self.of_time

    @property
    def counted(self) -> bool:
        """Whether days are divided by counting, not by a clock."""
        return self.period is not None and self.period.style == "counted"


def choose_columns(table: Table, options: ReadOptions) -> Columns:
    """Give every column of a table its role: as the user says, else as its cells and header say.

    Raises
    ------
    UnknownColumn
        If an option names a column that is not there.
    NoTimeColumn
        If no column reads as time stamps, or the named one does not.
    """
    written = _written_stamps(table, options)
    issued = _issue_column(table, options, written)
    rest = {index: rule for index, rule in written.items() if index != issued}
    time, rule = _named_time(table, options) if options.time_columns else _found_time(table, options, rest)
    period = period_column(table, time[0], time) if _wants_period(table, time) else None
    period_of = () if period is None else (period.column,)
    taken = {*time, *period_of, *(() if issued is None else (issued,))}
    named = tuple(index_of(table, name) for name in options.value_columns)
    skipped = [(i, _no_series(table, i, written)) for i in range(table.n_columns) if i not in taken]
    values = named or tuple(index for index, reason in skipped if not reason)
    reasons = tuple((i, reason or "not chosen") for i, reason in skipped if i not in values)
    issued_rule = None if issued is None else written[issued]
    return Columns(time, rule, period, issued, issued_rule, values, reasons)


def _wants_period(table: Table, time: tuple[int, ...]) -> bool:
    """Tell a date whose time of day may stand in a column of periods."""
    return (len(time) == 1 and _is_date_only(table, time[0])) or len(time) == 3


def index_of(table: Table, name: str) -> int:
    """Return the 0-based index of the column with a header, or of ``column 2`` by position.

    Raises
    ------
    UnknownColumn
        Listing the columns there are.
    """
    names = [column_name(header, index) for index, header in enumerate(table.headers)]
    if name in names:
        return names.index(name)
    position = re.fullmatch(r"column (\d{1,5})", name)
    if position and 1 <= int(position[1]) <= table.n_columns:
        return int(position[1]) - 1
    raise UnknownColumn(
        f"there is no column {name!r}; the columns are {', '.join(map(repr, names[:20]))}", column=name
    )


def _written_stamps(table: Table, options: ReadOptions) -> dict[int, TimeRule]:
    """Return the columns whose cells are time stamps, each with the way it is written."""
    if options.time_format is not None:
        rule = named_rule(options.time_format)
        texts = {i: table.column(i) for i in range(table.n_columns)}
        fitting = {i: rule for i, cells in texts.items() if rule.share(cells) >= _USUAL_SHARE}
        return _leftmost(fitting) if rule.name in UNITS_NS else fitting
    rules = {i: calendar_rule(table.column(i), options.timezone) for i in range(table.n_columns)}
    written = {i: rule for i, rule in rules.items() if rule is not None}
    if written:
        return written
    for rule_of in (epoch_rule, excel_rule):
        counted = {
            i: rule_of(table.column(i))
            for i in range(table.n_columns)
            if _TIME_HINT.search(table.headers[i]) or (i == 0 and rule_of is epoch_rule)
        }
        if found := {i: rule for i, rule in counted.items() if rule is not None}:
            return found
    return {}


def _leftmost(rules: dict[int, TimeRule]) -> dict[int, TimeRule]:
    """Any number counts as an epoch: only the first column is meant unless another is named."""
    return dict(list(rules.items())[:1])


def _issue_column(table: Table, options: ReadOptions, written: dict[int, TimeRule]) -> int | None:
    if options.issue_column is not None:
        index = index_of(table, options.issue_column)
        if index not in written:
            raise _not_stamps(table, index, options)
        return index
    if len(written) < 2:
        return None
    named = {index_of(table, name) for name in options.time_columns}
    free = [index for index in written if index not in named]
    return next((i for hint in _ISSUE_HINTS for i in free if hint.fullmatch(table.headers[i])), None)


def _named_time(table: Table, options: ReadOptions) -> tuple[tuple[int, ...], TimeRule]:
    time = tuple(index_of(table, name) for name in options.time_columns)
    texts = _joined(table, time)
    found = calendar_rule(texts, options.timezone) or epoch_rule(texts)
    rule = found if options.time_format is None else named_rule(options.time_format)
    if rule is None or rule.share(texts) == 0:
        raise _not_stamps(table, time[0], options)
    return time, rule


def _found_time(
    table: Table, options: ReadOptions, written: dict[int, TimeRule]
) -> tuple[tuple[int, ...], TimeRule]:
    """Choose among the columns of stamps: with a time of day, called like time, the leftmost."""
    if not written:
        if parts := _calendar_parts(table):
            return parts, TimeRule(zone=options.timezone)
        raise _not_stamps(table, 0, options)
    best = max(
        written,
        key=lambda i: (
            _distinct_share(table, i) if not _is_date_only(table, i) else -1.0,
            _hint(table.headers[i], options),
            -i,
        ),
    )
    clock = _clock_column(table, best) if _is_date_only(table, best) else None
    # a column of dates and times of day beats one of periods
    if clock is None or calendar_rule(_joined(table, (best, clock)), options.timezone) is None:
        return (best,), written[best]
    return (best, clock), written[best]


def _distinct_share(table: Table, index: int) -> float:
    """Return the share of different stamps, in tenths: of several columns the one with the fewest doubles."""
    cells = table.column(index)
    return round(len(set(cells)) / len(cells), 1)


def _calendar_parts(table: Table) -> tuple[int, ...] | None:
    """Return the columns of year, month and day, and of hour and minute where the day has them."""
    found: list[int] = []
    for names, (low, high) in _PARTS:
        headers = [header.lower().strip() for header in table.headers]
        column = next((i for i, name in enumerate(headers) if name in names and i not in found), None)
        if column is None:
            break
        cells = table.column(column)
        if not cells or not all(cell.isdigit() and low <= int(cell[:6]) <= high for cell in cells):
            break
        found.append(column)
    if len(found) < 3:
        return None
    hours = {int(cell) for cell in table.column(found[3])} if len(found) > 3 else {0}
    return tuple(found[:3]) if max(hours) > 23 or (min(hours) == 1 and max(hours) == 24) else tuple(found)


def _hint(header: str, options: ReadOptions) -> int:
    """Rank a header as the name of the time column; "utc" speaks against it where a zone is named."""
    if "utc" in header.lower():
        return 2 if options.timezone in (None, "UTC") else 0
    return int(_TIME_HINT.search(header) is not None)


def _is_date_only(table: Table, index: int) -> bool:
    return not any(":" in cell for cell in table.column(index)) and all(
        len(cell) <= len("31. Dezember 2024") for cell in table.column(index)[:10]
    )


def _clock_column(table: Table, date: int) -> int | None:
    """Return the column of times of day nearest to the right of a date, or nearest at all."""
    clocks = [i for i in range(table.n_columns) if _share_of_clocks(table.column(i)) >= _USUAL_SHARE]
    return min(clocks, key=lambda i: (i < date, abs(i - date)), default=None)


def _share_of_clocks(cells: Sequence[str]) -> float:
    return sum(map(is_clock_time, cells)) / len(cells) if cells else 0.0


def _joined(table: Table, columns: tuple[int, ...]) -> list[str]:
    rows = (joined_text([row.cells[i] for i in columns]) for row in table.body)
    return [text for text in rows if text.strip(" -:")]


def joined_text(parts: Sequence[str]) -> str:
    """Return the stamp whose parts stand in several columns.

    >>> joined_text(["31.12.2024", "13:45"]), joined_text(["2024", "12", "31", "5"])
    ('31.12.2024 13:45', '2024-12-31 5:00')
    """
    if len(parts) < 3:
        return " ".join(parts)
    year, month, day, *clock = (part.strip() for part in parts)
    hour = f" {clock[0]}:{(clock[1] if len(clock) > 1 else '0').zfill(2)}" if clock else ""
    return f"{year}-{month}-{day}{hour}"


def _no_series(table: Table, index: int, written: dict[int, TimeRule]) -> str:
    """Return why a column is no series; "" if it may be one."""
    cells = table.column(index)
    if index in written or _share_of_clocks(cells) >= _USUAL_SHARE:
        return "other time stamps"
    if table.headers[index].lower() in ("table", "result") and "_value" in table.headers:
        return "annotation"
    if _ID_HINT.search(table.headers[index]) and len(cells) > 1 and len(set(cells)) == 1:
        return "identification"
    if cells and all(len(cell) > _EXACT_DIGITS and cell.isdigit() for cell in cells):
        return "more digits than a number keeps: an identification"
    if not table.headers[index] and any(table.headers) and not cells:
        return "empty"
    if table.headers[index].lower().strip(" .#") in _COUNTERS and any(table.headers) and _counts_rows(cells):
        return "row numbers"
    return ""


def _counts_rows(cells: Sequence[str]) -> bool:
    if len(cells) < 2 or not all(cell.isascii() and cell.isdigit() and len(cell) < 16 for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _not_stamps(table: Table, index: int, options: ReadOptions) -> NoTimeColumn:
    """Return the refusal of a column, or ask for the zone if it is all that is missing.

    Raises
    ------
    AmbiguousZone
        If stamps end in letters such as EST.
    """
    for column in range(table.n_columns):
        letters = zone_letters_of(table.column(column)[:50])
        refuse_open_letters(letters, options.timezone, line=table.first_line)
    row = next((row for row in table.body if not is_stamp(row.cells[index])), table.body[0])
    return NoTimeColumn(
        f"{column_name(table.headers[index], index)!r} in line {row.line} is {row.cells[index][:40]!r}, "
        "which does not read as a time stamp",
        line=row.line,
        column=column_name(table.headers[index], index),
    )
