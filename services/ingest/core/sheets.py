"""A file that is no plain table, taken apart into tables: blocks, tables side by side, tables on their side.

Each row that is no data is set aside with a reason, never dropped in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.ingest.core.dialect import Row
from services.ingest.core.names import clean
from services.ingest.core.numbers import is_missing, is_numeric
from services.ingest.core.problems import BadTimestamp
from services.ingest.core.table import Table, fitted, header_names, stamps_in, without_marks
from shared.series.arrays import Bool

_TOTALS = (
    "sum", "summe", "total", "gesamt", "ergebnis", "average", "mean", "mittel", "mittelwert", "min", "max",
    "avg", "somme", "totale", "suma", "durchschnitt", "minimum", "maximum", "anzahl", "count", "end", "ende",
    "eof",
)  # fmt: skip
_MOST_ODD_SHARE = 0.5  # of the rows may be something else than data
_LEAST_STAMPS = 6  # in the header of a table on its side


@dataclass(frozen=True)
class SetAside:
    """A row that is no data, and what it is."""

    line: int
    cell: str
    reason: str


@dataclass(frozen=True)
class Sheets:
    """The tables of a file, and the rows that belong to none."""

    tables: tuple[Table, ...]
    set_aside: tuple[SetAside, ...]


def find_sheets(rows: Sequence[Row]) -> Sheets | None:
    """Take a file apart; None if no row of it holds a time stamp.

    Parameters
    ----------
    rows
        All rows of the file, blank ones left out.

    Raises
    ------
    BadTimestamp
        If a row between data is none of what is known to stand there.
    """
    aside = [SetAside(row.line, row.cells[0][:60], "comment") for row in rows if row.cells[0].startswith("#")]
    plain = without_marks(rows)
    aside = [one for one in aside if one.line not in {row.line for row in plain}]
    if (lying := _on_its_side(plain)) is not None:
        return Sheets((lying,), tuple(aside))
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
    tables = _blocks(square, is_data, column, aside)
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


def _blocks(rows: Sequence[Row], is_data: Bool, column: int, aside: list[SetAside]) -> list[Table]:
    """Part the rows at headers; what stands between and below the data is set aside or refused."""
    tables: list[Table] = []
    above: list[Row] = []
    current: list[Row] = []
    for row, data in zip(rows, is_data, strict=True):
        if data:
            if not current and not above and tables:
                tables[-1] = replace(tables[-1], body=(*tables[-1].body, row))
                continue
            current.append(row)
            continue
        if current:
            tables.append(_block(above, current, tables, aside))
            above, current = [], []
        above.append(row)
        if tables and (reason := _between(row, tables[-1], column)):
            aside.append(SetAside(row.line, next(filter(None, row.cells), "")[:60], reason))
            above.pop()
    if current:
        tables.append(_block(above, current, tables, aside))
        above = []
    _set_aside_legend(above, column, aside)
    return _joined(tables)


def _between(row: Row, table: Table, column: int) -> str:
    """Return what a row below data is where that is certain: the header again, a total; "" otherwise."""
    cells = tuple(clean(cell).lstrip("# ") for cell in row.cells)
    if cells == fitted(table.headers, len(cells)):
        return "repeated header"
    word = cells[column].lower().rstrip(":.") or next(
        (cell.lower().rstrip(":.") for cell in cells if cell), ""
    )
    if word.split(" ")[0] in _TOTALS:
        return "total"
    return ""


def _block(
    above: Sequence[Row], body: Sequence[Row], before: Sequence[Table], aside: list[SetAside]
) -> Table:
    """Make one table of rows and what stands above them."""
    if before and not any(_is_header(row, body[0]) for row in above):
        _refuse(above, body[0])
        headers, label = before[-1].headers, _label(above)
        aside.extend(SetAside(row.line, row.cells[0][:60], "between blocks") for row in above)
    elif above:
        filled = [sum(not is_missing(cell) for cell in row.cells) for row in above]
        top = max(index for index, n in enumerate(filled) if n == max(filled))
        prefix = above[top - 1].cells if top else ()
        headers = header_names(above[top:], prefix, len(body[0].cells))
        label = _label(above[:top])
    else:
        headers, label = ("",) * len(body[0].cells), ""
    return Table(headers, body[0].line, body[0].n_above, tuple(body), label, held=True)


def _is_header(row: Row, data: Row) -> bool:
    """Tell a header by names where the data have cells, and no numbers."""
    pairs = [(cell, below) for cell, below in zip(row.cells, data.cells, strict=True) if below]
    return sum(bool(cell) and not is_numeric(cell) for cell, _ in pairs) >= max(2, len(pairs) - 1)


def _label(rows: Sequence[Row]) -> str:
    """Return what a block is called: the last cell of the lines above it that is more than a word for it."""
    for row in rows:
        cells = [cell for cell in row.cells if cell]
        text = cells[-1] if cells else ""
        if any(map(str.isdigit, text)) and not stamps_in([text])[0]:
            return clean(text.split(":")[-1])
    return clean(next((cell for row in rows for cell in row.cells[::-1] if cell), ""))


def _refuse(rows: Sequence[Row], data: Row) -> None:
    """Refuse rows between data that hold numbers: one with a broken stamp would be lost."""
    for row in rows:
        numbers = sum(is_numeric(cell) for cell in row.cells)
        if numbers and numbers >= sum(is_numeric(cell) for cell in data.cells):
            cell = next((cell for cell in row.cells if cell and not is_numeric(cell)), "")
            what = f"{cell[:40]!r} is no time stamp" if cell else "the time stamp is missing"
            raise BadTimestamp(f"line {row.line}: {what}", lines=[row.line], cells=[cell[:40]])


def _set_aside_legend(rows: Sequence[Row], column: int, aside: list[SetAside]) -> None:
    """Set aside what stands below all data: totals, remarks, legends.

    Raises
    ------
    BadTimestamp
        If a row looks like data with a broken stamp.
    """
    for row in rows:
        cell = row.cells[column]
        rest = [text for k, text in enumerate(row.cells) if text and k != column]
        letters, digits = sum(map(str.isalpha, cell)), sum(map(str.isdigit, cell))
        broken = digits >= 6 and (letters < 4 or any(map(is_numeric, rest)))
        if broken or (not cell and rest and all(map(is_numeric, rest)) and len(rest) > 0):
            what = f"{cell[:40]!r} is no time stamp" if cell else "the time stamp is missing"
            raise BadTimestamp(f"line {row.line}: {what}", lines=[row.line], cells=[cell[:40]])
        aside.append(SetAside(row.line, next(filter(None, row.cells), "")[:60], "below the data"))


def _joined(tables: Sequence[Table]) -> list[Table]:
    """Put blocks together that go on under the same header without another name."""
    joined: list[Table] = []
    for table in tables:
        same = joined and joined[-1].headers == table.headers and table.label in ("", joined[-1].label)
        if same:
            joined[-1] = replace(joined[-1], body=(*joined[-1].body, *table.body))
        else:
            joined.append(table)
    if len(joined) == 1:
        return [replace(joined[0], label="")]
    return joined


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
    if len(starts) < 2 or (len(named) > 1 and not _parted_by_gaps(columns, starts)):
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


def _parted_by_gaps(columns: Sequence[Sequence[str]], starts: Sequence[int]) -> bool:
    return all(not any(columns[k - 1]) for k in starts[1:])
