"""Whatever comes is read, or refused with a problem that says what and where."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from services.ingest.core.problems import (
    AmbiguousNumbers,
    AmbiguousTimestamps,
    BadTimestamp,
    BrokenQuotes,
    EmptyFile,
    MixedDelimiters,
    MixedZones,
    NoTimeColumn,
    NotText,
    OneColumn,
    RaggedTable,
    TableTooLarge,
    UnknownColumn,
    UnknownEncoding,
)
from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from shared.contracts.problems import Problem
from shared.errors import InvalidInput
from shared.series.problems import BadSetting, NoNumbers, UnknownZone


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_are_read_or_refused_with_a_problem(content: bytes) -> None:
    _read_or_refuse(content)


TOKENS = [
    "time", ";", ",", "\t", "|", "\n", "\r\n", "\r", '"', '""', "2024-01-01", "2024-01-01 00:00", "Z",
    "+01:00", "13/13/2024", "01/02/2024", "31.12.2024", "1704067200", "12:30", "1,5", "1.234,5", "1e400",
    "9" * 40, "-inf", "nan", "text", " ", "0", "-", "\x00", "\x1a", "\u00e4", "\u2028", "9" * 20, "True", "#",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(content=st.lists(st.sampled_from(TOKENS), max_size=60).map("".join), head=st.booleans())
def test_random_tables_are_read_or_refused_with_a_problem(content: str, head: bool) -> None:
    body = "time;a;b\n2024-01-01 00:00;1;2\n2024-01-01 01:00;3;4\n" if head else ""

    _read_or_refuse((body + content).encode("utf-8"))


@settings(max_examples=50, deadline=None)
@given(
    position=st.integers(0, 200),
    byte=st.integers(0, 255),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_a_damaged_byte_is_read_or_refused_with_a_problem(position: int, byte: int, encoding: str) -> None:
    text = "Zeit;Last;Wärme\n" + "".join(f"01.01.2024 {hour:02d}:00;{hour},5;3\n" for hour in range(10))
    content = bytearray(text.encode(encoding))
    content[position] = byte

    _read_or_refuse(bytes(content))


@settings(max_examples=200, deadline=None)
@given(
    content=st.sampled_from(
        [
            b"time;load;b\n2024-01-01 00:00;1;x\n2024-01-01 01:00;2,5;y\n",
            b't,v\n01/02/2024,1\n02/02/2024,"1,5"\n',
            "Zeit\tWärme\n1.1.2024 0:00\t5\n".encode("utf-16"),
            b"Date,Time,issued,v\n2024-01-01,0:00,2024-01-01,5\n",
        ]
    ),
    options=st.fixed_dictionaries(
        {},
        optional={
            "encoding": st.sampled_from(
                ["utf-8", "utf-16", "utf_7", "punycode", "undefined", "rot13", "\0", ""]
            ),
            "delimiter": st.sampled_from([*';,\t| :\\"\na0-§']),
            "decimal": st.sampled_from(".,"),
            "time_columns": st.lists(st.sampled_from(["time", "t", "Date", "Time", "column 1"]), max_size=3),
            "issue_column": st.sampled_from(["issued", "v", "column 3", ""]),
            "value_columns": st.lists(st.sampled_from(["load", "b", "v", "column 2"]), max_size=3),
            "timezone": st.sampled_from(["UTC", "Europe/Vienna", "Europe", "../x", ""]),
            "time_format": st.sampled_from(
                ["%Y-%m-%d %H:%M", "%", "%%", "%s", "mixed", "epoch_ns", "(%Y", "%U"]
            ),
            "day_first": st.booleans(),
        },
    ),
)
def test_any_options_are_followed_or_refused_with_a_problem(
    content: bytes, options: dict[str, JsonValue]
) -> None:
    try:
        reads = read_file(content, options=ReadOptions.from_json(options))
    except InvalidInput as refused:
        reads = []
        refused.problem().model_dump_json()

    assert all(len(read.series) > 0 for read in reads)


def _read_or_refuse(content: bytes) -> None:
    reads, problem = _outcome(content)

    assert bool(reads) != bool(problem)
    assert problem is None or (problem.message and problem.suggestions and problem.model_dump_json())
    for read in reads:
        assert np.all(np.diff(read.series.times_ns) >= 0)
        assert not np.isinf(read.series.values).any()


def _outcome(content: bytes) -> tuple[list[SeriesRead], Problem | None]:
    try:
        return read_file(content), None
    except InvalidInput as refused:
        return [], refused.problem()


@pytest.mark.parametrize(
    ("content", "problem", "words"),
    [
        pytest.param(b"", EmptyFile, "empty", id="no bytes"),
        pytest.param(b"\n\n  \n", EmptyFile, "empty", id="blank lines"),
        pytest.param(b"time,load\n", EmptyFile, "no rows", id="header only"),
        pytest.param(b"PK\x03\x04....", NotText, "Excel", id="workbook"),
        pytest.param(b"<!DOCTYPE html><html></html>", NotText, "web page", id="web page"),
        pytest.param(bytes(range(256)) * 4, NotText, "binary", id="binary"),
        pytest.param(b"load\n1\n2\n3\n", OneColumn, "line 1", id="one column"),
        pytest.param(b"t,v\nyesterday,1\ntoday,2\n", NoTimeColumn, "yesterday", id="no time stamps"),
        pytest.param(
            b"t,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3,4\n", RaggedTable, "line 4", id="too many"
        ),
        pytest.param(b"t,v\n2024-01-01 00:00,1,5\n2024-01-01 01:00,2,5\n", RaggedTable, "line 2", id="comma"),
        pytest.param(b"t,v\n2024-01-01,1\n2024-01-02;2\n", MixedDelimiters, "line 3", id="mixed delimiters"),
        pytest.param(
            b"t,v\n" + b"2024-01-01,1\n" * 20 + b"2024-01-02;2\n", MixedDelimiters, "line 22", id="one ;"
        ),
        pytest.param(b"t,v\n2024-01-01,a\n2024-01-02,b\n", NoNumbers, "'a'", id="column of text"),
        pytest.param(b"t\tv\n2024-01-01\t\n2024-01-02\t\n", NoNumbers, "number", id="empty column"),
        pytest.param(b"t;v\n2024-01-01;1\n2024-02-30;2\n", BadTimestamp, "line 3", id="30 February"),
        pytest.param(
            b"t;v\n2024-01-01;1\n;2\n", BadTimestamp, "line 3: the time stamp is missing", id="no stamp"
        ),
        pytest.param(
            b"t;v\n02/01/2024;1\n03/01/2024;2\n", AmbiguousTimestamps, "day/month", id="day or month"
        ),
        pytest.param(b"t;v\n13/01/2024;1\n01/13/2024;2\n", BadTimestamp, "line 3", id="day and month first"),
        pytest.param(
            b"t;v\n2024-01-01T00:00Z;1\n2024-01-01T01:00;2\n", MixedZones, "line 3", id="half zoned"
        ),
        pytest.param(b't,v\n2024-01-01,"1,234"\n2024-01-02,"2,345"\n', AmbiguousNumbers, "1.234", id="1,234"),
        pytest.param(
            b";".join([b"x"] * 3000) + b"\n2024-01-01" + b";1" * 2999 + b"\n",
            TableTooLarge,
            "3000 columns",
            id="columns",
        ),
        pytest.param(
            b"t" + b";x" * 999 + b"\n2024-01-01" + b";1" * 999 + b"\n" * 300_000,
            TableTooLarge,
            "cells",
            id="cells",
        ),
        pytest.param(
            b"t;v\n2024-01-01;" + b"9" * 300_000 + b"\n", NotText, "line 2 is longer", id="long line"
        ),
        pytest.param(
            b't;v\n"2024-01-01;1\n' + b"2024-01-01;1\n" * 20, BrokenQuotes, "line 2", id="swallowed"
        ),
        pytest.param(
            b"t;v\n" + b"2024-01-01;1\n" * 9 + b"2024-01-01,1\n", MixedDelimiters, "line 11", id="one ,"
        ),
        pytest.param(b"sep=;\n", EmptyFile, "no rows", id="sep alone"),
        pytest.param(b't,v\n2024-01-01,"1\n2024-01-02,2\n', BrokenQuotes, "line 2", id="open quote"),
        pytest.param(
            b't,v\n2024-01-01,1\n2024-01-02,"2\n3"\n2024-01-03,4\n', BrokenQuotes, "line 3", id="two lines"
        ),
    ],
)
def test_a_bad_file_is_refused_saying_what_and_where(
    content: bytes, problem: type[InvalidInput], words: str
) -> None:
    with pytest.raises(problem) as refused:
        read_file(content)

    assert words in refused.value.message
    assert refused.value.suggestions


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"timezone": "Europe/Atlantis"}, UnknownZone),
        ({"encoding": "klingon"}, UnknownEncoding),
        ({"encoding": "hex"}, UnknownEncoding),
        ({"encoding": "utf-32"}, UnknownEncoding),
        ({"time_columns": ["when"]}, UnknownColumn),
        ({"value_columns": ["column 9"]}, UnknownColumn),
        ({"issue_column": "load"}, NoTimeColumn),
        ({"time_format": "nonsense"}, BadSetting),
        ({"time_format": "%Q"}, BadSetting),
        ({"decimal": ";"}, BadSetting),
        ({"delimiter": "::"}, BadSetting),
        ({"delimiter": "§"}, BadSetting),
        ({"delimiter": "1"}, BadSetting),
        ({"delimiter": '"'}, BadSetting),
        ({"interval_end_minutes": 60}, BadSetting),
        ({"no_such_option": 1}, BadSetting),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    options: dict[str, JsonValue], problem: type[InvalidInput]
) -> None:
    content = b"time;load\n2024-01-01 00:00;1\n2024-01-01 01:00;2\n"

    with pytest.raises(problem):
        read_file(content, options=ReadOptions.from_json(options))


@pytest.mark.parametrize(("answer", "day"), [(True, "2024-01-02"), (False, "2024-02-01")])
def test_the_question_which_of_day_and_month_comes_first_is_answered_by_its_candidates(
    answer: bool, day: str
) -> None:
    content = b"t;v\n02/01/2024;1\n03/01/2024;2\n"
    with pytest.raises(AmbiguousTimestamps) as refused:
        read_file(content)
    question: Any = refused.value.details["question"]
    means = {one["value"]: one["means"] for one in question["candidates"]}

    (series,) = read_file(content, options=ReadOptions.model_validate({question["option"]: answer}))

    assert day in means[answer]
    assert str(np.datetime64(int(series.series.times_ns[0]), "ns"))[:10] == day
