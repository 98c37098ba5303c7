"""Which columns of a table are time stamps, which became known when, and which are series."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.ingest.core.names import column_name
from services.ingest.core.options import ReadOptions
from services.ingest.core.periods import Period, period_column
from services.ingest.core.problems import NoTimeColumn, UnknownColumn
from services.ingest.core.stamp_columns import (
    USUAL_SHARE,
    calendar_parts,
    clock_column,
    is_date_only,
    joined,
    share_of_clocks,
    with_zone,
)
from services.ingest.core.stamp_grammar import zone_letters_of
from services.ingest.core.table import Table
from services.ingest.core.time_column import (
    UNITS_NS,
    TimeRule,
    calendar_rule,
    epoch_rule,
    excel_rule,
    named_rule,
    year_first_rule,
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
_INDEXES = ("rownames", "index", "unnamed: 0")  # of tables that rows were taken out of
_EXACT_DIGITS = 15  # whole numbers up to here are exact in double precision


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
        """The columns that say when a row is; they are read as bytes."""
        period = () if self.period is None else (self.period.column,)
        return (*self.time, *period, *(() if self.issued is None else (self.issued,)))

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
    # A date whose time of day may stand in a column of periods.
    one_date = len(time) == 1 and is_date_only(table, time[0])
    dated = one_date or (len(time) == 3 and table.column(time[0])[0].isdigit())
    period = period_column(table, time[0], time) if dated else None
    period_of = () if period is None else (period.column,)
    taken = {*time, *period_of, *(() if issued is None else (issued,))}
    named = tuple(index_of(table, name) for name in options.value_columns)
    skipped = [(i, _no_series(table, i, written)) for i in range(table.n_columns) if i not in taken]
    values = named or tuple(index for index, reason in skipped if not reason)
    reasons = tuple((i, reason or "not chosen") for i, reason in skipped if i not in values)
    issued_rule = None if issued is None else written[issued]
    return Columns(time, rule, period, issued, issued_rule, values, reasons)


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
        fitting = {i: rule for i, cells in texts.items() if rule.share(cells) >= USUAL_SHARE}
        # Any number counts as an epoch: only the first column is meant unless another is named.
        return dict(list(fitting.items())[: 1 if rule.name in UNITS_NS else None])
    rules = {i: calendar_rule(table.column(i), options.timezone) for i in range(table.n_columns)}
    written = {i: rule for i, rule in rules.items() if rule is not None}
    for i in written if options.day_first is None else ():
        written[i] = year_first_rule(table.column(i), line=table.first_line) or written[i]
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
    texts = joined(table, time)
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
        if parts := calendar_parts(table):
            return parts, TimeRule(zone=options.timezone)
        raise _not_stamps(table, 0, options)
    ranks: dict[int, tuple[float, int, int]] = {}
    for i in written:
        cells = table.column(i)
        # The share of different stamps, in tenths: of several columns the one with the fewest doubles.
        distinct = -1.0 if is_date_only(table, i) else round(len(set(cells)) / len(cells), 1)
        # The header as the name of the time column; "utc" speaks against it where a zone is named.
        hint = int(_TIME_HINT.search(table.headers[i]) is not None)
        if "utc" in table.headers[i].lower():
            hint = 2 if options.timezone in (None, "UTC") else 0
        ranks[i] = (distinct, hint, -i)
    best = max(ranks, key=lambda i: ranks[i])
    clock = clock_column(table, best) if is_date_only(table, best) else None
    # a column of dates and times of day beats one of periods
    if clock is None or calendar_rule(joined(table, (best, clock)), options.timezone) is None:
        columns = with_zone(table, (best,), options)
    else:
        columns = with_zone(table, (best, clock), options)
    if options.day_first is not None or options.time_format is not None:
        return columns, written[best]
    together = year_first_rule(joined(table, columns), line=table.first_line)
    return columns, together or written[best]


def _no_series(table: Table, index: int, written: dict[int, TimeRule]) -> str:
    """Return why a column is no series; "" if it may be one."""
    cells = table.column(index)
    if index in written or share_of_clocks(cells) >= USUAL_SHARE:
        return "other time stamps"
    if table.headers[index].lower() in ("table", "result") and "_value" in table.headers:
        return "annotation"
    if _ID_HINT.search(table.headers[index]) and len(cells) > 1 and len(set(cells)) == 1:
        return "identification"
    if cells and all(len(cell) > _EXACT_DIGITS and cell.isdigit() for cell in cells):
        return "more digits than a number keeps: an identification"
    if not table.headers[index] and any(table.headers) and not cells:
        return "empty"
    name = table.headers[index].lower().strip(" .#")
    if name in _COUNTERS and any(table.headers) and _counts_rows(cells, holes=name in _INDEXES):
        return "row numbers"
    return ""


def _counts_rows(cells: Sequence[str], *, holes: bool) -> bool:
    """Tell whole numbers that go up by one; with ``holes`` rows may have been taken out."""
    if len(cells) < 2 or not all(cell.isascii() and cell.isdigit() and len(cell) < 16 for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    steps = {after - before for before, after in pairwise(numbers)}
    return steps == {1} or (holes and min(steps) == 1 and len(steps) < len(numbers) // 2)


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
