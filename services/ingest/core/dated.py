"""Times of day under a date written once: on a line of its own, or beside the first time of its day."""

from collections.abc import Sequence

from services.ingest.core.dialect import Row
from services.ingest.core.numbers import is_numeric
from services.ingest.core.stamp_grammar import is_clock_time
from services.ingest.core.table import SetAside, Table, aside_of, fitted, moments_in, stamps_in

_LEAST_SHARE = 0.5  # of the rows must hold a time of day


def under_dates(rows: Sequence[Row]) -> tuple[Table, tuple[SetAside, ...]] | None:
    """Put the date above before each time of day; None if the rows are no such table.

    They are one if every time of day has a date above or beside it, and times ascend from date to date: a
    time of day that begins again without a new date would be a guess.

    Parameters
    ----------
    rows
        All rows of the file, blank ones left out.
    """
    width = max((len(row.cells) for row in rows), default=0)
    square = [Row(row.line, row.n_above, fitted(row.cells, width)) for row in rows]
    where = [next((k for k, cell in enumerate(row.cells) if is_clock_time(cell)), None) for row in square]
    columns = {column for column in where if column is not None}
    if len(columns) != 1 or sum(k is not None for k in where) < max(2, _LEAST_SHARE * len(rows)):
        return None
    column = columns.pop()
    first = next(k for k, row in enumerate(square) if where[k] is not None or _date(row, column))
    body = _filled(square[first:], column)
    if body is None:
        return None
    above = square[:first]
    named = bool(above) and sum(bool(cell) and not is_numeric(cell) for cell in above[-1].cells) > 1
    headers = above[-1].cells if named else ("",) * width
    aside = tuple(aside_of(row, "above the data") for row in (above[:-1] if named else above))
    return Table(headers, body[0].line, body[0].n_above, tuple(body), held=True), aside


def _filled(rows: Sequence[Row], column: int) -> list[Row] | None:
    """Return the rows with a time of day, each behind its date; None where one has none for certain."""
    body: list[Row] = []
    today, dated, last = "", 0, -1
    for row in rows:
        date, clock = _date(row, column), row.cells[column]
        if date:
            dated += date == today  # a date beside every time of day: a plain table where one is missing
            today, last = date, -1
        if not is_clock_time(clock):
            if date and sum(map(bool, row.cells)) == 1:
                continue
            return None
        moment = int(moments_in([f"2024-01-01 {clock}"])[0])
        if not today or moment <= last or dated:
            return None
        last = moment
        cells = ["" if cell == date else cell for cell in row.cells]
        cells[column] = f"{today} {clock}"
        body.append(Row(row.line, row.n_above, tuple(cells)))
    return body


def _date(row: Row, column: int) -> str:
    """Return the cell with the date of a row, "" if it has none: a stamp without a time of day."""
    cell = next((cell for cell in row.cells[: column + 1] if cell), "")
    return cell if ":" not in cell and not cell.isdigit() and stamps_in([cell])[0] else ""
