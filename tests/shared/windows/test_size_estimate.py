"""Estimates: never under the windows that come out, and refusals with a way out."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given

from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.errors import InvalidInput
from shared.series.problems import NoWindowFits, SeriesTooShort, TooLarge, UnknownSeries
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.build import Assembly
from shared.windows.plan import plan_windows
from shared.windows.size_estimate import Limits, check_limits, estimate
from tests.shared.windows.strategies import requests, thorough

SPEC = DatasetSpec(
    series=(
        SeriesSpec(series_id="s", name="s", role="input", horizon=Horizon(start=-23, end=0)),
        SeriesSpec(series_id="s", name="s", role="output", horizon=Horizon(start=1, end=24)),
    ),
    input_steps=24,
    output_steps=24,
    stride=60,
)


def hourly(n: int) -> Series:
    return Series("s", np.arange(n) * NS_PER_HOUR, np.arange(float(n)))


def test_a_gapless_series_is_estimated_exactly() -> None:
    series = {"s": hourly(1000)}
    plan = plan_windows(SPEC, series)

    expected = estimate(plan, series)

    assert expected.n_windows == len(Assembly.of(plan, series).numbers)
    assert expected.materialised_bytes == expected.n_windows * 48 * 4


@given(case=requests())
@thorough
def test_there_are_never_more_windows_than_estimated(case: tuple[DatasetSpec, dict[str, Series]]) -> None:
    spec, series = case
    plan = plan_windows(spec, series)
    built = Assembly.of(plan, series)

    try:
        expected = estimate(plan, series)
    except NoWindowFits:
        assert len(built.numbers) == 0
    else:
        assert len(built.numbers) <= expected.n_windows
        assert built.drops.n_candidates == expected.n_candidates


def test_a_request_over_the_limit_is_refused_with_a_stride_that_fits() -> None:
    series = {"s": hourly(1000)}
    expected = estimate(plan_windows(SPEC, series), series)

    with pytest.raises(TooLarge) as raised:
        check_limits(SPEC, expected, Limits(max_windows=expected.n_windows // 2))

    assert "120" in raised.value.suggestions[0]
    assert raised.value.details["estimate"] == asdict(expected)


@pytest.mark.parametrize(
    ("series", "problem"),
    [({}, UnknownSeries), ({"s": hourly(1)}, SeriesTooShort), ({"s": hourly(30)}, NoWindowFits)],
)
def test_what_cannot_be_built_is_known_before(series: dict[str, Series], problem: type[InvalidInput]) -> None:
    with pytest.raises(problem):
        estimate(plan_windows(SPEC, series), series)
