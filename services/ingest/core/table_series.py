"""One table of a file as series: columns chosen, numbers read, rows parted by key and put in time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from services.ingest.core import categories
from services.ingest.core.columns import Columns, choose_columns, index_of
from services.ingest.core.csv import Chunk, Layout, held_chunk, read_chunks
from services.ingest.core.dialect import split_rows
from services.ingest.core.doubled_hour import require_zone
from services.ingest.core.encoding import FirstPass, Source, lines_of
from services.ingest.core.facts import FileFacts, SeriesRead, Skipped
from services.ingest.core.fixed_width import Cells
from services.ingest.core.keys import Keys, find_keys, may_name_series, named_keys
from services.ingest.core.names import clean, column_name
from services.ingest.core.numbers import NumberStyle, find_styles
from services.ingest.core.options import ReadOptions
from services.ingest.core.problems import BrokenQuotes, TableTooLarge
from services.ingest.core.quality import CellFindings, Found, Sentinels, assess
from services.ingest.core.rows import Rows, collect_rows
from services.ingest.core.sentinels import sentinels_in
from services.ingest.core.table import SetAside, Table
from services.ingest.core.time_index import TimeIndex, build_time_index
from shared.series.arrays import Float64
from shared.series.problems import NoNumbers
from shared.series.series import Series

MAX_COLUMNS = 2000
MAX_CELLS = 1 << 28  # 2 GiB of float64; 500 MB of text cannot hold more
_NO_LINES = np.empty(0, dtype=np.int64)
_EVIDENCE_ROWS = 200  # looked up again where numbers show their decimal mark only late


@dataclass(frozen=True)
class TextFile:
    """A file that decodes, and what splits its lines."""

    source: Source
    seen: FirstPass
    delimiter: str

    def lines_until(self, last: int) -> Iterator[str]:
        """Yield the lines of the file up to one of them."""
        return islice(lines_of(self.source, self.seen.encoding), last)


@dataclass(frozen=True)
class NamedSeries:
    """A series with the name its table gives it; the file has the last word on names."""

    name: str
    read: SeriesRead

    def called(self, name: str, aside: Sequence[SetAside]) -> SeriesRead:
        """Return the series under its display name, with the rows of the file that are no data."""
        facts = replace(self.read.file, set_aside=tuple(aside)) if aside else self.read.file
        return replace(self.read, series=replace(self.read.series, name=name), file=facts)


def read_table(file: TextFile, table: Table, options: ReadOptions) -> list[NamedSeries]:
    """Read one table into its series: one per value column, and per key where columns name several.

    Raises
    ------
    InvalidInput
        One subclass per cause (`problems.py`).
    """
    if table.n_columns > MAX_COLUMNS:
        raise TableTooLarge(
            f"the file has {table.n_columns} columns, at most {MAX_COLUMNS} are read",
            n_columns=table.n_columns,
        )
    keyed = [index_of(table, name) for name in options.key_columns or ()]
    texts = [index_of(table, name) for name in options.category_columns]
    columns = _without(choose_columns(table, options), [*keyed, *texts])
    if not columns.values:
        raise NoNumbers("the file has no column beside its time stamps that may hold numbers")
    n_lines = len(table.body) if table.held else file.seen.n_lines
    if (n_cells := len(columns.values) * n_lines) > MAX_CELLS:
        raise TableTooLarge(
            f"{n_lines} lines and {len(columns.values)} value columns make {n_cells} cells, "
            f"at most {MAX_CELLS} are read",
            n_cells=n_cells,
            limit=MAX_CELLS,
        )
    reading = _Reading(file, table, columns, options)
    rows, styles = reading.rows()
    if texts:
        found = categories.found(table.headers, reading.texts(rows, texts), rows, options.category_values)
        reading = replace(reading, one_hot=found)
    index = build_time_index(rows, options, counted=columns.counted)
    if keyed:
        return reading.by_key(rows, index, styles, named_keys(reading.texts(rows, keyed), keyed))
    if options.key_columns is None and (keys := reading.find_keys(rows, index)) is not None:
        named = tuple(_name(table, column) for column in keys.columns)
        return read_table(file, table, options.model_copy(update={"key_columns": named}))
    return reading.series(rows, index, styles)


@dataclass(frozen=True)
class _Reading:
    """One table on its way: where it comes from, the roles of its columns, what the user says."""

    file: TextFile
    table: Table
    columns: Columns
    options: ReadOptions
    one_hot: Mapping[int, categories.Categories] = field(default_factory=dict)

    def rows(self) -> tuple[Rows, dict[int, NumberStyle]]:
        """Read all rows; once more, if only a later part of the file shows how numbers are written."""
        styles = self._styles({})
        rows = self._read(styles)
        late = self._styles(self._late_evidence(rows, styles))
        return (rows, styles) if late == styles else (self._read(late), late)

    def find_keys(self, rows: Rows, index: TimeIndex) -> Keys | None:
        """Find the columns that tell rows with the same stamp apart, if there are such rows."""
        if self.options.doubled is not None or rows.issued is not None:
            return None
        names = [_name(self.table, k) for k in range(self.table.n_columns)]
        numbers = [k for k, v in zip(self.columns.values, rows.values, strict=True) if np.isfinite(v).any()]
        only = numbers if len(numbers) == 1 else ()  # what is left to be a series names none
        wanted = [k for k in range(self.table.n_columns) if k not in (*self.columns.of_time, *only)]
        wanted = [k for k in wanted if k not in self.one_hot]
        if index.groups is None:  # several sensors may still alternate: look at columns of names alone
            wanted = [k for k in wanted if may_name_series(names[k], self.table.column(k))]
            if not wanted:
                return None
        texts = self.texts(rows, wanted) if wanted else {}
        conflicting = index.conflicting(rows.values, texts.values())
        return find_keys(texts, index.stamps_of_rows, names, conflicting=conflicting, lines=rows.lines)

    def texts(self, rows: Rows, columns: Sequence[int]) -> dict[int, Cells]:
        """Return the cells of columns in the rows that were read."""
        chunks = list(self._chunks(columns, (), {}))
        kept = np.isin(np.concatenate([chunk.lines for chunk in chunks]), rows.lines)
        return {k: np.concatenate([chunk.stamps[k] for chunk in chunks])[kept] for k in columns}

    def by_key(
        self, rows: Rows, index: TimeIndex, styles: Mapping[int, NumberStyle], keys: Keys
    ) -> list[NamedSeries]:
        """Return the series of every key, each put in time by itself."""
        found: list[NamedSeries] = []
        decided = self.options.model_copy(update={"day_first": index.day_first})
        reading = replace(self, options=decided)
        for code, name in enumerate(keys.names):
            part = rows.take(np.flatnonzero(keys.code == code))
            if np.isfinite(part.values).any():
                own = build_time_index(part, decided, counted=self.columns.counted)
                found += reading.series(part, own, styles, key=name)
        if not found:
            raise NoNumbers("not one cell of the value columns is a number")
        return found

    def series(
        self, rows: Rows, index: TimeIndex, styles: Mapping[int, NumberStyle], key: str = ""
    ) -> list[NamedSeries]:
        """Return one series per column that holds a number."""
        require_zone(rows, index, self.options)
        numeric = self._numeric_columns(rows)
        label = clean(f"{self.table.label} {key}")
        found = []
        for k in numeric:
            column = self.columns.values[k]
            plain = _name(self.table, column)
            name = label if label and len(numeric) == 1 else clean(f"{label} {plain}")
            read = _series(
                rows,
                index,
                rows.values[k],
                rows.cell_findings(k),
                plain,
                replace(self._facts(rows, index, numeric, styles), unit=styles[column].unit),
                self.options,
            )
            if read is not None:
                found.append(NamedSeries(name, read))
        if not found:
            raise NoNumbers("every number of the file stands for no value")
        return found + self._of_categories(rows, index, self._facts(rows, index, numeric, styles), label)

    def _of_categories(self, rows: Rows, index: TimeIndex, facts: FileFacts, label: str) -> list[NamedSeries]:
        """Return a series of 0 and 1 per value; of doubled rows one holds, they have no mean."""
        one_of = "first" if self.options.doubled == "first" else "last"
        options = self.options.model_copy(update={"doubled": one_of, "missing_values": ()})
        found = []
        for column, category in self.one_hot.items():
            for value, numbers in zip(category.values, category.numbers(rows), strict=True):
                name = clean(f"{_name(self.table, column)} = {value}")
                cells = CellFindings(_NO_LINES, (), _NO_LINES, rows.lines[np.isnan(numbers)])
                if (read := _series(rows, index, numbers, cells, name, facts, options)) is not None:
                    found.append(NamedSeries(clean(f"{label} {name}"), read))
        return found

    def _styles(self, more: Mapping[int, Sequence[str]]) -> dict[int, NumberStyle]:
        columns = self.columns.values
        cells = [(_name(self.table, k), [*self.table.column(k), *more.get(k, ())]) for k in columns]
        dotted = any(cell.count(".") >= 2 for cell in self.table.column(self.columns.time[0])[:5])
        found = find_styles(
            cells, delimiter=self.file.delimiter, decimal=self.options.decimal, european=dotted
        )
        return dict(zip(columns, found, strict=True))

    def _late_evidence(self, rows: Rows, styles: Mapping[int, NumberStyle]) -> dict[int, Sequence[str]]:
        """Return cells further down that show what the beginning did not: texts, and fractions."""
        found: dict[int, Sequence[str]] = {}
        for k, column in enumerate(self.columns.values):
            if styles[column].decimal is not None:
                continue
            values = rows.values[k]
            fractions = np.flatnonzero(np.isfinite(values) & (values != np.rint(values)))[:_EVIDENCE_ROWS]
            cells = list(rows.texts[k])
            if len(fractions) and not self.table.held:
                wanted = set(rows.lines[fractions].tolist())
                lines = [line for n, line in enumerate(self.file.lines_until(max(wanted)), 1) if n in wanted]
                split = split_rows(lines, self.file.delimiter)
                cells += [row.cells[column] for row in split if column < len(row.cells)]
            if cells:
                found[column] = cells
        return found

    def _read(self, styles: Mapping[int, NumberStyle]) -> Rows:
        chunks = self._chunks(self.columns.of_time, self.columns.values, styles)
        n_lines = len(self.table.body) if self.table.held else self.file.seen.n_lines
        rows = collect_rows(chunks, self.columns, n_lines=n_lines, delimiter=self.file.delimiter)
        expected = self.file.seen.n_lines - self.table.first_line + 1
        if self.file.seen.quoted and not self.table.held and rows.n_lines != expected:
            raise BrokenQuotes("a quoted cell runs over the end of its line")
        return rows

    def _chunks(
        self, stamps: Sequence[int], values: Sequence[int], styles: Mapping[int, NumberStyle]
    ) -> Iterator[Chunk]:
        table, seen = self.table, self.file.seen
        if table.held:
            return iter([held_chunk(table.body, styles, stamps=stamps, values=values)])
        layout = Layout(
            seen.encoding, self.file.delimiter, styles, table.n_columns, table.n_above, table.first_line
        )
        return read_chunks(self.file.source, layout, stamps=stamps, values=values)

    def _numeric_columns(self, rows: Rows) -> list[int]:
        """Return the value columns (as rows of ``rows.values``) that hold a number.

        Raises
        ------
        NoNumbers
            If none does, or one that the user chose does not.
        """
        numeric = [k for k, values in enumerate(rows.values) if np.isfinite(values).any()]
        wanted = range(len(rows.values)) if self.options.value_columns or not numeric else numeric
        for k in wanted:
            if k not in numeric:
                name = _name(self.table, self.columns.values[k])
                cell = f"; the first is {rows.texts[k][0][:40]!r}" if rows.texts[k] else ""
                raise NoNumbers(
                    f"column {name!r}: not one of {len(rows.lines)} cells is a number{cell}",
                    column=name,
                    line=int(rows.lines[0]),
                )
        return numeric

    def _facts(
        self, rows: Rows, index: TimeIndex, numeric: list[int], styles: Mapping[int, NumberStyle]
    ) -> FileFacts:
        columns, table = self.columns, self.table
        skipped = [Skipped(_name(table, k), reason) for k, reason in columns.skipped]
        for k, column in enumerate(columns.values):
            if k not in numeric:
                values = categories.offered(rows.texts[k])
                skipped.append(Skipped(_name(table, column), "text" if values else "no numbers", values))
        marks = [style.decimal for style in styles.values() if style.decimal]
        return FileFacts(
            encoding=self.file.seen.encoding,
            delimiter=self.file.delimiter,
            decimal=max(marks, key=marks.count) if marks else ".",
            first_line=table.first_line,
            time_columns=tuple(_name(table, k) for k in columns.time),
            time_format=columns.time_rule.name,
            day_first=index.day_first,
            timezone=index.timezone,
            issue_column=None if columns.issued is None else _name(table, columns.issued),
            skipped=tuple(sorted(skipped, key=lambda one: index_of(table, one.column))),
            period_column=None if columns.period is None else _name(table, columns.period.column),
            key_columns=self.options.key_columns or (),
            categories={_name(table, k): one.values for k, one in self.one_hot.items()},
        )


def _name(table: Table, index: int) -> str:
    return column_name(table.headers[index], index)


def _without(columns: Columns, used: Sequence[int]) -> Columns:
    """Take the columns that name series or categories out of those that are series of numbers."""
    return replace(
        columns,
        values=tuple(k for k in columns.values if k not in used),
        skipped=tuple((k, reason) for k, reason in columns.skipped if k not in used),
    )


def _series(
    rows: Rows,
    index: TimeIndex,
    column: Float64,
    cells: CellFindings,
    name: str,
    facts: FileFacts,
    options: ReadOptions,
) -> SeriesRead | None:
    """Return one series from a column of the rows, None if all its numbers stand for no value."""
    values = index.arrange(column, options.doubled or "last")
    values = np.where(np.isfinite(values), values, np.nan)
    wanted = options.missing_values
    sentinels = sentinels_in(values) if wanted is None else [float(number) for number in wanted]
    hit = np.isin(values, sentinels)
    values[hit] = np.nan
    if not np.isfinite(values).any():
        return None
    series = Series(name, index.times_ns, values, index.issued_ns)
    quality = assess(
        values,
        index.times_ns,
        index.lines,
        time=index.findings,
        cells=cells,
        sentinels=Sentinels(tuple(sentinels), Found.at(index.lines[hit])) if hit.any() else None,
        n_rows=len(rows.lines),
        differing=rows.lines[index.conflicting(column[None])],
    )
    return SeriesRead(series, quality, series.statistics(), facts)
