"""The rows of a CSV file, chunk by chunk: stamps as bytes, values as numbers, at the parser's speed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from services.ingest.core.dialect import BLANKS, Row
from services.ingest.core.encoding import Source, open_source
from services.ingest.core.fixed_width import Cells, as_cells
from services.ingest.core.numbers import Decimal, NumberStyle, parse_numbers
from services.ingest.core.problems import BrokenQuotes, EmptyFile, RaggedTable
from shared.series.arrays import Bool, Float64, Int64

CHUNK_ROWS = 1 << 18
_STAMP_WIDTH = 64  # bytes; a longer cell is no time stamp, and its beginning is enough to say so
_RAGGED = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


@dataclass(frozen=True)
class Layout:
    """What the parser must know of a file. ``n_above`` rows stand above the data."""

    encoding: str
    delimiter: str
    styles: Mapping[int, NumberStyle]  # of the value columns, as the file's beginning shows them
    n_columns: int
    n_above: int
    first_line: int

    @property
    def decimal(self) -> Decimal:
        """The mark most columns have; the parser reads others as text."""
        marks = [style.decimal for style in self.styles.values() if style.decimal]
        return max(marks, key=marks.count) if marks else "."


@dataclass(frozen=True)
class Numbers:
    """One value column of a chunk: NaN is missing, infinite is too large to be a number.

    ``text_rows`` (0-based in the chunk) hold cells that are no numbers: ``texts``.
    """

    values: Float64
    text_rows: Int64 = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """Rows of the file in its order, blank ones included, each with its line."""

    lines: Int64
    stamps: Mapping[int, Cells]
    numbers: Mapping[int, Numbers]

    def __len__(self) -> int:
        return len(next(iter(self.stamps.values())))

    def blank(self) -> Bool:
        """Tell the rows in which there is neither a stamp nor a value nor a text."""
        blank = np.ones(len(self), dtype=np.bool_)
        for cells in self.stamps.values():
            blank &= cells == b""
        for column in self.numbers.values():
            if not blank.any():
                break
            blank &= np.isnan(column.values)
            blank[column.text_rows] = False
        return blank


def read_chunks(
    source: Source,
    layout: Layout,
    *,
    stamps: Sequence[int],
    values: Sequence[int],
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[Chunk]:
    """Read a table in pieces of ``chunk_rows`` lines.

    Parameters
    ----------
    source
        The file; `first_pass` has proved that it decodes.
    layout
        Its dialect and frame.
    stamps, values
        0-based indices of the columns to read as bytes and as numbers; others are passed over.

    Raises
    ------
    RaggedTable
        If a line has more cells than there are columns.
    BrokenQuotes
        If a quoted cell does not end.
    """
    # Stamps as fixed-width bytes; one byte of what nobody reads; the parser's choice for plain values.
    types: dict[int, str | type] = {index: "S1" for index in range(layout.n_columns) if index not in values}
    types |= {i: object for i in values if layout.styles[i].decimal not in (None, layout.decimal)}
    types |= dict.fromkeys(stamps, f"S{_STAMP_WIDTH}")
    line = layout.first_line
    with closing(open_source(source)) as stream, _parser_problems():
        # Not usecols: with it, the parser no longer reports lines with too many cells.
        frames = pd.read_csv(
            stream,
            sep=r"\s+" if layout.delimiter == BLANKS else layout.delimiter,
            decimal=layout.decimal,
            encoding=layout.encoding,
            header=None,
            names=range(layout.n_columns),
            index_col=False,
            dtype=types,
            skiprows=layout.n_above,
            skip_blank_lines=False,  # a row must know its line
            skipinitialspace=True,
            low_memory=False,
            chunksize=chunk_rows,
        )
        for frame in frames:
            lines = np.arange(line, line + len(frame), dtype=np.int64)
            yield Chunk(
                lines,
                {index: frame[index].to_numpy() for index in stamps},
                {index: _numbers(frame[index], layout.styles[index]) for index in values},
            )
            line += len(frame)


def held_chunk(
    rows: Sequence[Row], styles: Mapping[int, NumberStyle], *, stamps: Sequence[int], values: Sequence[int]
) -> Chunk:
    """Return rows that are in memory already as one chunk."""
    numbers = {}
    for index in values:
        texts = np.array([row.cells[index] for row in rows], dtype=object)
        read, is_text = parse_numbers(texts, styles[index])
        where = np.flatnonzero(is_text)
        numbers[index] = Numbers(read, where, tuple(texts[where]))
    return Chunk(
        lines=np.array([row.line for row in rows], dtype=np.int64),
        stamps={index: as_cells([row.cells[index] for row in rows]) for index in stamps},
        numbers=numbers,
    )


def _numbers(column: "pd.Series[float]", style: NumberStyle) -> Numbers:
    if column.dtype.kind in "iuf":
        return Numbers(np.asarray(column, dtype=np.float64))
    texts = column.map(str, na_action="ignore").to_numpy(dtype=object)
    values, is_text = parse_numbers(texts, style)
    rows = np.flatnonzero(is_text)
    return Numbers(values, rows, tuple(texts[rows]))


@contextmanager
def _parser_problems() -> Iterator[None]:
    """Turn the parser's complaints into problems that name the line."""
    try:
        yield
    except pd.errors.EmptyDataError as error:
        raise EmptyFile("the file has no rows of data") from error
    except pd.errors.ParserError as error:
        if ragged := _RAGGED.search(str(error)):
            expected, line, seen = map(int, ragged.groups())
            raise RaggedTable(
                f"line {line} has {seen} cells, the table has {expected} columns", line=line, n_cells=seen
            ) from error
        if unclosed := _UNCLOSED.search(str(error)):
            line = int(unclosed[1]) + 1
            raise BrokenQuotes(f"a quoted cell that begins in line {line} does not end", line=line) from error
        raise RaggedTable("the file does not parse as one table") from error
