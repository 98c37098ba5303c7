"""Folds of a backtest: nothing is fitted, chosen or scaled with what was unknown at the cutoff."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.backtest import BacktestPart, BacktestSpec, Fold
from shared.contracts.specs import DatasetSpec, Horizon, Resample, SeriesSpec, Split
from shared.series.problems import FoldsDoNotFit
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.folds import (
    MIN_TRAIN_WINDOWS,
    SampleHistory,
    default_size,
    history_of,
    parts_of,
    plan_backtest,
    plan_folds,
    slices_of,
)

HOUR_NS = 3_600_000_000_000


def history(n: int = 100, *, reach: int = 2, share: float = 0.1) -> SampleHistory:
    """Hourly samples that are settled ``reach`` hours after their reference time."""
    ref_ns = np.arange(n) * HOUR_NS
    return SampleHistory(ref_ns, ref_ns + reach * HOUR_NS, share)


def dataset_of(
    n: int = 400,
    *,
    resample: Resample = "linear",
    start: float = 1.0,
    stride: float = 60,
    gaps: bool = True,
    split: Split | None = None,
) -> Dataset:
    """A rising load with holes, three hours of it forecast from six."""
    values = np.linspace(0.0, 100.0, n) + np.sin(np.arange(n))
    if gaps:
        values[n // 3 : n // 3 + 9] = np.nan
    series = Series("load", np.arange(n) * HOUR_NS, values)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="load", name="load", role="input", horizon=Horizon(start=-5, end=0)),
            SeriesSpec(
                series_id="load",
                name="load",
                role="output",
                horizon=Horizon(start=start, end=start + 2),
                resample=resample,
            ),
        ),
        input_steps=6,
        output_steps=3,
        stride=stride,
        split=split or Split(train=70, validation=20, test=10),
    )
    return build_dataset(spec, {"load": series})


def newest_row(dataset: Dataset, sample: int) -> int:
    """Return the stamp of the newest row any window of a sample was read from."""
    rows = zip(dataset.sources, dataset.provenance(sample), strict=True)
    return max(int(source.series.times_ns[read.rows].max()) for source, read in rows)


@given(
    n_folds=st.integers(1, 5),
    size=st.integers(1, 12),
    reach=st.integers(0, 300),
    share=st.floats(0, 0.6),
    mode=st.sampled_from([(True, "expanding"), (True, "sliding"), (False, "expanding")]),
    seed=st.integers(0, 9),
)
def test_nothing_is_fitted_or_chosen_with_a_value_unknown_at_the_cutoff(
    n_folds: int, size: int, reach: int, share: float, mode: tuple[bool, Any], seed: int
) -> None:
    ref_ns = np.cumsum(np.random.default_rng(seed).integers(1, 90, 200)) * 60 * 10**9
    past = SampleHistory(ref_ns, ref_ns + reach * 60 * 10**9, share)
    assume(past.fits(n_folds, size))

    folds = plan_folds(past, BacktestSpec(n_folds=n_folds, refit=mode[0], window=mode[1]), test_windows=size)

    assert [fold.number for fold in folds] == list(range(1, n_folds + 1))
    assert [fold.test[0] for fold in folds[1:]] == [fold.test[1] for fold in folds[:-1]]
    assert folds[-1].test[1] == len(ref_ns)
    for fold in folds:
        assert int(fold.cutoff.timestamp()) * 10**9 == ref_ns[fold.test[0]]
        parts = [part for part in (fold.train, fold.validation, fold.test) if part[0] < part[1]]
        assert fold.train[1] - fold.train[0] >= MIN_TRAIN_WINDOWS
        for earlier, later in pairwise(parts):
            assert past.settled_ns[earlier[1] - 1] < ref_ns[later[0]]


@given(
    resample=st.sampled_from(["linear", "mean", "nearest", "next", "previous"]),
    start=st.sampled_from([-3.0, -0.5, 0.0, 0.25, 1.0]),
    stride=st.sampled_from([30, 60, 90]),
    n_folds=st.integers(1, 4),
)
def test_no_row_that_trains_is_as_young_as_the_cutoff_or_a_tested_target(
    resample: Resample, start: float, stride: float, n_folds: int
) -> None:
    dataset = dataset_of(resample=resample, start=start, stride=stride)

    folds = plan_backtest(dataset, BacktestSpec(n_folds=n_folds))

    for fold in folds:
        newest = [newest_row(dataset, sample) for sample in (fold.train[1] - 1, fold.validation[1] - 1)]
        first_target = dataset.ref_ns[fold.test[0]] + round(start * HOUR_NS)
        assert max(newest) < min(dataset.ref_ns[fold.test[0]], first_target)
        assert newest[0] < dataset.ref_ns[fold.validation[0]]


def test_training_grows_slides_or_stays_as_asked() -> None:
    grown = plan_folds(history(), BacktestSpec(n_folds=3), test_windows=10)
    slid = plan_folds(history(), BacktestSpec(n_folds=3, window="sliding"), test_windows=10)
    kept = plan_folds(history(), BacktestSpec(n_folds=3, refit=False), test_windows=10)

    assert [fold.test for fold in grown] == [(70, 80), (80, 90), (90, 100)]
    assert [fold.train for fold in grown] == [(0, 59), (0, 68), (0, 77)]
    assert [fold.validation for fold in grown] == [(61, 68), (70, 78), (79, 88)]
    assert {fold.train[1] - fold.train[0] for fold in slid} == {59}
    assert slid[-1].train[1] == 79
    assert {(fold.train, fold.validation) for fold in kept} == {((0, 59), (61, 68))}


def test_without_a_validation_share_everything_before_the_cutoff_trains() -> None:
    (fold,) = plan_folds(history(share=0.0), BacktestSpec(n_folds=1), test_windows=10)

    assert (fold.train, fold.validation) == ((0, 88), (88, 88))


@pytest.mark.parametrize(("n_folds", "size", "share"), [(20, 5, 0.0), (3, 30, 0.9), (50, 5, 0.05)])
def test_too_many_folds_are_refused_with_what_would_work(n_folds: int, size: int, share: float) -> None:
    with pytest.raises(FoldsDoNotFit, match="of the 100 windows") as refused:
        plan_folds(history(share=share), BacktestSpec(n_folds=n_folds), test_windows=size)

    problem = refused.value.problem()
    assert problem.details["n_windows"] == 100
    fewer, smaller = problem.details["most_folds"], problem.details["most_test_windows"]
    assert isinstance(fewer, int)
    assert isinstance(smaller, int)
    assert len(problem.suggestions) == bool(fewer) + bool(smaller)
    for folds, windows in ((fewer, size), (n_folds, smaller)):
        if folds and windows:
            assert plan_folds(history(share=share), BacktestSpec(n_folds=folds), test_windows=windows)


def test_a_fold_is_as_long_as_the_test_part_and_all_are_half_of_the_data_at_most() -> None:
    dataset = dataset_of(gaps=False)

    sizes = {n: default_size(dataset, n) for n in (1, 4, 10)}

    assert dataset.n_windows == 392
    assert sizes == {1: 39, 4: 39, 10: 19}
    untested = dataset_of(gaps=False, split=Split(train=80, validation=20, test=0))
    assert default_size(untested, 4) == 392 // 8


def test_a_part_scales_with_its_own_training_samples_alone() -> None:
    dataset = dataset_of()
    fold = plan_backtest(dataset, BacktestSpec(n_folds=4))[0]

    divided = dataset.divided(parts_of(BacktestPart(model="LIN", folds=(fold,)), dataset.n_windows))

    seen = dataset.x(np.arange(*fold.train), scaled=False)
    assert divided.layout.x_scaler.hi[0] == pytest.approx(seen.max())
    assert divided.layout.x_scaler.hi[0] < dataset.layout.x_scaler.hi[0]
    assert len(divided.training_values(0)) < len(dataset.training_values(0))
    np.testing.assert_array_equal(divided.indices("test"), np.arange(*fold.test))
    np.testing.assert_allclose(divided.y_true(), dataset.y_true())
    assert divided.part("train").x.max() == pytest.approx(1.0)


def test_a_part_of_several_folds_tests_them_all_and_is_cut_at_their_borders() -> None:
    folds = plan_folds(history(), BacktestSpec(n_folds=3, refit=False), test_windows=10)
    part = BacktestPart(model="LIN", folds=folds)

    parts = parts_of(part, 100)

    assert (len(parts.train), len(parts.validation), len(parts.test)) == (59, 7, 30)
    assert parts.n_purged == 70 - 59 - 7
    assert [parts.test[piece][0] for piece in slices_of(folds)] == [70, 80, 90]


def test_folds_of_another_data_set_are_refused() -> None:
    (fold,) = plan_folds(history(), BacktestSpec(n_folds=1), test_windows=10)

    with pytest.raises(FoldsDoNotFit, match="data set with 90"):
        parts_of(BacktestPart(model="LIN", folds=(fold,)), 90)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs refit"):
        BacktestSpec(refit=False, window="sliding")
    with pytest.raises(ValidationError, match="do not follow each other"):
        Fold.model_validate(
            {
                "number": 1,
                "cutoff": "2026-01-01T00:00Z",
                "last": "2026-01-02T00:00Z",
                "train": (0, 9),
                "validation": (5, 9),
                "test": (9, 12),
            }
        )


def test_a_sample_is_settled_with_its_last_target() -> None:
    dataset = dataset_of(gaps=False)

    past = history_of(dataset)

    assert (past.settled_ns - past.ref_ns == 3 * HOUR_NS).all()
