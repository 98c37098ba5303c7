"""What is read wrong today, as tests that will pass one day."""

import pytest

from services.ingest.core.read import read_file

ROWS = [f"2024-01-01 {hour:02}:00;{hour}.5" for hour in range(24)]


@pytest.mark.xfail(strict=True, reason="a line in another dialect begins a second table")
def test_one_line_with_another_delimiter_does_not_begin_another_table() -> None:
    text = "\n".join(["UTC;load", *ROWS, ""]).replace("05:00;5.5", "05:00,5.5", 1)

    assert [read.series.name for read in read_file(text.encode())] == ["load"]
