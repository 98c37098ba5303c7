"""The frame of a table: its header, where its data begin, how many columns it has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.ingest.core.dialect import BLANKS, DELIMITERS, Row, delimiter_name
from services.ingest.core.fixed_width import as_cells
from services.ingest.core.names import clean
from services.ingest.core.numbers import is_missing, is_numeric
from services.ingest.core.problems import EmptyFile, MixedDelimiters, RaggedTable
from services.ingest.core.stamp_grammar import is_clock_time
from services.ingest.core.timestamps import NAT, is_stamp, read_stamps
from shared.series.arrays import Bool, Int64

_MAX_UNIT_ROWS = 3  # rows of units and descriptions between header and data
_FEW_COLUMNS, _FEW_ROWS = 200, 300  # a table with more columns is judged by its first rows
_USUAL_SHARE = 0.8  # of a column's lower half must be stamps for it to tell data from what stands above


@dataclass(frozen=True)
class SetAside:
    """A row that is no data, and what it is."""

    line: int
    cell: str
    reason: str


def aside_of(row: Row, reason: str) -> SetAside:
    """Return what is told of a row that is no data: its line and its first cell."""
    return SetAside(row.line, next(filter(None, row.cells), "")[:60], reason)


@dataclass(frozen=True)
class Table:
    """Where the data of a file begin, and what stands above them.

    Attributes
    ----------
    headers
        One per column; "" for columns without a name, all of them if the file has no header.
    first_line
        1-based line of the first row of data.
    n_above
        How many rows (not lines: a quoted header may run over several) stand above it, blank ones included.
    body
        The first rows of data, one cell per column; all of them where ``held``.
    label
        What a block of a file with several is called; "" for the only one.
    held
        Whether the rows were taken from the file already, as it is no plain table.
    aside
        Rows above the data that are neither header nor data.
    """

    headers: tuple[str, ...]
    first_line: int
    n_above: int
    body: tuple[Row, ...]
    label: str = ""
    held: bool = False
    aside: tuple[SetAside, ...] = ()

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.headers)

    def column(self, index: int) -> list[str]:
        """Return the non-empty cells of a column's beginning; fewer of many columns."""
        body = self.body if self.n_columns <= _FEW_COLUMNS else self.body[:_FEW_ROWS]
        return [row.cells[index] for row in body if row.cells[index]]


def find_table(rows: Sequence[Row], *, delimiter: str) -> Table:
    """Find header and body in the first rows of a file.

    What stands above the header is passed over: titles, comments, addresses, be they padded with
    delimiters or not; so are up to three rows of units between header and data.

    Raises
    ------
    RaggedTable
        If the header names fewer columns than the rows have.
    EmptyFile
        If there is no row of data.
    """
    everything, rows = rows, without_marks(rows)
    if not rows:
        raise EmptyFile("the file has no rows of data")
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    found = first_data(rows, width)
    above = rows[:found] if found else ()
    top = next(index for index, row in enumerate(rows) if len(row.cells) == width)
    top = max(top, _header_row(above, width)) if above else top
    prefix = rows[top - 1].cells if top else ()
    shorter = top > 0 and len(rows[top - 1].cells) < width
    if shorter and not any(any(row.cells[len(rows[top - 1].cells) :]) for row in rows[top:]):
        top -= 1  # lines that end in a delimiter: one cell more than the header, always empty
    _refuse_short_header(rows, top, delimiter)
    has_header = not _is_data(rows[top])
    begin = found if found and found > top else _below_units(rows, top + 1) if has_header else top
    if begin >= len(rows):
        raise EmptyFile("the file has a header but no rows of data", line=rows[top].line)
    for row in rows[begin:]:
        if any(row.cells[width:]):  # the parser would drop them silently if they stood in the first row
            raise RaggedTable(
                f"line {row.line} has {len(row.cells)} cells separated by {delimiter_name(delimiter)}, "
                f"the table has {width} columns",
                line=row.line,
                n_cells=len(row.cells),
            )
    refuse_other_dialect(rows[:begin], delimiter)
    headers = header_names(rows[top:begin], prefix, width) if has_header else ("",) * width
    body = tuple(Row(row.line, row.n_above, fitted(row.cells, width)) for row in rows[begin:])
    named = {row.line for row in rows[begin:]} | ({rows[top].line} if has_header else set())
    aside = tuple(aside_of(row, "above the data") for row in everything if row.line not in named)
    return Table(headers, rows[begin].line, rows[begin].n_above, body, aside=aside)


def without_marks(rows: Sequence[Row]) -> Sequence[Row]:
    """Leave out the delimiter hint of Excel and lines of comment, but not a header that begins with #."""
    if rows and rows[0].cells[0].lower().startswith("sep="):
        rows = rows[1:]
    marked = [row.cells[0].startswith("#") for row in rows]
    if not any(marked):
        return rows
    plain = [row for row, comment in zip(rows, marked, strict=True) if not comment]
    if not plain:
        return rows
    last = max((i for i, row in enumerate(rows) if marked[i] and row.line < plain[0].line), default=None)
    width = len(plain[0].cells)
    if last is None or not _is_data(plain[0]) or len(rows[last].cells) != width:
        return plain
    while last and marked[last - 1] and len(rows[last - 1].cells) == width:
        last -= 1  # the names above their units
    return [rows[last], *plain]


def first_data(rows: Sequence[Row], width: int) -> int | None:
    """Return the first row of data, told by the columns that hold stamps further down; None if none do."""
    full = [index for index, row in enumerate(rows) if len(row.cells) >= width]
    if len(full) < 2:
        return None
    stamped = np.zeros(len(rows), dtype=np.bool_)
    shares = []
    for column in range(min(width, 64)):
        hits = stamps_in([rows[index].cells[column] for index in full])
        shares.append((float(hits[len(full) // 2 :].mean()), -column, hits))
    share, _, hits = max(shares, key=lambda one: one[:2])
    if share < _USUAL_SHARE:
        return None
    stamped[full] = hits
    return int(np.argmax(stamped))


def stamps_in(cells: Sequence[str]) -> Bool:
    """Tell which cells are time stamps, and no plain numbers of up to seven digits."""
    readings = read_stamps(as_cells([cell[:64] for cell in cells]))
    return np.not_equal(readings.day_first, NAT) | np.not_equal(readings.month_first, NAT)


def moments_in(cells: Sequence[str]) -> Int64:
    """Return the nanoseconds of stamps, day first where either order will do; ``NAT`` where there is none."""
    readings = read_stamps(as_cells([cell[:64] for cell in cells]))
    return np.where(readings.day_first == NAT, readings.month_first, readings.day_first)


def refuse_other_dialect(rows: Sequence[Row], delimiter: str) -> None:
    """Refuse rows that are data if another delimiter splits them: as remarks they would be lost.

    Raises
    ------
    MixedDelimiters
        Naming the first of them.
    """
    for row in rows:
        text = delimiter.join(row.cells).rstrip(delimiter + " ")
        for other in (*DELIMITERS, BLANKS):
            if other != delimiter and other in text and _is_row(text.split(other)):
                raise MixedDelimiters(
                    f"line {row.line} uses the {delimiter_name(other)} as delimiter, "
                    f"other lines the {delimiter_name(delimiter)}",
                    line=row.line,
                )


def _is_row(cells: Sequence[str]) -> bool:
    """Tell cells that are all stamps, times of day and numbers, of which there must be one beside a stamp."""
    stripped = [cell.strip() for cell in cells if cell.strip()]
    stamps = sum(is_stamp(cell) and not cell.isdigit() for cell in stripped)
    numbers = sum(is_numeric(cell) and not is_stamp(cell) for cell in stripped)
    rest = sum(is_clock_time(cell) or is_missing(cell) for cell in stripped)
    return stamps > 0 and numbers > 0 and stamps + numbers + rest >= len(stripped)


def header_names(rows: Sequence[Row], prefix: Sequence[str], width: int) -> tuple[str, ...]:
    """Return one name per column; names that repeat get what stands above them, or else below."""
    names = tuple(clean(cell).lstrip("# ") for cell in fitted(rows[0].cells, width))
    if len({name for name in names if name}) == sum(map(bool, names)):
        return names
    over: list[str] = []  # a name stands for the empty cells behind it, as in a header of two levels
    for cell in fitted(tuple(prefix), width):
        over.append(cell or (over[-1] if over else ""))
    if sum(bool(name) for name in over) > 1:
        return tuple(
            clean(f"{group} {name}") if name else name for group, name in zip(over, names, strict=True)
        )
    if len(rows) > 1:
        under = fitted(rows[1].cells, width)
        return tuple(clean(f"{name} {more}") for name, more in zip(names, under, strict=True))
    return names


def fitted(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Return as many cells as a table has columns."""
    return (cells + ("",) * width)[:width]


def _header_row(above: Sequence[Row], width: int) -> int:
    """Return the header among the rows above the data: of the full ones nearest to the data the topmost."""
    filled = [sum(not is_missing(cell) for cell in row.cells) for row in above]
    full = max(filled[-_MAX_UNIT_ROWS - 1 :])
    row = max(index for index, n in enumerate(filled) if n == full)
    while row and filled[row - 1] == full and row > len(above) - 1 - _MAX_UNIT_ROWS:
        row -= 1
    return row


def _below_units(rows: Sequence[Row], begin: int) -> int:
    """Pass over rows of units, in which there is neither a number nor a time stamp."""
    for index in range(begin, min(begin + _MAX_UNIT_ROWS, len(rows))):
        if any(is_numeric(cell) or is_stamp(cell) or is_clock_time(cell) for cell in rows[index].cells):
            return index
    return begin


def _is_data(row: Row) -> bool:
    """Tell rows of data from a header: these hold a time stamp, or nothing but numbers."""
    return any(is_stamp(cell) and not cell.isdigit() for cell in row.cells) or all(
        is_numeric(cell) for cell in row.cells if cell
    )


def _refuse_short_header(rows: Sequence[Row], top: int, delimiter: str) -> None:
    """Refuse `time,load` above `2024-01-01,1,5`: taking 1 and 5 for two columns would be a guess."""
    above, first = rows[top - 1] if top else None, rows[top]
    if above is None or not _is_data(first) or len(above.cells) < 2 or above.cells[0].startswith("#"):
        return
    hint = " (a decimal comma between unquoted commas?)" if delimiter == "," else ""
    raise RaggedTable(
        f"line {first.line} has {len(first.cells)} cells separated by {delimiter_name(delimiter)}, "
        f"the header in line {above.line} names {len(above.cells)}{hint}",
        line=first.line,
        n_cells=len(first.cells),
        n_headers=len(above.cells),
    )
