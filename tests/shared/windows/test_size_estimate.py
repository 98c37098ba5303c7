"""Estimates: never under the windows that come out, and refusals with a way out."""

import numpy as np
import pytest
from hypothesis import given

from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.errors import InvalidInput
from shared.series.problems import NoWindowFits, TooLarge, UnknownSeries
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.build import assemble
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
    expected = estimate(SPEC, {"s": hourly(1000).statistics()})

    assert expected.n_windows == len(assemble(SPEC, {"s": hourly(1000)}).numbers)
    assert expected.materialised_bytes == expected.n_windows * 48 * 4


@given(case=requests())
@thorough
def test_there_are_never_more_windows_than_estimated(case: tuple[DatasetSpec, dict[str, Series]]) -> None:
    spec, series = case
    built = len(assemble(spec, series).numbers)

    try:
        expected = estimate(spec, {key: rows.statistics() for key, rows in series.items()})
    except NoWindowFits:
        assert built == 0
    else:
        assert built <= expected.n_windows


def test_a_request_over_the_limit_is_refused_with_a_stride_that_fits() -> None:
    expected = estimate(SPEC, {"s": hourly(1000).statistics()})

    with pytest.raises(TooLarge) as raised:
        check_limits(SPEC, expected, Limits(max_windows=expected.n_windows // 2))

    assert "120" in raised.value.suggestions[0]
    assert raised.value.details["estimate"] == expected.to_json()


@pytest.mark.parametrize(
    ("statistics", "problem"),
    [({}, UnknownSeries), ({"s": hourly(30).statistics()}, NoWindowFits)],
)
def test_what_cannot_be_built_is_known_before(
    statistics: dict[str, object], problem: type[InvalidInput]
) -> None:
    with pytest.raises(problem):
        estimate(SPEC, statistics)  # type: ignore[arg-type]  # an empty mapping has no value type
