"""A file that is no plain table, taken apart into tables: blocks, tables side by side, tables on their side.

Each row that is no data is set aside with a reason, never dropped in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.ingest.core.blocks import Blocks
from services.ingest.core.dated import under_dates
from services.ingest.core.dialect import Row
from services.ingest.core.names import clean
from services.ingest.core.numbers import is_numeric
from services.ingest.core.table import SetAside, Table, aside_of, fitted, stamps_in, without_marks
from shared.series.arrays import Bool

_MOST_ODD_SHARE = 0.5  # of the rows may be something else than data
_LEAST_STAMPS = 6  # in the header of a table on its side


@dataclass(frozen=True)
class Sheets:
    """The tables of a file, and the rows that belong to none."""

    tables: tuple[Table, ...]
    set_aside: tuple[SetAside, ...]


def find_sheets(rows: Sequence[Row], *, delimiter: str) -> Sheets | None:
    """Take a file apart; None if no row of it holds a time stamp.

    Parameters
    ----------
    rows
        All rows of the file, blank ones left out.
    delimiter
        What splits them, for messages.

    Raises
    ------
    BadTimestamp, MixedDelimiters
        If a row between data is none of what is known to stand there.
    """
    plain = without_marks(rows)
    kept = {row.line for row in plain}
    aside = [aside_of(row, "comment") for row in rows if row.line not in kept]
    if (lying := _on_its_side(plain)) is not None:
        return Sheets((lying,), tuple(aside))
    if (dated := under_dates(plain)) is not None:
        return Sheets((dated[0],), (*aside, *dated[1]))
    width = max((len(row.cells) for row in plain), default=0)
    if width < 2:
        return None
    square = [Row(row.line, row.n_above, fitted(row.cells, width)) for row in plain]
    stamped = np.array([_stamps([row.cells[column] for row in square]) for column in range(width)])
    column = int(np.argmax(stamped.sum(axis=1)))
    is_data = stamped[column]
    if is_data.sum() < max(2, (1 - _MOST_ODD_SHARE) * len(square)):
        return None
    widths = [len(row.cells) for row, data in zip(plain, is_data, strict=True) if data]
    usual = max(set(widths), key=widths.count)
    if any(any(row.cells[usual:]) for row, data in zip(plain, is_data, strict=True) if data):
        return None  # rows with more cells than the others: where the surplus belongs would be a guess
    first = int(np.argmax(is_data))
    header, data = (plain[first - 1].cells if first else ()), plain[first].cells
    if 1 < len(header) < len(data) and any(data[len(header) :]):
        return None  # fewer names than columns: which cell is whose would be a guess
    tables = Blocks(column, delimiter, aside).part(square, is_data)
    return Sheets(tuple(part for table in tables for part in _side_by_side(table)), tuple(aside))


def _stamps(cells: Sequence[str]) -> Bool:
    """Tell the stamps of a column; one without digits has none."""
    if not any(character.isdigit() for cell in cells for character in cell[:8]):
        return np.zeros(len(cells), dtype=np.bool_)
    return stamps_in(cells)


def is_odd(table: Table) -> bool:
    """Tell a table that has stamps in its header, or several tables side by side."""
    if stamps_in(table.headers).sum() >= _LEAST_STAMPS:
        return True
    body = Table(table.headers, table.first_line, table.n_above, table.body[:50])
    return len(_side_by_side(body)) > 1


def _on_its_side(rows: Sequence[Row]) -> Table | None:
    """Turn a table whose header holds the stamps: one column per row of it, called by the cells before."""
    for top, row in enumerate(rows[:10]):
        stamps = stamps_in(row.cells)
        if stamps.sum() < _LEAST_STAMPS or stamps.mean() < 0.5 or top + 1 >= len(rows):
            continue
        if any(stamps_in(other.cells).mean() > 0.25 for other in rows[top + 1 :]):
            continue
        first = int(np.argmax(stamps))
        columns = np.flatnonzero(stamps)
        below = [fitted(other.cells, len(row.cells)) for other in rows[top + 1 :]]
        keys = _telling([cells[:first] for cells in below])
        body = tuple(
            Row(row.line, row.n_above, (row.cells[k], *(cells[k] for cells in below))) for k in columns
        )
        return Table(("time", *keys), row.line, row.n_above, body, held=True)
    return None


def _telling(keys: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a name for each row: its first cell, and as many more as make the names differ."""
    for length in range(1, len(keys[0]) + 1 if keys else 1):
        names = [clean(" ".join(key[:length])) for key in keys]
        if len(set(names)) == len(names):
            return names
    return [clean(" ".join(key)) or f"row {n}" for n, key in enumerate(keys, 1)]


def _side_by_side(table: Table) -> list[Table]:
    """Part a table that has several time columns, each with values of its own behind it."""
    columns = [[row.cells[k] for row in table.body] for k in range(table.n_columns)]
    stamped = [
        k
        for k, cells in enumerate(columns)
        if (filled := [c for c in cells if c]) and stamps_in(filled).all()
    ]
    named = {table.headers[k].lower() for k in stamped}
    starts = [k for k in stamped if k + 1 < table.n_columns and k + 1 not in stamped]
    parted_by_gaps = not any(any(columns[k - 1]) for k in starts[1:])
    if len(starts) < 2 or (len(named) > 1 and not parted_by_gaps):
        return [table]
    if any(not any(map(is_numeric, columns[k + 1])) for k in starts):
        return [table]
    ends = [*starts[1:], table.n_columns]
    parts = []
    for begin, end in zip(starts, ends, strict=True):
        rows = [row for row in table.body if row.cells[begin]]
        body = tuple(Row(row.line, row.n_above, row.cells[begin:end]) for row in rows)
        parts.append(replace(table, headers=table.headers[begin:end], body=body))
    return parts
