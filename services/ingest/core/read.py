"""A file becomes series: the whole way from bytes to sorted UTC stamps, values and a quality report."""

from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.ingest.core.columns import Columns, choose_columns
from services.ingest.core.csv import Layout, read_chunks
from services.ingest.core.dialect import find_delimiter, split_rows
from services.ingest.core.encoding import FirstPass, Source, first_pass
from services.ingest.core.names import column_name, display_names
from services.ingest.core.numbers import Decimal, decimal_mark
from services.ingest.core.options import ReadOptions
from services.ingest.core.problems import BrokenQuotes, TableTooLarge
from services.ingest.core.quality import QualityReport, assess
from services.ingest.core.rows import Rows, collect_rows
from services.ingest.core.table import Table, find_table
from services.ingest.core.time_index import TimeIndex, build_time_index
from shared.series.problems import NoNumbers
from shared.series.series import Series, Statistics

__all__ = ["FileFacts", "ReadOptions", "SeriesRead", "Skipped", "read_file"]


MAX_COLUMNS = 2000
MAX_CELLS = 1 << 28  # 2 GiB of float64; 500 MB of text cannot hold more


@dataclass(frozen=True)
class Skipped:
    """A column that is no series, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class FileFacts:
    """How a file was written, as found or as told."""

    encoding: str
    delimiter: str
    decimal: Decimal
    first_line: int  # of the data
    time_columns: tuple[str, ...]
    time_format: str
    day_first: bool | None  # None: the order of day and month makes no difference
    timezone: str
    issue_column: str | None
    skipped: tuple[Skipped, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the facts as JSON values."""
        facts: dict[str, JsonValue] = to_jsonable_python(self)
        return facts


@dataclass(frozen=True)
class SeriesRead:
    """One value column of a file, checked."""

    series: Series
    quality: QualityReport
    statistics: Statistics
    file: FileFacts


def read_file(
    source: Source, *, options: ReadOptions | None = None, file_name: str | None = None
) -> list[SeriesRead]:
    """Read a CSV file into one series per value column.

    Delimiter, decimal mark, encoding, header, time column and time format are found out unless the
    options name them. Rows are sorted; of rows with the same stamp the last one of the file holds.
    Cells that are no finite numbers are missing, and reported with their lines.

    Parameters
    ----------
    source
        The file, or its bytes.
    options
        What the user says about it.
    file_name
        What the user calls it, for display names; never used as a path.

    Returns
    -------
    One entry per value column, in the order of the file.

    Raises
    ------
    InvalidInput
        One subclass per cause (`problems.py`), naming the line, what was found and what to do.

    Examples
    --------
    >>> [load] = read_file(b"Datum;Last\\n31.12.2024 00:00;1,5\\n31.12.2024 01:00;2\\n")
    >>> load.series.name, load.series.values.tolist(), load.statistics.step_min
    ('Last', [1.5, 2.0], 60.0)
    """
    options = options or ReadOptions()
    if file_name is None:
        file_name = "" if isinstance(source, bytes) else source.name
    seen = first_pass(source, encoding=options.encoding)
    delimiter = options.delimiter or find_delimiter(seen.lines())
    table = find_table(split_rows(seen.lines(), delimiter), delimiter=delimiter)
    _require_columns(table)
    columns = choose_columns(table, options)
    _require_values(columns, n_lines=seen.n_lines)
    decimal = options.decimal or _decimal(table, columns, delimiter)
    rows, decimal = _read_rows(source, seen, table, columns, delimiter, decimal)
    stamps = build_time_index(rows, options)
    numeric = _numeric_columns(rows, table, columns, options)
    facts = _facts(seen, delimiter, decimal, table, columns, numeric, stamps)
    names = display_names([_name(table, columns.values[k]) for k in numeric], file_name=file_name)
    return [_series(rows, stamps, k, name, facts) for k, name in zip(numeric, names, strict=True)]


def _name(table: Table, index: int) -> str:
    return column_name(table.headers[index], index)


def _require_columns(table: Table) -> None:
    if table.n_columns > MAX_COLUMNS:
        raise TableTooLarge(
            f"the file has {table.n_columns} columns, at most {MAX_COLUMNS} are read",
            n_columns=table.n_columns,
        )


def _require_values(columns: Columns, *, n_lines: int) -> None:
    if not columns.values:
        raise NoNumbers("the file has no column beside its time stamps that may hold numbers")
    n_cells = len(columns.values) * n_lines
    if n_cells > MAX_CELLS:
        raise TableTooLarge(
            f"{n_lines} lines and {len(columns.values)} value columns make {n_cells} cells, "
            f"at most {MAX_CELLS} are read",
            n_cells=n_cells,
            limit=MAX_CELLS,
        )


def _decimal(table: Table, columns: Columns, delimiter: str) -> Decimal | None:
    cells = (cell for index in columns.values for cell in table.column(index))
    return decimal_mark(cells, delimiter=delimiter)


def _read_rows(
    source: Source, seen: FirstPass, table: Table, columns: Columns, delimiter: str, decimal: Decimal | None
) -> tuple[Rows, Decimal]:
    """Read all rows; once more, if only a later part of the file shows a decimal comma."""
    layout = Layout(seen.encoding, delimiter, decimal, table.n_columns, table.n_above, table.first_line)
    stamps = (*columns.time, *(() if columns.issued is None else (columns.issued,)))
    chunks = read_chunks(source, layout, stamps=stamps, values=columns.values)
    rows = collect_rows(chunks, columns, n_lines=seen.n_lines, delimiter=delimiter)
    if seen.quoted and rows.n_lines != seen.n_lines - table.first_line + 1:
        raise BrokenQuotes("a quoted cell runs over the end of its line")
    if decimal is None:
        texts = (text for column in rows.texts for text in column)
        shown = decimal_mark(texts, delimiter=delimiter)
        if shown == "." or (shown == "," and not _has_fractions(rows)):
            return _read_rows(source, seen, table, columns, delimiter, shown)
    return rows, decimal or "."


def _has_fractions(rows: Rows) -> bool:
    """Tell whether decimal points have been read, so that a comma elsewhere is no decimal mark."""
    return any(bool((np.isfinite(values) & (values != np.rint(values))).any()) for values in rows.values)


def _numeric_columns(rows: Rows, table: Table, columns: Columns, options: ReadOptions) -> list[int]:
    """Return the value columns (as rows of ``rows.values``) that hold a number.

    Raises
    ------
    NoNumbers
        If none does, or one that the user chose does not.
    """
    numeric = [k for k, values in enumerate(rows.values) if np.isfinite(values).any()]
    wanted = range(len(columns.values)) if options.value_columns or not numeric else numeric
    for k in wanted:
        if k not in numeric:
            name = _name(table, columns.values[k])
            cell = f"; the first is {rows.texts[k][0][:40]!r}" if rows.texts[k] else ""
            raise NoNumbers(
                f"column {name!r}: not one of {len(rows.lines)} cells is a number{cell}",
                column=name,
                line=int(rows.lines[0]),
            )
    return numeric


def _facts(
    seen: FirstPass,
    delimiter: str,
    decimal: Decimal,
    table: Table,
    columns: Columns,
    numeric: list[int],
    stamps: TimeIndex,
) -> FileFacts:
    empty = [(index, "no numbers") for k, index in enumerate(columns.values) if k not in numeric]
    return FileFacts(
        encoding=seen.encoding,
        delimiter=delimiter,
        decimal=decimal,
        first_line=table.first_line,
        time_columns=tuple(_name(table, index) for index in columns.time),
        time_format=columns.time_rule.name,
        day_first=stamps.day_first,
        timezone=stamps.timezone,
        issue_column=None if columns.issued is None else _name(table, columns.issued),
        skipped=tuple(Skipped(_name(table, i), reason) for i, reason in sorted([*columns.skipped, *empty])),
    )


def _series(rows: Rows, stamps: TimeIndex, column: int, name: str, facts: FileFacts) -> SeriesRead:
    values = stamps.arrange(rows.values[column])
    values = np.where(np.isfinite(values), values, np.nan)
    series = Series(name, stamps.times_ns, values, stamps.issued_ns)
    quality = assess(
        values,
        stamps.times_ns,
        stamps.lines,
        time=stamps.findings,
        cells=rows.cell_findings(column),
        n_rows=len(rows.lines),
    )
    return SeriesRead(series, quality, series.statistics(), facts)
