import numpy as np
import pytest
from scipy import stats

from services.evaluator.core.residuals import error_calendar, residual_statistics
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64

MONDAY_NS = 1_704_067_200 * 10**9  # 2024-01-01 00:00 UTC
HOUR_NS = 3600 * 10**9


def _part(error: Float64 | float, n_windows: int = 200) -> PartForecast:
    truth = np.random.default_rng(0).normal(size=(n_windows, 2, 1))
    return PartForecast(MONDAY_NS + np.arange(n_windows) * HOUR_NS, truth, truth + error)


def test_the_moments_agree_with_scipy() -> None:
    errors = np.random.default_rng(1).gamma(2.0, 1.0, (200, 2, 1))

    result = residual_statistics(_part(errors), names=["OT"])[0]

    assert result.bias == pytest.approx(errors.mean())
    assert result.skewness == pytest.approx(stats.skew(errors.ravel()))
    assert result.excess_kurtosis == pytest.approx(stats.kurtosis(errors.ravel()))
    assert sum(result.counts) == errors.size


def test_the_largest_error_is_found_with_its_window_and_step() -> None:
    errors = np.zeros((200, 2, 1))
    errors[17, 1] = -9.0

    result = residual_statistics(_part(errors), names=["OT"])[0]

    assert result.largest == pytest.approx(-9.0)
    assert (result.largest_ref_ns, result.largest_step) == (MONDAY_NS + 17 * HOUR_NS, 1)


@pytest.mark.parametrize("error", [0.0, 1.0, np.nan], ids=["perfect", "constant", "no forecasts"])
def test_errors_without_a_shape_have_no_skewness(error: float) -> None:
    result = residual_statistics(_part(error), names=["OT"])[0]

    assert result.skewness is None
    assert (result.bias is None) == np.isnan(error)


def test_errors_are_sorted_by_the_local_hour_of_the_value_that_was_forecast() -> None:
    errors = np.zeros((200, 2, 1))
    errors[0, 1] = 4.0  # reference Monday 00:00 UTC, second step two hours later: 03:00 in Vienna

    calendar = error_calendar(
        _part(errors), offset_hours=[np.array([1.0, 2.0])], names=["OT"], timezone="Europe/Vienna"
    )[0]

    assert np.argwhere(np.nan_to_num(calendar.mae) > 1e-9).tolist() == [[0, 3]]
    assert calendar.n.sum() == 400
    assert calendar.mae[0, 3] * calendar.n[0, 3] == pytest.approx(4.0)
