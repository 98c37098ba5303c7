"""A part that is empty says why, and each way it names gives it windows."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec, Split
from shared.series.series import Series
from shared.windows.dataset import Dataset, Part, build_dataset

HOUR_NS = 3_600 * 10**9


def hours(n: int) -> dict[str, Series]:
    return {"s": Series("s", np.arange(n) * HOUR_NS, np.arange(n, dtype=np.float64))}


def spec(n_output: int, lookback: int, split: Split) -> DatasetSpec:
    past, coming = Horizon(start=1.0 - lookback, end=0), Horizon(start=1, end=n_output)
    return DatasetSpec(
        series=(
            SeriesSpec(series_id="s", name="load", role="input", horizon=past),
            SeriesSpec(series_id="s", name="load", role="output", horizon=coming),
        ),
        input_steps=lookback,
        output_steps=n_output,
        stride=60,
        split=split,
    )


def empty(dataset: Dataset) -> list[Problem]:
    return [finding for finding in dataset.findings if finding.code == "EMPTY_PART"]


def test_two_weeks_of_hours_say_that_the_purge_took_the_validation_part_and_what_fits() -> None:
    dataset = build_dataset(spec(72, 120, Split()), hours(336))

    [finding, _] = empty(dataset)

    assert "the purge took all 29 windows of it" in finding.message
    assert "more than 71 are needed" in finding.message
    assert any("longer by" in way for way in finding.suggestions)
    assert any("at most" in way for way in finding.suggestions)
    assert any("split.purge off" in way for way in finding.suggestions)


@given(
    st.integers(150, 500),
    st.integers(2, 90),
    st.integers(2, 60),
    st.sampled_from([(70, 20), (80, 10), (50, 40)]),
)
@example(150, 83, 60, (70, 20))  # a test part that rounding leaves a window less than its share
@settings(max_examples=150, deadline=None)
def test_every_way_gives_the_part_windows(
    n: int, n_output: int, lookback: int, shares: tuple[int, int]
) -> None:
    split = Split(train=shares[0], validation=shares[1], test=100 - sum(shares))
    dataset = build_dataset(spec(n_output, lookback, split), hours(n))

    for finding in empty(dataset):
        told = finding.details
        part: Part = "validation" if told["part"] == "validation" else "test"
        more, n_steps = told["n_more"], told["n_steps"]
        assert isinstance(more, int)
        assert isinstance(n_steps, int)
        assert len(build_dataset(spec(n_output, lookback, split), hours(n + more)).indices(part))
        unpurged = split.model_copy(update={"purge": False})
        if told["n_part"]:
            assert len(build_dataset(spec(n_output, lookback, unpurged), hours(n)).indices(part))
        if n_steps > 0:
            assert len(build_dataset(spec(n_steps, lookback, split), hours(n)).indices(part))
