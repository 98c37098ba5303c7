"""Lines between the data that are none: told where nothing is lost, refused where a row would be."""

import pytest

from services.ingest.core.read import SeriesRead, read_file
from shared.errors import InvalidInput

ROWS = [f"2024-01-01 {hour:02}:00;{hour}.5" for hour in range(24)]
TOTAL = sum(hour + 0.5 for hour in range(24))


def read(*lines: str) -> list[SeriesRead]:
    return read_file("\n".join([*lines, ""]).encode())


@pytest.mark.parametrize("line", ["2024-01-01 09:00,9.5", "2024-01-01 09:00|9.5", "2024-01-01 09:00\t9.5"])
@pytest.mark.parametrize("at", [0, 9, 23])
def test_a_row_in_another_dialect_is_refused_with_its_line(line: str, at: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        read("UTC;load", *ROWS[:at], line, *ROWS[at + 1 :])

    assert refused.value.code in ("MIXED_DELIMITERS", "BAD_TIMESTAMP")
    assert f"line {at + 2}" in refused.value.message


def test_a_first_row_in_another_dialect_is_no_title() -> None:
    with pytest.raises(InvalidInput, match="line 1"):
        read(ROWS[0].replace(";", ","), *ROWS[1:])


@pytest.mark.parametrize(
    "remark", ["Ausfall der Messung", "Ausfall;", "Ausfall;der Messung", "defekt;x", "Seite 2"]
)
def test_a_remark_begins_no_second_table_and_is_told(remark: str) -> None:
    [found] = read("UTC;load", *ROWS[:9], remark, *ROWS[9:])

    assert (found.series.name, len(found.series), found.series.values.sum()) == ("load", 24, TOTAL)
    assert [(one.line, one.reason) for one in found.file.set_aside] == [(11, "between the data")]


def test_a_header_between_two_joined_exports_names_the_columns_of_both() -> None:
    [found] = read(*ROWS[:9], "UTC;load", *ROWS[9:])

    assert (found.series.name, len(found.series), found.series.values.sum()) == ("load", 24, TOTAL)


def test_a_line_that_names_a_meter_begins_its_series_where_the_stamps_begin_again() -> None:
    found = read("UTC;load", *ROWS, "Meter;AT002", *ROWS)

    assert [(one.series.name, len(one.series)) for one in found] == [("load", 24), ("AT002", 24)]


def test_what_stands_above_the_data_is_told() -> None:
    [found] = read("Lastgang der Anlage", "", "UTC;load", "(CET);kW", *ROWS)

    assert [(one.line, one.cell) for one in found.file.set_aside] == [
        (1, "Lastgang der Anlage"),
        (4, "(CET)"),
    ]
