"""The roles of columns, from what stands in them and above them."""

import pytest

from services.ingest.core.columns import Columns, choose_columns
from services.ingest.core.dialect import split_rows
from services.ingest.core.options import ReadOptions
from services.ingest.core.table import find_table


def columns_of(header: str, row: str, options: ReadOptions | None = None) -> Columns:
    table = find_table(split_rows([header + "\n", row + "\n", row + "\n"], ","), delimiter=",")
    return choose_columns(table, options or ReadOptions())


@pytest.mark.parametrize(
    ("header", "row", "time", "issued", "values"),
    [
        ("t,v", "2024-01-01,1", (0,), None, (1,)),
        ("v,when", "1,2024-01-01 00:00", (1,), None, (0,)),
        ("day,stamp,v", "2024-01-01,2024-01-01 01:00,1", (1,), None, (2,)),
        ("local,utc_timestamp,v", "2024-01-01 01:00,2024-01-01 00:00,1", (1,), None, (2,)),
        ("v,clock,date", "1,12:30,2024-01-01", (2, 1), None, (0,)),
        ("epoch,v", "1704067200,1704067200", (0,), None, (1,)),
        ("v,unix_time", "5,1704067200", (1,), None, (0,)),
        ("forecast_time,issue_time,v", "2024-01-01 02:00,2024-01-01 00:00,1", (0,), 1, (2,)),
        ("forecast_time,time,v", "2024-01-01 00:00,2024-01-01 02:00,1", (1,), 0, (2,)),
        ("forecast_time,v", "2024-01-01 00:00,1", (0,), None, (1,)),
        ("time,created_at,v", "2024-01-01 00:00,2024-01-03 00:00,1", (0,), None, (2,)),
    ],
)
def test_roles_follow_from_cells_and_headers(
    header: str, row: str, time: tuple[int, ...], issued: int | None, values: tuple[int, ...]
) -> None:
    columns = columns_of(header, row)

    assert (columns.time, columns.issued, columns.values) == (time, issued, values)


def test_a_named_zone_prefers_the_local_clock_to_utc() -> None:
    options = ReadOptions(timezone="Europe/Vienna")

    columns = columns_of("utc_time,local_time,v", "2024-01-01 00:00,2024-01-01 01:00,1", options)

    assert columns.time == (1,)
    assert columns.skipped == ((0, "other time stamps"),)


def test_what_was_not_chosen_is_told() -> None:
    columns = columns_of("t,a,b", "2024-01-01,1,2", ReadOptions(value_columns=("b",)))

    assert columns.values == (2,)
    assert columns.skipped == ((1, "not chosen"),)
