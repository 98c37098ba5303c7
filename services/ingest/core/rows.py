"""All rows of a file as arrays: stamps in both readings, values per column, and the line of each row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.ingest.core.columns import Columns
from services.ingest.core.csv import Chunk
from services.ingest.core.fixed_width import Cells, as_cells
from services.ingest.core.periods import Period
from services.ingest.core.problems import BadTimestamp, BrokenQuotes, EmptyFile
from services.ingest.core.quality import SHOWN, CellFindings, Text
from services.ingest.core.stamp_columns import joined_text
from services.ingest.core.time_column import TimeRule, require_stamps
from services.ingest.core.timestamps import Readings
from shared.series.arrays import Bool, Float64, Int64

_EVIDENCE = 1000  # texts kept per column; they may show the decimal mark


@dataclass(frozen=True)
class Rows:
    """The rows of a file in its order, blank lines left out.

    Attributes
    ----------
    lines
        Shape (n,), 1-based lines of the file.
    times, issued
        Readings of the time column and, for archived forecasts, of the issue column.
    periods_ns
        Shape (n,): how long after its midnight each row begins, where days are divided in another column.
    values
        Shape (n_columns, n): one row per value column; NaN missing, infinite where a number is too large.
    text_rows
        Per value column, the rows whose cell is no number.
    texts
        Per value column, the first of those cells.
    n_lines
        Lines the parser saw, blank ones included.
    """

    lines: Int64
    times: Readings
    periods_ns: Int64 | None
    issued: Readings | None
    values: Float64
    text_rows: tuple[Int64, ...]
    texts: tuple[tuple[str, ...], ...]
    n_lines: int

    def take(self, rows: Int64) -> "Rows":
        """Return some of the rows, in the order given."""
        place = np.full(len(self.lines), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        kept = [place[texts] for texts in self.text_rows]
        return Rows(
            lines=self.lines[rows],
            times=self.times.take(rows),
            periods_ns=None if self.periods_ns is None else self.periods_ns[rows],
            issued=None if self.issued is None else self.issued.take(rows),
            values=self.values[:, rows],
            text_rows=tuple(found[found >= 0] for found in kept),
            texts=tuple(
                tuple(text for text, at in zip(texts, found, strict=False) if at >= 0)
                for texts, found in zip(self.texts, kept, strict=True)
            ),
            n_lines=self.n_lines,
        )

    def cell_findings(self, column: int) -> CellFindings:
        """Return the lines of a value column's cells that are no numbers."""
        values, text_rows = self.values[column], self.text_rows[column]
        missing = np.isnan(values)
        missing[text_rows] = False
        shown = zip(self.lines[text_rows[:SHOWN]].tolist(), self.texts[column], strict=False)
        return CellFindings(
            text_lines=self.lines[text_rows],
            texts=tuple(Text(line, text[:60]) for line, text in shown),
            infinite_lines=self.lines[np.isinf(values)],
            missing_lines=self.lines[missing],
        )


def collect_rows(chunks: Iterable[Chunk], columns: Columns, *, n_lines: int, delimiter: str) -> Rows:
    """Read stamps and gather values, holding one chunk of texts at a time.

    Parameters
    ----------
    chunks
        The file in its order.
    columns
        The roles of its columns.
    n_lines
        An upper bound of the number of rows.
    delimiter
        For messages.

    Raises
    ------
    BadTimestamp, MixedDelimiters
        At the first chunk with a row that has no readable stamp.
    BrokenQuotes
        If a cell runs over several lines.
    EmptyFile
        If all lines are blank.
    """
    values = np.empty((len(columns.values), n_lines))
    pieces: list[_Piece] = []
    n_rows, seen = 0, 0
    for chunk in chunks:
        piece = _read_piece(chunk, columns, n_rows, delimiter)
        for target, index in zip(values, columns.values, strict=True):
            target[n_rows : n_rows + len(piece.lines)] = chunk.numbers[index].values[piece.kept]
        pieces.append(piece)
        n_rows += len(piece.lines)
        seen += len(chunk)
    if n_rows == 0:
        raise EmptyFile("the file has no rows of data")
    issued = [piece.issued for piece in pieces if piece.issued is not None]
    periods = [piece.periods_ns for piece in pieces if piece.periods_ns is not None]
    return Rows(
        lines=np.concatenate([piece.lines for piece in pieces]),
        times=_join([piece.times for piece in pieces]),
        periods_ns=np.concatenate(periods) if periods else None,
        issued=_join(issued) if issued else None,
        values=values[:, :n_rows],
        text_rows=tuple(np.concatenate([piece.text_rows[k] for piece in pieces]) for k in range(len(values))),
        texts=tuple(
            tuple(text for piece in pieces for text in piece.texts[k])[:_EVIDENCE] for k in range(len(values))
        ),
        n_lines=seen,
    )


@dataclass(frozen=True)
class _Piece:
    """What remains of one chunk; ``kept`` selects its rows, ``text_rows`` count in the whole file."""

    kept: Bool | slice
    lines: Int64
    times: Readings
    periods_ns: Int64 | None
    issued: Readings | None
    text_rows: tuple[Int64, ...]
    texts: tuple[tuple[str, ...], ...]


def _read_piece(chunk: Chunk, columns: Columns, n_before: int, delimiter: str) -> _Piece:
    blank = chunk.blank()
    kept: Bool | slice = ~blank if blank.any() else slice(None)
    lines = chunk.lines[kept]
    row_of = np.cumsum(~blank) - 1 + n_before
    cells = [chunk.stamps[index][kept] for index in columns.time]
    numbers = [chunk.numbers[index] for index in columns.values]
    times = _stamps(_joined(cells), lines, columns.time_rule, delimiter)
    issued = None
    if columns.issued is not None and columns.issued_rule is not None:
        issued = _stamps(chunk.stamps[columns.issued][kept], lines, columns.issued_rule, delimiter)
    for column in numbers:
        # A cell over several lines: one lost quotation mark swallows thousands of rows that way.
        for text, line in zip(column.texts, chunk.lines[column.text_rows], strict=True):
            if "\n" in text or "\r" in text:
                raise BrokenQuotes(f"a quoted cell runs over the end of line {line}", line=int(line))
    return _Piece(
        kept=kept,
        lines=lines,
        times=times,
        periods_ns=None if columns.period is None else _periods(chunk, columns.period, kept, lines),
        issued=issued,
        text_rows=tuple(row_of[column.text_rows] for column in numbers),
        texts=tuple(column.texts[:_EVIDENCE] for column in numbers),
    )


def _stamps(cells: Cells, lines: Int64, rule: TimeRule, delimiter: str) -> Readings:
    readings = rule.read(cells)
    require_stamps(readings, cells, lines, delimiter=delimiter, zone=rule.zone)
    return readings


def _periods(chunk: Chunk, period: Period, kept: Bool | slice, lines: Int64) -> Int64:
    """Return when each row's period begins.

    Raises
    ------
    BadTimestamp
        At the first cell that is no period of a day.
    """
    cells = chunk.stamps[period.column][kept]
    offsets = period.offsets_ns(cells)
    if (offsets < 0).any():
        row = int(np.argmax(offsets < 0))
        text = cells[row].decode("utf-8", "replace")
        raise BadTimestamp(
            f"line {lines[row]}: {text!r} is no period of a day", lines=[int(lines[row])], cells=[text]
        )
    return offsets


def _joined(cells: Sequence[Cells]) -> Cells:
    """Put the parts of a stamp together where they stand in several columns."""
    if len(cells) == 1:
        return cells[0]
    if len(cells) == 2:
        return np.strings.add(np.strings.add(cells[0], b" "), cells[1])
    parts = zip(*(np.char.strip(column).tolist() for column in cells), strict=True)
    return as_cells([joined_text([part.decode() for part in row]) for row in parts])


def _join(pieces: Sequence[Readings]) -> Readings:
    day_first = np.concatenate([piece.day_first for piece in pieces])
    same = all(piece.day_first is piece.month_first for piece in pieces)
    month_first = day_first if same else np.concatenate([piece.month_first for piece in pieces])
    zoned = np.concatenate([piece.zoned for piece in pieces])
    dotted = all(piece.dotted for piece in pieces if piece.day_first is not piece.month_first)
    named = np.concatenate([piece.named for piece in pieces])
    areas = frozenset().union(*(piece.areas for piece in pieces))
    return Readings(day_first, month_first, zoned, named, dotted=dotted, areas=areas)
