import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics
from utilsforecast import losses

from shared.contracts.metrics import METRIC_NAMES
from shared.scoring.metrics import measure, metric_values, naive_error
from shared.scoring.sums import error_sums, pool, stack
from shared.series.arrays import Float64

FINITE = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)


@pytest.fixture
def pair() -> tuple[Float64, Float64]:
    rng = np.random.default_rng(7)
    y_true = rng.normal(40.0, 12.0, 500)
    return y_true, y_true + rng.normal(1.0, 4.0, 500)


def test_scores_agree_with_scikit_learn(pair: tuple[Float64, Float64]) -> None:
    y_true, y_pred = pair

    scores = measure(y_true, y_pred)

    assert scores["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(y_true, y_pred), rel=1e-12)
    assert scores["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(y_true, y_pred), rel=1e-12)
    assert scores["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(y_true, y_pred), rel=1e-12)
    mape = 100 * sklearn_metrics.mean_absolute_percentage_error(y_true, y_pred)
    assert scores["mape"] == pytest.approx(mape, rel=1e-12)
    assert scores["r2"] == pytest.approx(sklearn_metrics.r2_score(y_true, y_pred), rel=1e-12)


def test_scores_agree_with_utilsforecast(pair: tuple[Float64, Float64]) -> None:
    y_true, y_pred = pair
    y_train = np.random.default_rng(8).normal(40.0, 12.0, 300)
    frame = pd.DataFrame({"unique_id": "a", "ds": range(500), "y": y_true, "model": y_pred})
    train = pd.DataFrame({"unique_id": "a", "ds": range(300), "y": y_train})
    naive = naive_error([y_train], season_length=24)

    scores = measure(y_true, y_pred, naive=float(naive.value[0]))

    mase = losses.mase(frame, ["model"], seasonality=24, train_df=train)["model"][0]
    assert scores["mase"] == pytest.approx(mase, rel=1e-12)
    # utilsforecast halves sMAPE's denominator differently and works in shares instead of percent.
    assert scores["smape"] == pytest.approx(200 * losses.smape(frame, ["model"])["model"][0], rel=1e-12)
    assert scores["wape"] == pytest.approx(100 * losses.nd(frame, ["model"])["model"][0], rel=1e-12)
    assert scores["rmse"] == pytest.approx(losses.rmse(frame, ["model"])["model"][0], rel=1e-12)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=FINITE),
    st.integers(0, 2**32),
)
def test_windows_may_be_added_up_in_any_order_and_grouping(y_true: Float64, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y_pred = y_true + rng.normal(0.0, 1.0, y_true.shape)
    order, cut = rng.permutation(len(y_true)), rng.integers(0, len(y_true) + 1)
    naive = naive_error([np.arange(3.0)] * y_true.shape[1])
    first, second = order[:cut], order[cut:]

    whole = metric_values(error_sums(y_true, y_pred), naive)
    parts = metric_values(
        pool(stack([error_sums(y_true[part], y_pred[part]) for part in (first, second)])), naive
    )

    np.testing.assert_array_equal(whole.reasons, parts.reasons)
    np.testing.assert_allclose(whole.values, parts.values, rtol=1e-9, atol=1e-9)


@given(arrays(np.float64, st.integers(2, 30), elements=FINITE), st.floats(0.01, 100.0))
def test_scores_follow_a_change_of_unit(y_true: Float64, factor: float) -> None:
    y_pred = y_true + np.linspace(-1.0, 1.0, len(y_true))

    before, after = (
        measure(y_true, y_pred, naive=1.0),
        measure(factor * y_true, factor * y_pred, naive=factor),
    )

    for metric in METRIC_NAMES:
        power = {"mae": 1, "rmse": 1, "mse": 2}.get(metric, 0)
        value = before[metric]
        if value is not None and metric != "r2":
            assert after[metric] == pytest.approx(value * factor**power, rel=1e-9, abs=1e-12)


@given(arrays(np.float64, st.integers(1, 30), elements=FINITE))
def test_a_perfect_forecast_has_no_error(y_true: Float64) -> None:
    scores = measure(y_true, y_true, naive=1.0)

    assert {scores[metric] for metric in ("mae", "mse", "rmse", "smape", "mase")} == {0.0}
    assert scores["r2"] in (1.0, None)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "undefined"),
    [
        ([0.0, 0.0], [1.0, 2.0], {"mape", "nrmse", "wape", "mase", "r2"}),
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], {"mase", "r2"}),
        ([5.0], [6.0], {"mase", "r2"}),
        ([-1.0, 1.0], [0.0, 0.0], {"nrmse", "mase"}),
        ([1.0, 2.0], [np.nan, np.inf], set(METRIC_NAMES)),
        ([], [], set(METRIC_NAMES)),
        ([1.0, 2.0], [1e200, 1e200], {"mse", "rmse", "nrmse", "mase", "r2"}),
    ],
    ids=["all zero", "constant", "one value", "mean zero", "no finite forecast", "no windows", "overflow"],
)
def test_what_is_undefined_is_none_with_a_reason(
    y_true: list[float], y_pred: list[float], undefined: set[str]
) -> None:
    scores = measure(np.array(y_true), np.array(y_pred))

    without = {"rmsse", "pinball"}  # they need more than pairs
    assert {metric for metric, value in scores.items() if value is None} == undefined | without


def test_undefined_scores_say_why() -> None:
    sums = error_sums(np.zeros((4, 1)), np.ones((4, 1)))

    row = metric_values(sums, naive_error([np.full(5, 3.0)]))[0]

    assert row.undefined() == {
        "mape": "every true value is 0",
        "nrmse": "the true values average to 0",
        "wape": "every true value is 0",
        "mase": "the seasonal naive forecast has no error on the training part",
        "rmsse": "the seasonal naive forecast has no error on the training part",
        "r2": "all true values are equal",
        "pinball": "there are no intervals for these values",
    }


def test_r2_keeps_its_digits_far_from_zero() -> None:
    rng = np.random.default_rng(3)
    y_true = rng.normal(0.0, 1.0, (1000, 1))
    y_pred = y_true + rng.normal(0.0, 0.3, (1000, 1))
    naive = naive_error([y_true[:, 0]])

    here = metric_values(error_sums(y_true, y_pred), naive)[0].get("r2")
    there = metric_values(pool(error_sums(y_true[:, None] + 1e6, y_pred[:, None] + 1e6)), naive)[0].get("r2")

    assert there == pytest.approx(here, rel=1e-8)


def test_the_naive_error_takes_no_step_into_or_out_of_a_gap() -> None:
    series = np.array([1.0, 2.0, np.nan, 10.0, 13.0])

    assert naive_error([series]).value[0] == pytest.approx(2.0)


def test_a_series_no_longer_than_a_season_has_no_naive_error() -> None:
    unit = naive_error([np.arange(4.0)], season_length=4)

    assert np.isnan(unit.value[0])
    assert unit.reason[0] != 0
