"""Time stamps against the standard library, one by one."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.core.fixed_width import MAX_SHAPES, as_cells, shapes
from services.ingest.core.stamp_grammar import is_clock_time
from services.ingest.core.time_column import TimeRule, epoch_rule
from services.ingest.core.timestamps import NAT, is_stamp, read_stamps

EPOCH = datetime(1970, 1, 1)
moments = st.datetimes(datetime(1700, 1, 1), datetime(2261, 12, 31))


def nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


@settings(max_examples=100, deadline=None)
@given(st.lists(moments, min_size=1, max_size=20))
def test_iso_stamps_equal_the_standard_library(stamps: list[datetime]) -> None:
    readings = read_stamps(as_cells([stamp.isoformat() for stamp in stamps]))

    assert readings.day_first.tolist() == [nanoseconds(stamp) for stamp in stamps]
    assert not readings.zoned.any()


@settings(max_examples=100, deadline=None)
@given(moment=moments, minutes=st.integers(-14 * 60, 14 * 60))
def test_offsets_are_taken_off(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    readings = read_stamps(as_cells([zoned.isoformat()]))

    utc = nanoseconds(moment) - minutes * 60_000_000_000
    assert readings.day_first.tolist() == [utc]
    assert readings.zoned.all()


@settings(max_examples=100, deadline=None)
@given(moment=moments, padded=st.booleans(), mark=st.sampled_from("./-"))
def test_both_orders_of_day_and_month_are_read(moment: datetime, padded: bool, mark: str) -> None:
    pad = "02d" if padded else "d"
    clock = f"{moment.hour:{pad}}:{moment.minute:02d}"
    text = f"{moment.day:{pad}}{mark}{moment.month:{pad}}{mark}{moment.year} {clock}"

    readings = read_stamps(as_cells([text]))

    assert readings.day_first[0] == nanoseconds(moment.replace(second=0, microsecond=0))
    assert (readings.month_first[0] == NAT) == (moment.day > 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-12-31 1:45 PM", "2024-12-31T13:45"),
        ("12/31/2024 12:05 am", "2024-12-31T00:05"),
        ("31. Dezember 2024 13:45 Uhr", "2024-12-31T13:45"),
        ("3. Mär 2024", "2024-03-03"),
        ("Dec 31, 2024", "2024-12-31"),
        ("31-Dec-24", "2024-12-31"),
        ("31.12.69", "1969-12-31"),
        ("20241231T134500Z", "2024-12-31T13:45"),
        ("2024123113", "2024-12-31T13:00"),
        ("1949-01", "1949-01-01"),
        ("2024-02-29 24:00", "2024-03-01"),
        (" 2024-12-31T13:45:00.25 ", "2024-12-31T13:45:00.250"),
        ("2024-12-31 13:45 UTC", "2024-12-31T13:45"),
    ],
)
def test_a_way_of_writing_time_is_understood(text: str, expected: str) -> None:
    readings = read_stamps(as_cells([text]))

    read = max(readings.day_first[0], readings.month_first[0])
    assert read == np.datetime64(expected, "ns").astype(np.int64)


@pytest.mark.parametrize(
    "text",
    ["", "x", "12.5", "2024-13-01", "2023-02-29", "2024-01-01 24:01", "2024-01-01 12:60", "13:45", "17040672",
     "2024-01-01 13:00 PM", "31.31.2024", "0000-01-01", "9999-01-01", "now", "2024-01/01", "31 Foo 2024"],
)  # fmt: skip
def test_what_is_no_time_is_not_taken_for_one(text: str) -> None:
    assert not is_stamp(text)


def test_times_of_day_are_told_from_dates() -> None:
    assert all(map(is_clock_time, ["0:00", "23:45:10", "1:05 PM", "12:00 Uhr"]))
    assert not any(map(is_clock_time, ["2024-01-01 0:00", "12", "1:5"]))


def test_fractions_of_unix_seconds_are_kept() -> None:
    cells = ["1704067200.25", "1704067201.5"]
    rule = epoch_rule(cells)

    assert rule == TimeRule("epoch_s")
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    assert rule.read(as_cells(cells)).day_first.tolist() == [start + 250_000_000, start + 1_500_000_000]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("01.: x", max_size=5), max_size=30))
def test_shapes_part_the_cells(texts: list[str]) -> None:
    cells = as_cells(texts)
    seen = np.zeros(len(cells), dtype=int)

    for shape in shapes(cells):
        seen[shape.rows] += 1

    assert (seen == 1).all()


def test_prose_does_not_cost_a_comparison_per_cell_and_pair() -> None:
    cells = as_cells(["a" * (k % 60) + chr(97 + k % 26) + "b" * (k // 97) for k in range(3000)])

    assert sum(1 for _ in shapes(cells)) <= MAX_SHAPES
