"""The rows of a CSV file, chunk by chunk: stamps as bytes, values as numbers, at the parser's speed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from services.ingest.core.encoding import Source, open_source
from services.ingest.core.fixed_width import Cells
from services.ingest.core.numbers import Decimal, parse_numbers
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
    decimal: Decimal | None  # None: no number of the file's beginning shows it
    n_columns: int
    n_above: int
    first_line: int


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
    """Consecutive lines of the file, blank lines included; row i is line ``first_line + i``."""

    first_line: int
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
    line = layout.first_line
    with closing(open_source(source)) as stream, _parser_problems():
        # Not usecols: with it, the parser no longer reports lines with too many cells.
        frames = pd.read_csv(
            stream,
            sep=layout.delimiter,
            decimal=layout.decimal or ".",
            encoding=layout.encoding,
            header=None,
            names=range(layout.n_columns),
            index_col=False,
            dtype=_types(layout.n_columns, stamps, values),
            skiprows=layout.n_above,
            skip_blank_lines=False,  # a row must know its line
            skipinitialspace=True,
            low_memory=False,
            chunksize=chunk_rows,
        )
        for frame in frames:
            yield _chunk(frame, line, stamps, values, layout.decimal)
            line += len(frame)


def _types(n_columns: int, stamps: Sequence[int], values: Sequence[int]) -> dict[int, str]:
    """TimeIndex as fixed-width bytes; one byte of what nobody reads; the parser's choice for values."""
    others = {index: "S1" for index in range(n_columns) if index not in values}
    return others | dict.fromkeys(stamps, f"S{_STAMP_WIDTH}")


def _chunk(
    frame: pd.DataFrame, line: int, stamps: Sequence[int], values: Sequence[int], decimal: Decimal | None
) -> Chunk:
    return Chunk(
        first_line=line,
        stamps={index: frame[index].to_numpy() for index in stamps},
        numbers={index: _numbers(frame[index], decimal) for index in values},
    )


def _numbers(column: "pd.Series[float]", decimal: Decimal | None) -> Numbers:
    if column.dtype.kind in "iuf":
        return Numbers(np.asarray(column, dtype=np.float64))
    texts = column.map(str, na_action="ignore").to_numpy(dtype=object)
    values, is_text = parse_numbers(texts, decimal)
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
