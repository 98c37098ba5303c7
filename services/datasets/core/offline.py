"""Series from simple CSV files, for building a data set without a broker: a time and a value column."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from shared.contracts.specs import DatasetSpec, Spec
from shared.errors import InvalidInput
from shared.series.arrays import Int64
from shared.series.series import Series

ISSUE_COLUMNS = ("issued", "issue_time", "issued_at")
_SNIFFED = 64 * 1024


class OfflineSettings(Spec):
    """What ``python -m services.datasets.offline`` reads."""

    files: dict[str, str] = Field(min_length=1, description="CSV path by series id; relative to the settings")
    dataset: DatasetSpec


class UnreadableFile(InvalidInput):
    """A file cannot be read as a time and a value column."""

    code = "UNREADABLE_FILE"
    advice = ("Expected a header and rows like `2024-01-01 00:00:00;12.5`, times in UTC.",)


def read_series(path: Path, name: str) -> Series:
    """Read one file: column 0 is UTC, the next column that is no issue time the value.

    Rows are sorted; of equal stamps the last row wins; cells that are no number are missing.

    Raises
    ------
    UnreadableFile
        Naming the file and the line.
    """
    table = _read_table(path)
    issue = next((c for c in table.columns[1:] if c.strip().lower() in ISSUE_COLUMNS), None)
    value = next((c for c in table.columns[1:] if c != issue), None)
    if value is None:
        raise UnreadableFile(f"{path.name}: one column found, a time and a value are needed", file=path.name)
    if len(table) == 0:
        raise UnreadableFile(f"{path.name}: no rows below the header", file=path.name)
    numbers = pd.to_numeric(table[value].str.replace(",", "."), errors="coerce").to_numpy(np.float64)
    issued = None if issue is None else _stamps(table[issue], path)
    return Series.from_rows(name, _stamps(table[table.columns[0]], path), numbers, issued)


def _read_table(path: Path) -> "pd.DataFrame":
    try:
        with path.open(encoding="utf-8-sig") as file:
            dialect = csv.Sniffer().sniff(file.read(_SNIFFED).split("\n", 1)[0], delimiters=";,\t|")
        return pd.read_csv(path, sep=dialect.delimiter, dtype=str, encoding="utf-8-sig")
    except (csv.Error, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path.name}: {error}", file=path.name) from error
    except OSError as error:
        raise UnreadableFile(f"{path.name}: {error.strerror}", file=path.name) from error


def _stamps(column: Any, path: Path) -> Int64:
    """Parse ISO stamps as UTC, Unix nanoseconds."""
    parsed = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    bad = np.flatnonzero(parsed.isna())
    if len(bad):
        line = int(bad[0]) + 2  # one for the header, one because lines count from 1
        raise UnreadableFile(
            f"{path.name}, line {line}: {column.iloc[bad[0]]!r} is no time",
            file=path.name,
            line=line,
        )
    stamps: Int64 = parsed.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)
    return stamps
