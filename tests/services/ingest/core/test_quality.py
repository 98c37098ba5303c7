"""Small series with planted flaws, each found where it was planted."""

import json

import numpy as np
import pytest
from pydantic_core import to_jsonable_python

from services.ingest.core.quality import SHOWN, Found, find_gaps, find_outliers, find_stretches
from services.ingest.core.read import read_file

MINUTE_NS = 60_000_000_000


def test_a_gap_tells_its_ends_and_how_many_steps_it_misses() -> None:
    times = np.array([0, 1, 2, 5, 6, 20]) * MINUTE_NS
    lines = np.arange(2, 8)

    gaps = find_gaps(times, lines, MINUTE_NS)

    assert (gaps.count, gaps.n_missing) == (2, 15)
    assert gaps.first[0].after == "1970-01-01T00:02:00Z"
    assert gaps.first[0].before == "1970-01-01T00:05:00Z"
    assert [(gap.line, gap.n_missing) for gap in gaps.first] == [(5, 2), (7, 13)]


def test_outliers_are_far_from_the_quartiles_and_spikes_do_not_move_the_fences() -> None:
    values = np.r_[np.linspace(0, 10, 101), 1e9, -1e9]

    outliers = find_outliers(values, np.arange(len(values)))

    assert outliers.found.lines == (101, 102)
    assert (outliers.low, outliers.high) == pytest.approx((2.45 - 3 * 5.1, 7.55 + 3 * 5.1))


def test_a_hardly_varying_series_has_no_fences() -> None:
    outliers = find_outliers(np.array([1.0] * 50 + [2.0]), np.arange(51))

    assert outliers.low is None
    assert outliers.found.count == 0


def test_constant_stretches_are_found_and_the_longest_comes_first() -> None:
    values = np.r_[np.arange(5), [7.0] * 12, np.arange(3), [8.0] * 20, [np.nan] * 30]
    times = np.arange(len(values)) * MINUTE_NS

    stretches = find_stretches(values, times, np.arange(len(values)) + 2)

    assert (stretches.count, stretches.n_rows) == (2, 32)
    assert [(s.line, s.n_rows, s.value) for s in stretches.longest] == [(22, 20, 8.0), (7, 12, 7.0)]


def test_findings_are_counted_all_and_listed_in_part() -> None:
    found = Found.at(np.arange(1000)[::-1])

    assert found.count == 1000
    assert found.lines == tuple(range(SHOWN))


def test_the_report_is_json_without_nan() -> None:
    content = b"t;v\n2024-01-01;1\n2024-01-02;x\n2024-01-05;1e999\n"
    [read] = read_file(content)

    report = json.loads(json.dumps(to_jsonable_python(read.quality), allow_nan=False))

    assert report["steps"] == [{"seconds": 86400.0, "count": 1}, {"seconds": 259200.0, "count": 1}]
    assert report["text"] == {"count": 1, "lines": [3]}
    assert report["infinite"]["lines"] == [4]


def test_a_single_row_has_neither_step_nor_gaps() -> None:
    [read] = read_file(b"t;v\n2024-01-01;1\n")

    assert read.quality.step_s is None
    assert read.quality.steps == ()
    assert read.quality.gaps.count == 0
