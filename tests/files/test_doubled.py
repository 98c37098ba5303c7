"""Rows that share a stamp: told with their lines, and asked about where the clock may be the reason."""

import io
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import to_jsonable_python
from rich.console import Console

from services.ingest.core.problems import DoubledHour
from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from trainyard.console import show_file
from trainyard.responses import Series, UploadedFile

ROWS = [f"2024-01-{day:02}T{hour:02}:00;{day}{hour:02}.5" for day in range(1, 11) for hour in range(24)]


def read(lines: list[str], **options: str) -> SeriesRead:
    [found] = read_file("\n".join(["time;load", *lines, ""]).encode(), options=ReadOptions.from_json(options))
    return found


def test_a_row_that_corrects_another_holds_and_both_are_told_with_their_lines() -> None:
    found = read([*ROWS, ROWS[5], ROWS[9].split(";")[0] + ";7.25"])

    assert (found.quality.duplicates.count, found.quality.duplicates.lines) == (2, (7, 11))
    assert (found.quality.differing.count, found.quality.differing.lines) == (1, (11,))
    assert found.series.values[9] == 7.25
    assert "2 doubled stamps (1 with another value: line 11; the last row holds)" in shown(found)


def test_rows_that_say_the_same_twice_differ_in_nothing() -> None:
    found = read([*ROWS, *ROWS[:100]])

    assert (found.quality.duplicates.count, found.quality.differing.count) == (100, 0)


def on_the_clock(zone: str, start: str, n: int, minutes: int = 60) -> list[str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).timestamp()
    moments = (datetime.fromtimestamp(begin + 60 * minutes * k, ZoneInfo(zone)) for k in range(n))
    return [f"{moment:%Y-%m-%d %H:%M};{k}.5" for k, moment in enumerate(moments)]


@pytest.mark.parametrize(
    ("zone", "start", "minutes"),
    [
        ("Europe/Vienna", "2024-10-20", 60),
        ("Europe/Vienna", "2024-10-20", 15),
        ("Europe/London", "2023-10-20", 30),
        ("America/New_York", "2024-11-01", 60),
        ("Australia/Sydney", "2024-04-01", 60),
    ],
)
def test_an_hour_that_comes_twice_without_a_zone_is_a_question(zone: str, start: str, minutes: int) -> None:
    lines = on_the_clock(zone, start, 15 * 24 * 60 // minutes, minutes)

    with pytest.raises(DoubledHour) as asked:
        read(lines)

    question = asked.value.details["question"]
    assert isinstance(question, dict)
    candidates = question["candidates"]
    assert isinstance(candidates, list)
    values = [one["value"] for one in candidates if isinstance(one, dict)]
    assert zone in values
    assert values[-1] == "UTC"
    assert len(read(lines, timezone=zone).series) == len(lines)
    assert len(read(lines, timezone="UTC").series) == len(lines) - 60 // minutes
    assert read(lines, doubled="first").quality.differing.count == 60 // minutes


def test_a_corrected_row_in_the_hour_of_the_change_is_no_doubled_hour() -> None:
    lines = on_the_clock("UTC", "2024-10-20", 15 * 96, 15)

    found = read([*lines, "2024-10-27 02:15;7.5"])

    assert found.quality.differing.count == 1


def shown(found: SeriesRead) -> str:
    console = Console(file=io.StringIO(), width=200)
    quality = {**to_jsonable_python(found.quality), "file": to_jsonable_python(found.file)}
    series = Series(series_id="s", name="load", quality=quality)
    show_file(
        console, UploadedFile(id="f", file_name="load.csv", role="input", status="ready", series=(series,))
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
