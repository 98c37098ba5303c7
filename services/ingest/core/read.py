"""A file becomes series: the whole way from bytes to sorted UTC stamps, values and a quality report."""

from services.ingest.core.dialect import find_delimiter, split_rows
from services.ingest.core.encoding import Source, first_pass
from services.ingest.core.facts import FileFacts, SeriesRead, Skipped
from services.ingest.core.names import display_names
from services.ingest.core.nem12 import is_nem12, registers
from services.ingest.core.options import ReadOptions
from services.ingest.core.periods import looks_like_a_day_per_row, unfolded
from services.ingest.core.problems import (
    BadTimestamp,
    EmptyFile,
    MixedDelimiters,
    NoTimeColumn,
    RaggedTable,
    TableTooLarge,
)
from services.ingest.core.sheets import find_sheets, is_odd
from services.ingest.core.table import SetAside, find_table
from services.ingest.core.table_series import NamedSeries, TextFile, read_table
from shared.errors import InvalidInput

__all__ = ["FileFacts", "ReadOptions", "SeriesRead", "Skipped", "read_file"]

MAX_HELD_LINES = 300_000  # of a file that is no plain table and is taken apart in memory
MAX_HELD_CELLS = 3_000_000
_ODD = (NoTimeColumn, BadTimestamp, RaggedTable, EmptyFile, MixedDelimiters)


def read_file(
    source: Source, *, options: ReadOptions | None = None, file_name: str | None = None
) -> list[SeriesRead]:
    """Read a CSV file into one series per value column, and per meter, sensor or block of it.

    Delimiter, decimal marks, encoding, header, time column, keys and time format are found out unless
    the options name them. Rows are sorted; no row is dropped, merged or made up without the report
    saying so, and what can be read in two ways is a question. Cells that are no finite numbers are
    missing, and reported with their lines.

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
    One entry per series, in the order of the file.

    Raises
    ------
    InvalidInput
        One subclass per cause (`problems.py`), naming the line, what was found and what to do; where
        ``details["question"]`` is there, one of its candidates as an option is the answer.

    Examples
    --------
    >>> [load] = read_file(b"Datum;Last\\n31.12.2024 00:00;1,5\\n31.12.2024 01:00;2\\n")
    >>> load.series.name, load.series.values.tolist(), load.statistics.step_min
    ('Last', [1.5, 2.0], 60.0)
    """
    options = options or ReadOptions()
    seen = first_pass(source, encoding=options.encoding)
    lines = seen.lines()
    records = is_nem12(lines[0])
    delimiter = options.delimiter or ("," if records else find_delimiter(lines))
    file = TextFile(source, seen, delimiter)
    try:
        found, aside = _read_registers(file, options) if records else _read_plain(file, options)
    except _ODD as problem:
        if records:
            raise
        found, aside = _read_sheets(file, options, problem)
    called = file_name if file_name is not None else "" if isinstance(source, bytes) else source.name
    names = display_names([one.name for one in found], file_name=called)
    return [one.called(name, aside) for one, name in zip(found, names, strict=True)]


def _read_plain(file: TextFile, options: ReadOptions) -> tuple[list[NamedSeries], tuple[SetAside, ...]]:
    """Read a file that is one table from its first row of data to its end.

    Raises
    ------
    RaggedTable
        If it is none: a day per row, stamps in the header, several time columns.
    """
    rows = split_rows(file.seen.lines(), file.delimiter)
    table = find_table(rows, delimiter=file.delimiter)
    if not options.time_columns and (is_odd(table) or looks_like_a_day_per_row(table) is not None):
        raise RaggedTable("the file is no table with a stamp per row", line=table.first_line)
    return read_table(file, table, options), table.aside


def _read_registers(file: TextFile, options: ReadOptions) -> tuple[list[NamedSeries], tuple[SetAside, ...]]:
    """Read a file of records, each a day of a register.

    Raises
    ------
    TableTooLarge
        If it has more lines than are held in memory.
    """
    if file.seen.n_lines > MAX_HELD_LINES:
        raise TableTooLarge(
            f"the file has {file.seen.n_lines} lines, at most {MAX_HELD_LINES} of its format are read",
            n_lines=file.seen.n_lines,
        )
    tables, aside = registers(split_rows(list(file.lines_until(file.seen.n_lines)), file.delimiter))
    return [one for table in tables for one in read_table(file, table, options)], aside


def _read_sheets(
    file: TextFile, options: ReadOptions, problem: InvalidInput
) -> tuple[list[NamedSeries], tuple[SetAside, ...]]:
    """Take a file apart that is no plain table, and read its parts.

    Raises
    ------
    InvalidInput
        What the plain reading met, if the file is not understood this way either.
    """
    if file.seen.n_lines > MAX_HELD_LINES:
        raise problem
    try:
        rows = split_rows(list(file.lines_until(file.seen.n_lines)), file.delimiter)
        if sum(len(row.cells) for row in rows) > MAX_HELD_CELLS:
            raise problem
        sheets = find_sheets(rows, delimiter=file.delimiter)
        if sheets is None:
            raise problem from None
        found = []
        for table in sheets.tables:
            date = looks_like_a_day_per_row(table)
            upright = None if date is None else unfolded(table, date)
            found += read_table(file, upright or table, options)
    except (*_ODD, TableTooLarge) as other:
        raise problem if not isinstance(other, TableTooLarge) else other from other
    return found, sheets.set_aside
