"""From bytes to series: whatever the dialect, the same rows come out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.core import csv, table_series
from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from shared.series.problems import NoNumbers

FORMATS = {
    "%Y-%m-%d %H:%M:%S": None,
    "%Y-%m-%dT%H:%M": None,
    "%Y-%m-%dT%H:%M:%SZ": None,
    "%Y/%m/%d %H:%M": None,
    "%Y%m%d %H%M": None,
    "%Y%m%d%H%M": None,
    "%d.%m.%Y %H:%M": None,
    "%d.%m.%y %H:%M:%S": None,
    "%d/%m/%Y %H:%M": True,
    "%m/%d/%Y %I:%M %p": False,
    "%d-%m-%Y %H:%M": True,
    "%d %b %Y %H:%M": None,
}


@dataclass(frozen=True)
class Dialect:
    """One way of writing a table."""

    delimiter: str
    decimal: str
    encoding: str
    newline: str
    time_format: str
    header: bool
    quoted: bool


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from(";,\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    time_format=st.sampled_from(sorted(FORMATS)),
    header=st.booleans(),
    quoted=st.booleans(),
)
values = st.lists(
    st.none() | st.floats(-1e12, 1e12) | st.integers(-1000, 1000).map(float), min_size=2, max_size=30
)


def write(stamps: list[datetime], cells: list[float | None], dialect: Dialect) -> bytes:
    """Write a table; an unquoted decimal comma between commas is no table, so those are quoted."""
    quote = '"' if dialect.quoted or dialect.delimiter == dialect.decimal else ""
    lines = ["Zeit" + dialect.delimiter + "Wärme"] if dialect.header else []
    for stamp, cell in zip(stamps, cells, strict=True):
        number = "" if cell is None else repr(cell).replace(".", dialect.decimal)
        lines.append(f"{stamp.strftime(dialect.time_format)}{dialect.delimiter}{quote}{number}{quote}")
    return (dialect.newline.join(lines) + dialect.newline).encode(dialect.encoding)


def nanoseconds(stamps: list[datetime]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(stamps, dtype="M8[ns]").astype(np.int64)


def only(reads: list[SeriesRead]) -> SeriesRead:
    [read] = reads
    return read


@settings(max_examples=100, deadline=None)
@given(
    dialect=dialects,
    cells=values,
    start=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),
    gaps=st.lists(st.integers(1, 5000), min_size=32, max_size=32),
    shuffle=st.randoms(use_true_random=False),
)
def test_whatever_the_dialect_the_same_series_comes_back(
    dialect: Dialect, cells: list[float | None], start: datetime, gaps: list[int], shuffle: object
) -> None:
    first = start.replace(second=0, microsecond=0)
    cells = [0.5, *cells]  # shows the decimal mark
    stamps = [first + timedelta(minutes=sum(gaps[:k])) for k in range(len(cells))]
    order = list(range(len(cells)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]  # hypothesis types randoms as object

    content = write([stamps[k] for k in order], [cells[k] for k in order], dialect)
    read = only(
        read_file(content, options=ReadOptions(day_first=FORMATS[dialect.time_format], missing_values=()))
    )

    expected = np.array([np.nan if cell is None else cell for cell in cells])
    assert read.series.times_ns.tolist() == nanoseconds(stamps).tolist()
    assert np.array_equal(read.series.values, expected, equal_nan=True)
    assert read.quality.missing.count == cells.count(None)
    assert read.quality.n == len(cells)


def test_odd_cells_are_missing_and_reported_with_their_lines() -> None:
    content = (
        b"time;load\n2024-01-01 00:00;1\n2024-01-01 01:00;broken\n\n2024-01-01 02:00;\n"
        b"2024-01-01 03:00;1e400\n2024-01-01 04:00;-inf\n2024-01-01 05:00;NA\n2024-01-01 06:00;7\n"
    )

    read = only(read_file(content))

    assert np.array_equal(read.series.values, [1, *[np.nan] * 5, 7], equal_nan=True)
    assert read.quality.text.lines == (3,)
    assert read.quality.texts[0].cell == "broken"
    assert read.quality.infinite.lines == (6, 7)
    assert read.quality.missing.lines == (5, 8)
    assert read.quality.numeric_share == 28.57


def test_rows_are_sorted_and_the_last_of_equal_stamps_holds() -> None:
    content = b"time,load\n2024-01-02,2\n2024-01-01,1\n2024-01-03,3\n2024-01-01,9\n"

    read = only(read_file(content))

    assert read.series.values.tolist() == [9, 2, 3]
    assert read.quality.duplicates.lines == (3,)
    assert read.quality.unsorted.lines == (3, 5)
    assert (read.quality.n, read.statistics.n) == (4, 3)


def test_every_value_column_of_a_wide_file_is_a_series() -> None:
    content = b",time,load,wind,note,load\n0,2024-01-01,1,5,x,7\n1,2024-01-02,2,,y,8\n2,2024-01-03,3,6,z,9\n"

    reads = read_file(content)

    assert [read.series.name for read in reads] == ["load", "wind", "load (2)"]
    assert [read.series.values[-1] for read in reads] == [3, 6, 9]
    assert [(skip.column, skip.reason) for skip in reads[0].file.skipped] == [
        ("column 1", "row numbers"),
        ("note", "text"),
    ]


def test_columns_can_be_chosen_by_header_or_position() -> None:
    content = b"made,for,load,wind\n2024-01-01,2024-02-01,1,5\n2024-01-02,2024-02-02,2,6\n"
    options = ReadOptions(time_columns=("for",), value_columns=("column 4",))

    read = only(read_file(content, options=options))

    assert read.series.name == "wind"
    assert read.series.times_ns[0] == nanoseconds([datetime(2024, 2, 1)])[0]


def test_a_text_column_that_was_asked_for_is_a_problem() -> None:
    content = b"time,load,note\n2024-01-01,1,x\n2024-01-02,2,y\n"

    with pytest.raises(NoNumbers, match="note"):
        read_file(content, options=ReadOptions(value_columns=("load", "note")))


def test_archived_forecasts_keep_their_issue_times() -> None:
    content = (
        b"issue_time,time,wind\n2024-01-01 00:00,2024-01-01 01:00,1\n2024-01-01 00:00,2024-01-01 02:00,2\n"
        b"2024-01-01 01:00,2024-01-01 02:00,3\n2024-01-01 01:00,2024-01-01 02:00,4\n"
    )

    read = only(read_file(content))

    assert read.series.issued_ns is not None
    assert read.series.values.tolist() == [1, 2, 4]
    assert ((read.series.times_ns - read.series.issued_ns) // 3_600_000_000_000).tolist() == [1, 2, 1]
    assert read.quality.duplicates.lines == (4,)
    assert read.file.issue_column == "issue_time"


def test_date_and_time_of_day_may_stand_in_two_columns() -> None:
    content = b"Date;Time;Load\n31.12.2024;23:45;1\n01.01.2025;0:00;2\n"

    read = only(read_file(content))

    assert (
        read.series.times_ns.tolist()
        == nanoseconds([datetime(2024, 12, 31, 23, 45), datetime(2025, 1, 1)]).tolist()
    )


def test_titles_units_and_trailing_delimiters_are_no_data() -> None:
    content = b"Report of the plant\n\nUTC;Load;\n;MW;\n01.01.2024 00:00;1;\n01.01.2024 01:00;x;\n"

    read = only(read_file(content))

    assert read.series.name == "Load"
    assert read.quality.text.lines == (6,)
    assert read.file.first_line == 5


def test_the_delimiter_hint_of_excel_is_no_header() -> None:
    read = only(read_file(b"sep=;\nUTC;Load\n2024-01-01;1,5\n2024-01-02;2\n"))

    assert read.series.name == "Load"
    assert read.series.values.tolist() == [1.5, 2]


def test_day_or_month_first_is_decided_by_the_whole_column() -> None:
    hours = [datetime(2024, 3, 1) + timedelta(hours=k) for k in range(240)]  # no day above 12
    content = "t,v\n" + "".join(f"{hour:%d/%m/%Y %H:%M},{k}\n" for k, hour in enumerate(hours))

    read = only(read_file(content.encode()))

    assert read.file.day_first is True
    assert read.series.times_ns.tolist() == nanoseconds(hours).tolist()


def test_one_late_day_above_twelve_decides_for_all_rows() -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=k) for k in range(40)]
    content = "t,v\n" + "".join(f"{day:%m/%d/%Y},{k}\n" for k, day in enumerate(days))

    read = only(read_file(content.encode()))

    assert read.file.day_first is False
    assert read.series.times_ns.tolist() == nanoseconds(days).tolist()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unix_time_is_read_in_its_own_unit(unit: str) -> None:
    stamps = [1704067200, 1704070800, 1704074400]
    zeros = {"s": "", "ms": "000", "us": "000000", "ns": "000000000"}[unit]
    content = "epoch,load\n" + "".join(f"{stamp}{zeros},{k}\n" for k, stamp in enumerate(stamps))

    read = only(read_file(content.encode()))

    assert read.series.times_ns.tolist() == [stamp * 10**9 for stamp in stamps]
    assert read.file.time_format == f"epoch_{unit}"


@pytest.mark.parametrize(
    ("zone", "stamp", "expected"),
    [
        ("Europe/Vienna", "2024-07-01 12:00", "2024-07-01T10:00"),
        ("Europe/Vienna", "2024-07-01 12:00+05:30", "2024-07-01T06:30"),
        ("UTC", "2024-07-01 12:00", "2024-07-01T12:00"),
    ],
)
def test_an_offset_in_the_stamp_beats_the_named_zone(zone: str, stamp: str, expected: str) -> None:
    read = only(read_file(f"t,v\n{stamp},1\n".encode(), options=ReadOptions(timezone=zone)))

    assert read.series.times_ns[0] == np.datetime64(expected, "ns").astype(np.int64)


def test_the_doubled_hour_is_told_apart_by_order_and_reported_by_line() -> None:
    local = ["01:00", "02:00", "02:00", "03:00"]
    content = "t,v\n" + "".join(f"2024-10-27 {clock},{k}\n" for k, clock in enumerate(local))

    read = only(read_file(content.encode(), options=ReadOptions(timezone="Europe/Vienna")))

    assert np.diff(read.series.times_ns).tolist() == [3_600_000_000_000] * 3
    assert read.quality.clock is not None
    assert read.quality.clock.doubled.lines == (3, 4)


def test_a_format_of_the_users_own_is_followed() -> None:
    content = b"t;v\n5h 2024/31/12;1\n6h 2024/31/12;2\n"

    read = only(read_file(content, options=ReadOptions(time_format="%Hh %Y/%d/%m")))

    assert read.series.times_ns[0] == nanoseconds([datetime(2024, 12, 31, 5)])[0]


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        (["1.234,5", "950,25"], ReadOptions(), [1234.5, 950.25]),
        (['"1,234.5"', "950.25"], ReadOptions(delimiter=";"), [1234.5, 950.25]),
        (["1'234.5", "7.5"], ReadOptions(), [1234.5, 7.5]),
        (["1,234", "2,345"], ReadOptions(), [1.234, 2.345]),
        (["1,234", "2,345"], ReadOptions(decimal="."), [1234.0, 2345.0]),
        (["1.234.567", "1.000"], ReadOptions(), [1234567.0, 1000.0]),
        (["0.1", "1e-3"], ReadOptions(), [0.1, 1e-3]),
        (["12345678901234567890123", "1"], ReadOptions(), [12345678901234567890123.0, 1.0]),
    ],
)
def test_decimal_marks_and_thousands_are_told_apart(
    cells: list[str], options: ReadOptions, expected: list[float]
) -> None:
    content = "t;v\n" + "".join(f"2024-01-{k:02d};{cell}\n" for k, cell in enumerate(cells, 1))

    read = only(read_file(content.encode(), options=options))

    assert read.series.values.tolist() == expected


def test_a_decimal_comma_that_shows_late_is_found() -> None:
    rows = [f"{datetime(2024, 1, 1) + timedelta(minutes=k):%d.%m.%Y %H:%M};{k}\n" for k in range(20_000)]
    content = "t;v\n" + "".join(rows) + "31.12.2024 00:00;1,5\n"

    read = only(read_file(content.encode()))

    assert read.series.values[-1] == 1.5
    assert read.quality.text.count == 0
    assert read.file.decimal == ","


def test_a_comma_in_a_late_remark_does_not_turn_points_into_text() -> None:
    rows = [f"{datetime(2024, 1, 1) + timedelta(minutes=k):%d.%m.%Y %H:%M};{k};\n" for k in range(5000)]
    content = "t;v;remark\n" + "".join(rows) + "30.12.2024 00:00;2.5;\n31.12.2024 00:00;3.5;1,5\n"

    read = read_file(content.encode())[0]

    assert read.series.values[-2:].tolist() == [2.5, 3.5]
    assert read.file.decimal == "."


@pytest.mark.parametrize(
    "content",
    [
        b't;"Load\n(MW)"\n2024-01-01;1\n2024-01-02;x\n',
        b'"t";"Load (MW)"\n\n2024-01-01;1\n2024-01-02;x\n   ',
        b'\n"t";"Load (MW)"\n2024-01-01;1\n"2024-01-02";"x"\n\n\n',
        b't;Load (MW)\r"2024-01-01";1\r\r2024-01-02;x\r',
        b'"title"\nt;Load (MW)\n2024-01-01;1\n2024-01-02;x',
    ],
)
def test_lines_are_the_files_own_whatever_stands_above_and_below(content: bytes) -> None:
    read = only(read_file(content))

    assert read.series.name == "Load (MW)"
    assert read.quality.text.lines == (4,)


@pytest.mark.parametrize("file_name", ["../../etc/passwd", "..\\..\\x.csv", "/abs/x.csv", "x\n.csv", ""])
def test_a_file_name_never_becomes_a_path(file_name: str) -> None:
    read = only(read_file(b"UTC;value\n2024-01-01;1\n2024-01-02;2\n", file_name=file_name))

    assert read.series.name in ("passwd", "x", "value")


def test_chunk_borders_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["t;v"] + [f"2024-01-01 {k // 60:02d}:{k % 60:02d};{k if k % 7 else 'x'}" for k in range(500)]
    lines.insert(100, "")
    content = "\n".join(lines).encode()
    whole = only(read_file(content))

    reader: Callable[..., object] = csv.read_chunks
    monkeypatch.setattr(table_series, "read_chunks", lambda *a, **k: reader(*a, **{**k, "chunk_rows": 13}))
    pieces = only(read_file(content))

    assert np.array_equal(whole.series.values, pieces.series.values, equal_nan=True)
    assert whole.quality == pieces.quality
