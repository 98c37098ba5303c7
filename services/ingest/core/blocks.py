"""Rows of data one below the other, parted where another header or another meter begins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from services.ingest.core.dialect import Row
from services.ingest.core.names import clean
from services.ingest.core.numbers import is_missing, is_numeric
from services.ingest.core.problems import BadTimestamp
from services.ingest.core.table import (
    SetAside,
    Table,
    aside_of,
    fitted,
    header_names,
    moments_in,
    refuse_other_dialect,
    stamps_in,
)
from shared.series.arrays import Bool

_TOTALS = (
    "sum", "summe", "total", "gesamt", "ergebnis", "average", "mean", "mittel", "mittelwert", "min", "max",
    "avg", "somme", "totale", "suma", "durchschnitt", "minimum", "maximum", "anzahl", "count", "end", "ende",
    "eof",
)  # fmt: skip
_TIME = re.compile(
    r"utc|time|dat[aeou]|zeit|stamp|uhr|tag|fecha|heure|horo|hora|aika|czas|tid\b|dag|day|month|monat|von|from|begin|"
    r"start|period|interval|mtu|temps|mois|jour",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(?:seite|page|blatt|teil|part|pagina|página|strona|sida)\b", re.IGNORECASE)


@dataclass
class Blocks:
    """Tables on their way: what was found so far, and the rows that wait for the next row of data.

    Attributes
    ----------
    column
        The column of the stamps.
    delimiter
        Of the file, for messages.
    aside
        The rows that are no data; what is found here is added.
    """

    column: int
    delimiter: str
    aside: list[SetAside]
    tables: list[Table] = field(default_factory=list)
    _above: list[Row] = field(default_factory=list)
    _current: list[Row] = field(default_factory=list)
    _forms: set[str] = field(default_factory=set)  # of the lines above the first header

    def part(self, rows: Sequence[Row], is_data: Bool) -> list[Table]:
        """Part rows at headers and names of meters.

        Raises
        ------
        BadTimestamp, MixedDelimiters
            If a row between or below data looks like data itself: it would be lost.
        """
        for row, data in zip(rows, is_data, strict=True):
            if data:
                self._current.append(row)
                continue
            self._finish()
            self._above.append(row)
            if self.tables and (reason := _between(row, self.tables[-1], self.column)):
                self._set_aside([self._above.pop()], reason)
        self._finish()

        for row in self._above:  # totals, remarks, legends below all data
            cell = row.cells[self.column]
            rest = [text for k, text in enumerate(row.cells) if text and k != self.column]
            letters, digits = sum(map(str.isalpha, cell)), sum(map(str.isdigit, cell))
            broken = digits >= 6 and (letters < 4 or any(map(is_numeric, rest)))
            if broken or (not cell and rest and all(map(is_numeric, rest))):
                raise _no_stamp(row, cell)
        self._set_aside(self._above, "below the data")
        return _joined(self.tables)

    def _finish(self) -> None:
        """Make the rows of data seen last a table, or let them go on the one before."""
        above, body = self._above, tuple(self._current)
        if not body:
            return
        self._above, self._current = [], []
        if not self.tables:
            self._first(above, body)
            return
        _refuse(above, body[0], self.delimiter)
        before = self.tables[-1]
        # Stamps of two meters cover the same time, those of two pages do not.
        old, new = (moments_in([row.cells[self.column] for row in rows]) for rows in (before.body, body))
        again = bool(np.max(new) > np.min(old) and np.min(new) < np.max(old))
        header = next((k for k, row in enumerate(above) if self._is_header(row, body[0], again=again)), None)
        if header is not None:
            headers = header_names(above[header:], (), len(body[0].cells))
            if not any(before.headers) and not again:  # joined exports, the header in the middle
                self._set_aside(above[:header], "between the data")
                self.tables[-1] = replace(before, headers=headers, body=(*before.body, *body))
                return
            self.tables.append(_held(headers, body, _label(above[:header])))
        elif above and (again or any(_form(row) in self._forms for row in above)):
            self._set_aside(above, "between blocks")
            self.tables.append(_held(before.headers, body, _label(above)))
        else:
            self._set_aside(above, "between the data")
            self.tables[-1] = replace(before, body=(*before.body, *body))

    def _first(self, above: Sequence[Row], body: tuple[Row, ...]) -> None:
        """Begin with the rows under the first header."""
        if not above:
            self.tables.append(_held(("",) * len(body[0].cells), body, ""))
            return
        refuse_other_dialect(above, self.delimiter)
        filled = [sum(not is_missing(cell) for cell in row.cells) for row in above]
        top = max(index for index, n in enumerate(filled) if n == max(filled))
        prefix = above[top - 1].cells if top else ()
        self._forms = {_form(row) for row in above[:top]} - {""}
        headers = header_names(above[top:], prefix, len(body[0].cells))
        self.tables.append(_held(headers, body, _label(above[:top])))

    def _is_header(self, row: Row, data: Row, *, again: bool) -> bool:
        """Tell a header by names where the data have cells, no numbers, and a name of time above the stamps.

        Another name above the stamps will do where the stamps begin again (``again``).
        """
        pairs = [(cell, below) for cell, below in zip(row.cells, data.cells, strict=True) if below]
        if sum(bool(cell) and not is_numeric(cell) for cell, _ in pairs) < max(2, len(pairs) - 1):
            return False
        known = self.tables[-1].headers[self.column]
        name = clean(row.cells[self.column])
        return again or _TIME.search(name) is not None or (bool(known) and name == known)

    def _set_aside(self, rows: Sequence[Row], reason: str) -> None:
        self.aside.extend(aside_of(row, reason) for row in rows)


def _held(headers: tuple[str, ...], body: tuple[Row, ...], label: str) -> Table:
    return Table(headers, body[0].line, body[0].n_above, body, label, held=True)


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


def _form(row: Row) -> str:
    """Return what lines that name meters have in common: `Meter 1` and `Meter 2`; "" for a page's number."""
    text = next(filter(None, row.cells), "")
    return "" if _PAGE.match(text) else re.sub(r"\d+", "0", text)


def _label(rows: Sequence[Row]) -> str:
    """Return what a block is called: the last cell of the lines above it that is more than a word for it."""
    for row in rows:
        cells = [cell for cell in row.cells if cell]
        text = cells[-1] if cells else ""
        if any(map(str.isdigit, text)) and not stamps_in([text])[0]:
            return clean(text.split(":")[-1])
    return clean(next((cell for row in rows for cell in row.cells[::-1] if cell), ""))


def _refuse(rows: Sequence[Row], data: Row, delimiter: str) -> None:
    """Refuse rows between data that hold numbers: one with a broken stamp would be lost."""
    refuse_other_dialect(rows, delimiter)
    for row in rows:
        numbers = _numbers(row)
        if numbers and numbers >= _numbers(data):
            raise _no_stamp(row, next((cell for cell in row.cells if cell and not is_numeric(cell)), ""))


def _numbers(row: Row) -> int:
    """Count the cells that are numbers; 31.12.2024 is none."""
    return sum(is_numeric(cell) and not stamps_in([cell])[0] for cell in row.cells)


def _no_stamp(row: Row, cell: str) -> BadTimestamp:
    what = f"{cell[:40]!r} is no time stamp" if cell else "the time stamp is missing"
    return BadTimestamp(f"line {row.line}: {what}", lines=[row.line], cells=[cell[:40]])


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
