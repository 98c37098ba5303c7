"""The frame of a table: its header, where its data begin, how many columns it has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.core.dialect import Row, delimiter_name
from services.ingest.core.names import clean
from services.ingest.core.numbers import is_numeric
from services.ingest.core.problems import EmptyFile, RaggedTable
from services.ingest.core.stamp_grammar import is_clock_time
from services.ingest.core.timestamps import is_stamp

_MAX_UNIT_ROWS = 3  # rows of units and descriptions between header and data


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
        The first rows of data, one cell per column.
    """

    headers: tuple[str, ...]
    first_line: int
    n_above: int
    body: tuple[Row, ...]

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.headers)

    def column(self, index: int) -> list[str]:
        """Return the non-empty cells of a column's beginning."""
        return [row.cells[index] for row in self.body if row.cells[index]]


def find_table(rows: Sequence[Row], *, delimiter: str) -> Table:
    """Find header and body in the first rows of a file.

    Lines above the header that have another number of cells (titles, comments) are passed over, and so
    are up to three rows of units between header and data.

    Raises
    ------
    RaggedTable
        If the header names fewer columns than the rows have.
    EmptyFile
        If there is no row of data.
    """
    if rows[0].cells[0].lower().startswith("sep="):  # how Excel is told the delimiter
        rows = rows[1:]
    if not rows:
        raise EmptyFile("the file has no rows of data")
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    top = next(index for index, row in enumerate(rows) if len(row.cells) == width)
    if top and not any(any(row.cells[len(rows[top - 1].cells) :]) for row in rows[top:]):
        top -= 1  # lines that end in a delimiter: one cell more than the header, always empty
    _refuse_short_header(rows, top, delimiter)
    has_header = not _is_data(rows[top])
    begin = _first_data(rows, top + 1) if has_header else top
    if begin >= len(rows):
        raise EmptyFile("the file has a header but no rows of data", line=rows[top].line)
    named = rows[top].cells if has_header else ()
    _refuse_long_rows(rows[begin:], width, delimiter)
    headers = _fitted(tuple(clean(cell).lstrip("# ") for cell in named), width)
    body = tuple(Row(row.line, row.n_above, _fitted(row.cells, width)) for row in rows[begin:])
    return Table(headers, rows[begin].line, rows[begin].n_above, body)


def _first_data(rows: Sequence[Row], begin: int) -> int:
    """Pass over rows of units, in which there is neither a number nor a time stamp."""
    for index in range(begin, min(begin + _MAX_UNIT_ROWS, len(rows))):
        if _has_any_data(rows[index]):
            return index
    return begin


def _is_data(row: Row) -> bool:
    """Tell rows of data from a header: these hold a time stamp, or nothing but numbers."""
    return any(is_stamp(cell) and not cell.isdigit() for cell in row.cells) or all(
        is_numeric(cell) for cell in row.cells if cell
    )


def _has_any_data(row: Row) -> bool:
    return any(is_numeric(cell) or is_stamp(cell) or is_clock_time(cell) for cell in row.cells)


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


def _refuse_long_rows(rows: Sequence[Row], width: int, delimiter: str) -> None:
    """Refuse surplus cells: the parser would drop them silently if they stood in the first row."""
    for row in rows:
        if any(row.cells[width:]):
            raise RaggedTable(
                f"line {row.line} has {len(row.cells)} cells separated by {delimiter_name(delimiter)}, "
                f"the table has {width} columns",
                line=row.line,
                n_cells=len(row.cells),
            )


def _fitted(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    return (cells + ("",) * width)[:width]
