"""Data sets against the definition written as loops, and what must hold for every one of them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.specs import (
    Calendar,
    CalendarFeature,
    DatasetSpec,
    Horizon,
    Range,
    SeriesSpec,
    Split,
)
from shared.series.problems import (
    BadSeries,
    BadSetting,
    IncompleteWindow,
    NoNumbers,
    NoWindowFits,
    SeriesTooShort,
    TooLarge,
    UnknownSeries,
)
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.columns import GridColumn
from shared.windows.dataset import Dataset, Part, build_dataset, build_window, dataset_key
from shared.windows.plan import plan_windows
from tests.shared.windows.oracle import expected
from tests.shared.windows.strategies import START, requests, thorough

ALL_FEATURES = {
    name: CalendarFeature(enabled=True, horizon=Horizon(start=-5, end=0), local_time=True)
    for name in ("year", "month", "week", "day", "holiday")
}


def hourly(n: int, *, seed: int = 0) -> Series:
    values = np.random.default_rng(seed).normal(size=n)
    return Series("s", START + np.arange(n) * NS_PER_HOUR, values)


def request(**changes: object) -> DatasetSpec:
    settings: dict[str, object] = {
        "series": (
            SeriesSpec(series_id="s", name="load", role="input", horizon=Horizon(start=-5, end=0)),
            SeriesSpec(series_id="s", name="load", role="output", horizon=Horizon(start=1, end=3)),
        ),
        "input_steps": 6,
        "output_steps": 3,
        "stride": 60.0,
    }
    return DatasetSpec.model_validate(settings | changes)


def interpolated(spec: DatasetSpec) -> DatasetSpec:
    series = tuple(s.model_copy(update={"resample": "linear"}) for s in spec.series)
    return spec.model_copy(update={"series": series})


@given(case=requests())
@thorough
def test_windows_values_and_drops_equal_the_definition(case: tuple[DatasetSpec, dict[str, Series]]) -> None:
    spec, series = case
    wanted = expected(spec, series)

    dataset = Dataset.of(plan_windows(spec, series), series)

    assert dataset.ref_ns.tolist() == wanted.ref_ns
    assert dataset.drops.n_candidates == wanted.n_candidates
    assert Counter({(d.role, d.series, d.reason): d.n for d in dataset.drops.drops}) == wanted.drops
    if wanted.ref_ns:
        x, y = dataset.x(scaled=False), dataset.y(scaled=False)
        np.testing.assert_allclose(x, wanted.x, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(y, wanted.y, rtol=1e-6, atol=1e-7)


@given(case=requests())
@thorough
def test_one_window_for_now_equals_the_window_of_training(
    case: tuple[DatasetSpec, dict[str, Series]],
) -> None:
    spec, series = case
    local = Calendar(**ALL_FEATURES, timezone="Europe/Vienna", country="AT")
    spec = spec.model_copy(update={"calendar": local})
    dataset = Dataset.of(plan_windows(spec, series), series)

    for sample in range(dataset.n_windows):
        fresh = build_window(dataset, series, int(dataset.ref_ns[sample]))

        np.testing.assert_array_equal(fresh, dataset.x(np.array([sample])))


@given(case=requests(), data=st.data())
@thorough
def test_any_selection_of_windows_reads_the_same_values(
    case: tuple[DatasetSpec, dict[str, Series]], data: st.DataObject
) -> None:
    spec, series = case
    dataset = Dataset.of(plan_windows(spec, series), series)
    if dataset.n_windows == 0:
        return
    index = np.array(data.draw(st.lists(st.integers(0, dataset.n_windows - 1), max_size=8)), dtype=np.int64)

    chosen = dataset.x(index)

    np.testing.assert_array_equal(chosen, dataset.x()[index])


def test_batches_are_the_part_in_pieces() -> None:
    dataset = build_dataset(request(), {"s": hourly(200)})

    pieces = list(dataset.batches("train", 7))

    whole = dataset.part("train")
    np.testing.assert_array_equal(np.concatenate([piece.x for piece in pieces]), whole.x)
    np.testing.assert_array_equal(np.concatenate([piece.ref_ns for piece in pieces]), whole.ref_ns)
    assert whole.x.dtype == np.float32


def test_the_parts_of_a_purged_split_share_no_target_and_read_what_was_known() -> None:
    dataset = build_dataset(request(), {"s": hourly(200)})
    n_inputs = len(dataset.spec.inputs)

    def rows(part: Part, *, of: slice) -> set[int]:
        samples = dataset.indices(part)
        return {r for i in samples for p in dataset.provenance(int(i))[of] for r in p.rows.ravel().tolist()}

    inputs, targets = slice(0, n_inputs), slice(n_inputs, None)
    assert not rows("train", of=targets) & rows("validation", of=targets)
    assert not rows("validation", of=targets) & rows("test", of=targets)
    assert rows("test", of=inputs) & rows("validation", of=targets)  # known at its reference time: no leak


def test_scalers_know_the_training_samples_only() -> None:
    values = hourly(200).values.copy()
    values[150:] += 1000
    dataset = build_dataset(request(), {"s": Series("s", hourly(200).times_ns, values)})

    train = dataset.x(dataset.indices("train"), scaled=False)

    np.testing.assert_allclose(dataset.layout.x_scaler.lo, train.min(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(dataset.layout.x_scaler.hi, train.max(axis=(0, 1)), rtol=1e-6)
    assert dataset.x().max() > 100
    assert dataset.part("train").x.max() == 1


def test_scaling_back_returns_the_values() -> None:
    dataset = build_dataset(request(), {"s": hourly(200)})

    back = dataset.layout.y_scaler.inverse(dataset.y().astype(np.float64))

    np.testing.assert_allclose(back, dataset.y_true(), atol=1e-6)


def test_a_regular_series_on_its_own_grid_is_not_copied() -> None:
    series = hourly(500)

    dataset = build_dataset(request(), {"s": series})

    assert dataset.nbytes == series.nbytes + 8 * dataset.n_windows


def test_the_layout_names_columns_and_finds_the_own_past() -> None:
    spec = request(calendar=Calendar(**ALL_FEATURES, country="AT"))

    layout = build_dataset(spec, {"s": hourly(100)}).layout

    assert [column.name for column in layout.inputs] == [
        "load", "year_sin", "year_cos", "month_sin", "month_cos", "week_sin", "week_cos",
        "day_sin", "day_cos", "holiday",
    ]  # fmt: skip
    assert (layout.inputs[0].start, layout.inputs[0].end) == (-5, 0)
    assert layout.own_past == (0,)


@pytest.mark.parametrize(("uploaded_again", "own_past"), [(hourly(100), 0), (hourly(100, seed=1), None)])
def test_a_file_uploaded_once_in_each_role_is_its_own_past(
    uploaded_again: Series, own_past: int | None, tmp_path: Path
) -> None:
    first, second = request().series
    spec = request(series=(first, second.model_copy(update={"series_id": "again"})))

    dataset = build_dataset(spec, {"s": hourly(100), "again": uploaded_again})
    dataset.save(tmp_path)

    assert dataset.layout.own_past == (own_past,)
    assert Dataset.open(tmp_path).layout.own_past == (own_past,)


def test_a_stored_data_set_is_the_same_data_set(tmp_path: Path) -> None:
    spec = request(
        series=(
            *request().series,
            SeriesSpec(
                series_id="s", name="now", role="input", content="latest", horizon=Horizon(start=0, end=0.5)
            ),
            SeriesSpec(series_id="odd", name="odd", role="input", horizon=Horizon(start=-3.7, end=0)),
        ),
        calendar=Calendar(**ALL_FEATURES, country="AT"),
    )
    odd = Series("odd", START + np.arange(900) * NS_PER_HOUR // 7, np.arange(900.0))
    dataset = build_dataset(spec, {"s": hourly(100), "odd": odd})

    dataset.save(tmp_path / "stored")
    again = Dataset.open(tmp_path / "stored")

    np.testing.assert_array_equal(again.x(), dataset.x())
    np.testing.assert_array_equal(again.y_true(), dataset.y_true())
    np.testing.assert_array_equal(again.training_values(0), dataset.training_values(0))
    np.testing.assert_array_equal(again.provenance(3)[0].rows, dataset.provenance(3)[0].rows)
    assert again.layout.inputs == dataset.layout.inputs
    assert again.findings == dataset.findings
    assert not list((tmp_path / "stored").glob("*.pkl"))


def test_training_values_end_with_the_last_training_window() -> None:
    dataset = build_dataset(request(), {"s": hourly(100)})

    values = dataset.training_values(0)

    last = dataset.provenance(int(dataset.indices("train")[-1]))[1].rows.max()
    np.testing.assert_array_equal(values, hourly(100).values[: last + 1])


def test_provenance_tells_rows_and_origin() -> None:
    rows = hourly(60)
    spec = interpolated(request(offset=30.0))

    load, _ = build_dataset(spec, {"s": rows}).provenance(0)

    assert set(load.origin) == {"interpolated"}
    assert load.rows[:, 1].tolist() == (load.rows[:, 0] + 1).tolist()
    assert (rows.times_ns[load.rows[:, 0]] < load.at_ns).all()


def test_equal_requests_share_a_key_and_different_ones_do_not() -> None:
    hashes = {"s": hourly(10).content_hash(), "unused": "0"}

    key = dataset_key(request(), hashes)

    assert key == dataset_key(request(), {**hashes, "unused": "1"})
    assert key != dataset_key(request(stride=30.0), hashes)
    assert key != dataset_key(request(), {"s": hourly(10, seed=1).content_hash()})


def test_interpolating_at_the_reference_time_is_reported_as_looking_ahead() -> None:
    dataset = build_dataset(interpolated(request(offset=30.0)), {"s": hourly(100)})

    found = {finding.code: finding for finding in dataset.findings}

    assert found["LOOKS_AHEAD"].details["minutes"] == 30
    assert "LOOKS_AHEAD" not in {f.code for f in build_dataset(request(), {"s": hourly(100)}).findings}


def test_calendar_windows_off_any_lattice_are_read_on_demand() -> None:
    odd = CalendarFeature(enabled=True, horizon=Horizon(start=-7.123456789, end=0.000001), local_time=True)
    spec = request(calendar=Calendar(week=odd, day=odd, timezone="Europe/Vienna"))
    dataset = build_dataset(spec, {"s": hourly(100)})

    fresh = build_window(dataset, {"s": hourly(100)}, int(dataset.ref_ns[3]))

    assert not isinstance(dataset.x_tracks[1], GridColumn)
    np.testing.assert_array_equal(fresh, dataset.x(np.array([3])))


def test_holes_are_a_finding_and_the_two_ends_are_not() -> None:
    holes = hourly(300).values.copy()
    holes[40] = np.nan

    whole = build_dataset(request(), {"s": hourly(300)})
    holed = build_dataset(request(), {"s": Series("s", hourly(300).times_ns, holes)})

    assert [finding.code for finding in whole.findings] == []
    assert [finding.code for finding in holed.findings] == ["SAMPLES_DROPPED"]


def test_a_shuffled_split_is_reported_as_leaking() -> None:
    dataset = build_dataset(request(split=Split(shuffle=True, seed=3)), {"s": hourly(100)})

    assert "SPLIT_LEAKS" in {finding.code for finding in dataset.findings}
    assert dataset.parts.leaking


def test_a_constant_column_scales_to_the_lower_bound() -> None:
    series = Series("s", hourly(100).times_ns, np.full(100, 7.0))
    inputs, outputs = request().series
    spec = request(series=(inputs.model_copy(update={"scale": Range(min=-1, max=1)}), outputs))

    dataset = build_dataset(spec, {"s": series})

    assert (dataset.x() == -1).all()
    np.testing.assert_array_equal(dataset.layout.x_scaler.inverse(dataset.x().astype(np.float64)), 7)


def bad(values: list[float]) -> Series:
    return Series("s", START + np.arange(len(values)) * NS_PER_HOUR, np.array(values))


@pytest.mark.parametrize(
    ("series", "problem"),
    [
        pytest.param({}, UnknownSeries, id="series not given"),
        pytest.param({"s": bad([1.0])}, SeriesTooShort, id="one row"),
        pytest.param({"s": bad([float("nan")] * 50)}, NoNumbers, id="all missing"),
        pytest.param({"s": bad([1.0] * 5)}, NoWindowFits, id="more steps than data"),
        pytest.param({"s": bad([])}, NoNumbers, id="no row"),
    ],
)
def test_series_that_give_no_window_are_a_typed_problem(
    series: dict[str, Series], problem: type[Exception]
) -> None:
    with pytest.raises(problem) as raised:
        build_dataset(request(), series)

    assert raised.value.message  # type: ignore[attr-defined]  # every one of ours has a message


def with_input(**changes: object) -> DatasetSpec:
    inputs, outputs = request().series
    changed = SeriesSpec.model_validate(inputs.model_dump() | changes)
    return request(series=(changed, outputs))


@pytest.mark.parametrize(
    ("spec", "problem", "field"),
    [
        pytest.param(request(stride=1e-12), BadSetting, "stride", id="stride under a nanosecond"),
        pytest.param(request(stride=1e-9), TooLarge, "stride", id="stride far too fine"),
        pytest.param(with_input(horizon={"start": -1e9, "end": 0}), BadSetting, "horizon", id="eons"),
        pytest.param(with_input(horizon={"start": -1e-13, "end": 0}), BadSetting, "horizon", id="no room"),
        pytest.param(with_input(content="forecast"), BadSetting, "content", id="forecast without issue time"),
        pytest.param(
            request(calendar=Calendar(holiday=CalendarFeature(enabled=True))),
            BadSetting, "calendar.country", id="holidays of no country",
        ),
    ],
)  # fmt: skip
def test_settings_without_meaning_are_refused_by_name(
    spec: DatasetSpec, problem: type[Exception], field: str
) -> None:
    with pytest.raises(problem) as raised:
        build_dataset(spec, {"s": hourly(100)})

    assert raised.value.details["field"] == field  # type: ignore[attr-defined]  # every one of ours has details


def test_infinite_values_are_missing() -> None:
    values = hourly(100).values.copy()
    values[50] = np.inf
    series = Series.from_rows("s", hourly(100).times_ns, values)

    dataset = build_dataset(interpolated(request()), {"s": series})

    reasons = {(d.role, d.reason): d.n for d in dataset.drops.drops}
    assert reasons["input", "missing_value"] == 6
    assert np.isfinite(dataset.x()).all()


def test_rows_in_any_other_order_are_refused_by_row() -> None:
    with pytest.raises(BadSeries) as raised:
        Series("s", np.array([0, 2, 1]), np.zeros(3))

    assert raised.value.details["row"] == 2


def test_a_forecast_without_its_rows_names_the_step() -> None:
    dataset = build_dataset(request(), {"s": hourly(100)})
    stale = {"s": hourly(50)}

    with pytest.raises(IncompleteWindow) as raised:
        build_window(dataset, stale, START + 50 * NS_PER_HOUR)

    assert raised.value.details["reason"] == "after_end"
    assert raised.value.details["step"] == 5
