"""Violins: densities that are densities, samples that repeat, pictures that open."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.datasets.core.artefact import build_artefact
from services.datasets.core.violins import (
    MAX_VALUES,
    draw,
    gaussian_density,
    sample_windows,
    shortened,
    violin,
    violins,
)
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.series.problems import TooLarge
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.size_estimate import Limits

SPEC = DatasetSpec(
    series=(
        SeriesSpec(series_id="s", name="load $", role="input", horizon=Horizon(start=-23, end=0)),
        SeriesSpec(series_id="s", name="load $", role="output", horizon=Horizon(start=1, end=24)),
    ),
    input_steps=24,
    output_steps=24,
    stride=60,
)


def hourly(n: int) -> dict[str, Series]:
    values = np.random.default_rng(0).normal(100, 15, n)
    return {"s": Series("s", np.arange(n) * NS_PER_HOUR, values)}


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200))
@example([0.0, 2.2250738585e-313])
def test_a_density_integrates_to_one_and_is_never_negative(values: list[float]) -> None:
    grid, density = gaussian_density(np.array(values))

    if len(grid):
        assert (density >= 0).all()
        assert np.trapezoid(density, grid) == pytest.approx(1)


def test_the_density_of_normal_values_is_the_bell() -> None:
    values = np.random.default_rng(1).normal(5, 2, 50_000)

    grid, density = gaussian_density(values)

    bell = np.exp(-0.5 * ((grid - 5) / 2) ** 2) / (2 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density, bell, atol=0.01)


def test_quartiles_are_those_of_numpy() -> None:
    values = np.arange(101.0)

    one = violin(values, label="a", role="input")

    assert (one.min, one.q1, one.median, one.q3, one.max) == (0, 25, 50, 75, 100)


def test_a_constant_column_has_no_density_and_still_a_picture() -> None:
    one = violin(np.full(10, 3.0), label="flat", role="output")

    assert one.grid == ()
    assert draw(one).startswith(b"\x89PNG")


def test_at_most_fifty_thousand_values_the_same_every_time() -> None:
    index = sample_windows(1_000_000, 96)

    assert len(index) * 96 <= MAX_VALUES
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(index, sample_windows(1_000_000, 96))


def test_every_column_has_a_violin_and_the_same_request_the_same_bytes() -> None:
    dataset: Dataset = build_dataset(SPEC, hourly(300))

    first, again = list(violins(dataset)), list(violins(dataset))

    assert [(one.role, one.label) for one in first] == [("input", "load $"), ("output", "load $")]
    assert [draw(one) for one in first] == [draw(one) for one in again]


def test_long_and_mathematical_names_become_plain_titles() -> None:
    assert shortened("x" * 50) == "x" * 27 + "…"
    assert shortened("a $b$") == r"a \$b\$"


def test_the_artefact_holds_data_set_pictures_and_densities(tmp_path: Path) -> None:
    report = build_artefact(SPEC, hourly(400), tmp_path)

    densities = json.loads((tmp_path / "violins.json").read_text())
    assert len(densities) == len(report["violins"]) == 2  # type: ignore[arg-type]  # a list of JSON values
    assert (tmp_path / "violin_1.png").read_bytes().startswith(b"\x89PNG")
    assert Dataset.open(tmp_path).n_windows == report["n_windows"]


def test_a_data_set_over_the_limits_is_refused_before_it_is_built(tmp_path: Path) -> None:
    with pytest.raises(TooLarge) as raised:
        build_artefact(SPEC, hourly(400), tmp_path, Limits(max_windows=100))

    assert raised.value.details["limit"] == 100
    assert "stride" in raised.value.suggestions[0]
    assert not list(tmp_path.iterdir())
