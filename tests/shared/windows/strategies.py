"""Random series and settings, small enough for the oracle and nasty enough for the code."""

import os

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec, Split
from shared.series.series import NS_PER_MINUTE, Series

EXAMPLES = int(os.environ.get("TRAINYARD_EXAMPLES", "100"))  # the slow suite asks for 1000
START = 1_704_067_200_000_000_000  # 2024-01-01 UTC
thorough = settings(max_examples=EXAMPLES, deadline=None)

METHODS = ("linear", "mean", "nearest", "next", "previous")


@st.composite
def measured(draw: st.DrawFn, *, name: str = "s") -> Series:
    """Regular, gappy or irregular rows with missing values, starting off the hour."""
    n = draw(st.integers(2, 8) | st.integers(60, 120) | st.integers(60, 120))
    step = draw(st.sampled_from([60.0, 15.0, 5.0, 7.5]))
    start = START + round(draw(st.sampled_from([0, 0, 5, 23.5])) * NS_PER_MINUTE)
    kind = draw(st.sampled_from(["regular", "gappy", "irregular"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    place = np.arange(n).astype(np.float64)
    if kind == "gappy":
        place = np.sort(rng.choice(2 * n, n, replace=False)).astype(np.float64)
    if kind == "irregular":
        place = np.cumsum(rng.integers(1, 40, n)) / 10
    times = start + np.round(place * step * NS_PER_MINUTE).astype(np.int64)
    values = rng.normal(size=n).round(3)
    values[rng.random(n) < draw(st.sampled_from([0, 0, 0.05]))] = np.nan
    values[0] = 1.0
    return Series(name, times, values)


@st.composite
def archived(draw: st.DrawFn, *, name: str = "f") -> Series:
    """Forecast runs every few hours, each about some of the hours ahead."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    issues = START + np.sort(rng.choice(60, draw(st.integers(4, 25)), replace=False)) * 30 * NS_PER_MINUTE
    rows = [
        (int(issue) + int(ahead) * 60 * NS_PER_MINUTE, int(issue))
        for issue in issues
        for ahead in rng.choice(range(-3, 12), rng.integers(6, 15), replace=False)
    ]
    targets, issued = np.array(sorted(rows), dtype=np.int64).T
    values = rng.normal(size=len(rows)).round(3)
    values[rng.random(len(rows)) < draw(st.sampled_from([0, 0.1]))] = np.nan
    values[0] = 1.0
    return Series(name, targets, values, issued)


@st.composite
def series_spec(draw: st.DrawFn, role: str, series_id: str, content: str = "measured") -> SeriesSpec:
    """One series in one role with any horizon and method."""
    minutes = draw(st.sampled_from([60, 30, 15, 5, 47]))
    start = draw(st.integers(-4, 2)) * minutes / 60
    return SeriesSpec(
        series_id=series_id,
        name=series_id,
        role=role,
        content=content,
        horizon=Horizon(start=start, end=start + draw(st.integers(1, 4)) * minutes / 60),
        resample=draw(st.sampled_from(METHODS)),
        average_window=draw(st.sampled_from([False, False, False, True])),
        max_gap=draw(st.sampled_from(["auto", None, None, 20.0, 90.0])),
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[DatasetSpec, dict[str, Series]]:
    """Settings and series of a whole data set."""
    stride = draw(st.sampled_from([60.0, 15.0, 7.5, 45.0]))
    contents = draw(st.lists(st.sampled_from(["measured", "measured", "latest", "forecast"]), max_size=2))
    series = {"a": draw(measured(name="a")), "y": draw(measured(name="y"))}
    specs = [draw(series_spec("input", "a")), draw(series_spec("output", "y"))]
    for i, content in enumerate(contents):
        rows = archived(name=f"i{i}") if content == "forecast" else measured(name=f"i{i}")
        series[f"i{i}"] = draw(rows)
        specs.append(draw(series_spec("input", f"i{i}", content)))
    spec = DatasetSpec(
        series=tuple(specs),
        input_steps=draw(st.integers(1, 6)),
        output_steps=draw(st.integers(1, 4)),
        stride=stride,
        offset=draw(st.sampled_from([0.0, 2.5])),
        split=Split(purge=False),
    )
    return spec, series
