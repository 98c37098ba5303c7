"""No number before a moment may depend on what comes after it; and this suite would notice."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec, Split
from shared.series.arrays import Float32, Int64
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.dataset import Dataset
from shared.windows.plan import plan_windows
from shared.windows.scaling import Scaler
from shared.windows.warnings import lookahead_ns
from tests.shared.windows.strategies import START, requests, thorough

Build = Callable[[DatasetSpec, Mapping[str, Series]], Dataset]


def build(spec: DatasetSpec, series: Mapping[str, Series]) -> Dataset:
    return Dataset.of(plan_windows(spec, series), series)


def corrupted(series: Series, after_ns: int) -> Series:
    """Replace every value that was not known at a moment; stamps stay, so the windows are the same."""
    known_at = series.times_ns if series.issued_ns is None else series.issued_ns
    values = np.where((known_at > after_ns) & np.isfinite(series.values), 1e6, series.values)
    return replace(series, values=values)


def past_looking(dataset: Dataset) -> list[int]:
    """Columns of X whose windows end at the reference time or before, and archived forecasts."""
    sources = dataset.sources[: len(dataset.spec.inputs)]
    return [
        place
        for place, source in enumerate(sources)
        if source.rule.reach_ns[1] <= 0 or source.series.issued_ns is not None
    ]


def assert_no_feature_knows_the_future(
    make: Build, spec: DatasetSpec, series: dict[str, Series], at: int
) -> None:
    dataset = make(spec, series)
    early = np.flatnonzero(dataset.ref_ns <= at)
    ahead = [lookahead_ns(source, dataset.ref_ns[early]) for source in dataset.sources]
    spoiled = make(
        spec,
        {
            source.rule.spec.series_id: corrupted(source.series, at + look)  # what the report admits
            for source, look in zip(dataset.sources, ahead, strict=True)
        },
    )

    columns = past_looking(dataset)

    np.testing.assert_array_equal(
        spoiled.x(early, scaled=False)[:, :, columns], dataset.x(early, scaled=False)[:, :, columns]
    )


@given(case=requests(), share=st.floats(0.1, 0.9))
@thorough
def test_corrupting_the_future_changes_no_past_looking_feature(
    case: tuple[DatasetSpec, dict[str, Series]], share: float
) -> None:
    spec, series = case
    refs = build(spec, series).ref_ns
    if len(refs) == 0:
        return

    at = int(refs[int(share * len(refs))])

    assert_no_feature_knows_the_future(build, spec, series, at)


@given(case=requests())
@thorough
def test_corrupting_what_follows_training_changes_no_training_sample_and_no_scaler(
    case: tuple[DatasetSpec, dict[str, Series]],
) -> None:
    spec = case[0].model_copy(update={"split": Split(train=50, validation=25, test=25)})

    assert_training_knows_nothing_else(build, spec, case[1])


def assert_training_knows_nothing_else(make: Build, spec: DatasetSpec, series: dict[str, Series]) -> None:
    dataset = make(spec, series)
    train = dataset.indices("train")
    if len(train) == 0:
        return
    last = int(dataset.ref_ns[train[-1]])
    spoiled = make(
        spec,
        {
            source.rule.spec.series_id: corrupted(source.series, _end_of_reading(dataset, place, last))
            for place, source in enumerate(dataset.sources)
        },
    )

    for scaler, other in (
        (dataset.layout.x_scaler, spoiled.layout.x_scaler),
        (dataset.layout.y_scaler, spoiled.layout.y_scaler),
    ):
        assert scaler.to_json() == other.to_json()
    np.testing.assert_array_equal(spoiled.x(train), dataset.x(train))
    np.testing.assert_array_equal(spoiled.y(train), dataset.y(train))


def _end_of_reading(dataset: Dataset, place: int, last_ref: int) -> int:
    """The last moment a training window reads: for archives an issue time, else a row."""
    source = dataset.sources[place]
    if source.series.issued_ns is not None:
        return last_ref
    return int(source.last_read_ns(np.array([last_ref]))[0])


def aligned() -> tuple[DatasetSpec, dict[str, Series]]:
    """An hourly series forecast from its own past: nothing may look ahead here."""
    past = SeriesSpec(series_id="s", name="s", role="input", horizon=Horizon(start=-5, end=0))
    target = SeriesSpec(series_id="s", name="s", role="output", horizon=Horizon(start=1, end=3))
    spec = DatasetSpec(
        series=(past, target),
        input_steps=6,
        output_steps=3,
        stride=60,
        split=Split(train=50, validation=25, test=25),
    )
    values = np.random.default_rng(1).normal(size=100)
    return spec, {"s": Series("s", START + np.arange(100) * NS_PER_HOUR, values)}


def centred_mean(x: Float32, rows: Int64, dataset: Dataset) -> Float32:
    smooth = np.convolve(dataset.sources[0].series.values, np.ones(5) / 5, "same")
    return x + np.float32(smooth[rows + 5][:, None, None])  # sample 0 has its reference time at row 5


def back_filled(x: Float32, rows: Int64, dataset: Dataset) -> Float32:
    values = dataset.sources[0].series.values
    return x * 0 + values[np.minimum(rows + 6, len(values) - 1)][:, None, None].astype(np.float32)


def normalised_by_everything(x: Float32, rows: Int64, dataset: Dataset) -> Float32:
    return (x - np.float32(dataset.sources[0].series.values.mean())).astype(np.float32)


def target_as_input(x: Float32, rows: Int64, dataset: Dataset) -> Float32:
    x = x.copy()
    x[:, -1, 0] = dataset.y(rows, scaled=False)[:, 0, 0]
    return x


@pytest.mark.parametrize(
    "leak", [centred_mean, back_filled, normalised_by_everything, target_as_input], ids=lambda f: f.__name__
)
def test_a_planted_leak_in_the_features_is_caught(
    leak: Callable[[Float32, Int64, Dataset], Float32],
) -> None:
    spec, series = aligned()

    class Altered(Dataset):
        def x(self, index: Int64 | None = None, *, scaled: bool = True) -> Float32:
            rows = np.arange(self.n_windows) if index is None else index
            return leak(super().x(rows, scaled=scaled), rows, self)

    def leaking(spec: DatasetSpec, series: Mapping[str, Series]) -> Dataset:
        return Altered.of(plan_windows(spec, series), series)

    with pytest.raises(AssertionError):
        assert_no_feature_knows_the_future(leaking, spec, series, START + 40 * NS_PER_HOUR)


def scaled_over_all(dataset: Dataset) -> Dataset:
    x = dataset.x(scaled=False)
    scaler = dataset.x_scaler
    lo, hi = x.min(axis=(0, 1)).astype(np.float64), x.max(axis=(0, 1)).astype(np.float64)
    return replace(dataset, x_scaler=Scaler(lo, hi, scaler.low, scaler.high))


def target_scaled_over_all(dataset: Dataset) -> Dataset:
    y = dataset.y_true()
    scaler = dataset.y_scaler
    return replace(dataset, y_scaler=Scaler(y.min(axis=(0, 1)), y.max(axis=(0, 1)), scaler.low, scaler.high))


@pytest.mark.parametrize("leak", [scaled_over_all, target_scaled_over_all], ids=lambda f: f.__name__)
def test_a_planted_leak_in_the_scalers_is_caught(leak: Callable[[Dataset], Dataset]) -> None:
    spec, series = aligned()

    def leaking(spec: DatasetSpec, series: Mapping[str, Series]) -> Dataset:
        return leak(build(spec, series))

    with pytest.raises(AssertionError):
        assert_training_knows_nothing_else(lambda *request: leak(build(*request)), spec, series)


def test_a_forecast_issued_after_the_reference_time_is_never_read() -> None:
    # given hourly targets, each forecast six hours before and again, better, one hour after
    spec, series = aligned()
    targets = np.repeat(series["s"].times_ns, 2)
    issued = targets + np.tile([-6, 1], 100) * NS_PER_HOUR
    archive = Series("f", targets, np.tile([1.0, 99.0], 100), issued)
    weather = SeriesSpec(
        series_id="f", name="f", role="input", content="forecast", horizon=Horizon(start=0, end=5)
    )
    spec = spec.model_copy(update={"series": (*spec.series, weather)})

    dataset = build(spec, {**series, "f": archive})

    assert dataset.n_windows > 0
    assert (dataset.x(scaled=False)[:, :, 1] == 1).all()


def test_the_split_without_purge_shares_targets_and_with_it_does_not() -> None:
    spec, series = aligned()

    def last_target_of_training_and_first_of_test(split: Split) -> tuple[int, int]:
        dataset = build(spec.model_copy(update={"split": split}), series)
        train, test = dataset.indices("train"), dataset.indices("test")
        of_outputs = slice(len(spec.inputs), None)
        return (
            max(int(p.rows.max()) for p in dataset.provenance(int(train[-1]))[of_outputs]),
            min(int(p.rows.min()) for p in dataset.provenance(int(test[0]))[of_outputs]),
        )

    halves = Split(train=70, validation=0, test=30)
    purged = last_target_of_training_and_first_of_test(halves)
    overlapping = last_target_of_training_and_first_of_test(halves.model_copy(update={"purge": False}))

    assert purged[0] < purged[1]
    assert overlapping[0] >= overlapping[1]


def test_what_a_purged_test_sample_reads_is_older_than_its_reference_time() -> None:
    spec, series = aligned()
    dataset = build(spec.model_copy(update={"split": Split(train=70, validation=0, test=30)}), series)
    times = series["s"].times_ns

    for sample in dataset.indices("test"):
        read = [p.rows.max() for p in dataset.provenance(int(sample))[: len(spec.inputs)]]

        assert times[max(read)] <= dataset.ref_ns[sample]
