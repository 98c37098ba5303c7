"""Every golden case: the windows and values of the file, or a typed problem, and never a hang."""

import warnings

import numpy as np
import pytest
from pydantic import ValidationError

from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec, Split
from shared.errors import InvalidInput
from shared.series.series import NS_PER_MINUTE, Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.plan import plan_windows
from tests.golden.cases import Case, cases, folder

CASES = cases()
EXACT = 1e-7  # the reference accumulates up to 100 ns where a spacing is no whole number of them


def named(wanted: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", wanted, ids=[case.name for case in wanted])


def built(case: Case) -> Dataset:
    series = case.series()
    return Dataset.of(plan_windows(case.spec(), series), series)


def test_the_golden_folder_is_there() -> None:
    if not CASES:
        warnings.warn(f"no golden cases in {folder()}: set TRAINYARD_GOLDEN", stacklevel=1)
        pytest.skip(f"no golden cases in {folder()}")


@named([case for case in CASES if "X" in (case.expected() or {})])
def test_windows_equal_the_golden_arrays(case: Case) -> None:
    expected = case.expected()
    assert expected is not None

    dataset = built(case)
    x, y = dataset.x(scaled=False), dataset.y(scaled=False)

    # one case leaves a column out, because the earlier system had not implemented its method
    columns = [i for i, c in enumerate(dataset.layout.inputs) if known(c.name) in expected["X_columns"]]
    if "utc_ref" in expected:
        np.testing.assert_array_equal(dataset.ref_ns, expected["utc_ref"] * 1_000_000_000)
    if dataset.n_windows == 0:
        assert expected["X"].size == 0
        return
    assert x[:, :, columns].shape == expected["X"].shape
    np.testing.assert_allclose(x[:, :, columns], expected["X"].astype(np.float32), rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(dataset.y_true(), expected["Y"], rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(y, expected["Y"].astype(np.float32), rtol=2e-7, atol=2e-7)


@named([case for case in CASES if "X_scaled_float32" in (case.reference() or {}) and not case.corrected()])
def test_scaled_values_equal_the_golden_arrays_when_every_sample_trains(case: Case) -> None:
    expected = case.reference()
    assert expected is not None

    dataset = built(case)

    for got, wanted, raw, scaler in (
        (dataset.x(), "X_scaled_float32", expected["X"], dataset.layout.x_scaler),
        (dataset.y(), "Y_scaled_float32", expected["Y"], dataset.layout.y_scaler),
    ):
        rounding = 2e-6 + 3e-7 * np.abs(raw).max() * scaler.gain.max()  # it scaled in float32
        np.testing.assert_allclose(got, expected[wanted], atol=rounding)


@named([case for case in CASES if "n_num" in (case.reference() or {})])
def test_native_statistics_equal_the_golden_ones(case: Case) -> None:
    expected = case.reference()
    assert expected is not None
    series = case.series()

    for i, file in enumerate(case.config["files"]):
        one = series[f"{file['role']}/{file['name']}"].statistics()

        assert (one.n, one.n_numeric) == (expected["n_all"][i], expected["n_num"][i])
        assert one.numeric_share == pytest.approx(expected["rate_num"][i], abs=0.005)
        assert one.first_ns == expected["utc_min"][i] * 10**9
        assert one.last_ns == expected["utc_max"][i] * 10**9
        assert one.step_min == pytest.approx(expected["delt"][i], rel=1e-12)
        assert (one.offset == "var") == bool(expected["ofst_is_var"][i])
        if one.offset != "var":
            assert one.offset == pytest.approx(expected["ofst"][i])
        assert (one.min, one.max) == pytest.approx((expected["val_min"][i], expected["val_max"][i]))


@named([case for case in CASES if (case.folder / "expected_error.json").is_file()])
def test_what_crashed_or_hung_gives_sane_arrays_or_a_typed_problem(case: Case) -> None:
    problem = None
    try:
        dataset = build_dataset(case.spec(), case.series())
    except (ValidationError, InvalidInput) as error:
        problem = error

    if isinstance(problem, InvalidInput):
        assert problem.details
    elif problem is not None:
        assert "horizon" in str(problem)
    else:
        x, y = dataset.x(scaled=False), dataset.y(scaled=False)
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
        assert dataset.n_windows > 0


@named(CASES)
def test_a_stored_data_set_reads_back_bit_for_bit(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        dataset = built(case)
    except (ValidationError, InvalidInput):
        return
    target = tmp_path_factory.mktemp("dataset")

    dataset.save(target)
    again = Dataset.open(target)

    np.testing.assert_array_equal(again.x(), dataset.x())
    np.testing.assert_array_equal(again.y(scaled=False), dataset.y(scaled=False))
    assert again.drops == dataset.drops
    assert again.layout.inputs == dataset.layout.inputs


def test_the_example_of_the_definition() -> None:
    # raw values k^2 at 00:05 + 5 min * k on 2024-01-01
    start = int(np.datetime64("2024-01-01T00:05", "ns").astype(np.int64))
    k = np.arange(13)
    series = {"s": Series("s", start + 5 * NS_PER_MINUTE * k, k.astype(np.float64) ** 2)}
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="s", name="s", role="input", horizon=Horizon(start=-0.25, end=0)),
            SeriesSpec(series_id="s", name="s", role="output", horizon=Horizon(start=0, end=0.25)),
        ),
        input_steps=3,
        output_steps=2,
        stride=15,
        split=Split(purge=False),
    )

    dataset = build_dataset(spec, series)
    x, y = dataset.x(scaled=False), dataset.y(scaled=False)

    assert dataset.drops.n_candidates == 4
    np.testing.assert_array_equal(x[..., 0], [[4, 12.5, 25], [25, 42.5, 64]])
    np.testing.assert_array_equal(y[..., 0], [[25, 64], [64, 121]])


def known(column: str) -> str:
    """Return the golden name of a calendar column."""
    letters = {"year": "Y", "month": "M", "week": "W", "day": "D", "holiday": "H"}
    feature, _, function = column.partition("_")
    if feature not in letters:
        return column
    return f"{letters[feature]}_{function}" if function else letters[feature]
