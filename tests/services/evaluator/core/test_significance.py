import numpy as np
import pytest

from services.evaluator.core.significance import compare, overlap, window_losses
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64

HORIZON = 24


def _losses(rng: np.random.Generator, n_windows: int, advantage: float) -> tuple[Float64, Float64]:
    """Mean squared errors of overlapping windows over two models' hourly errors with persistent spread."""
    n = n_windows + HORIZON - 1
    spread = np.exp(0.5 * np.convolve(rng.normal(size=n + 47), np.ones(48) / np.sqrt(48), mode="valid"))
    errors = spread * rng.normal(size=(2, n)) * np.array([[1.0 - advantage], [1.0]])
    kernel = np.ones(HORIZON) / HORIZON
    first, second = (np.convolve(e**2, kernel, mode="valid") for e in errors)
    return first, second


def test_equal_models_tie_in_at_least_ninety_of_a_hundred_trials() -> None:
    rng = np.random.default_rng(11)

    trials = [compare(*_losses(rng, 800, advantage=0.0), overlap=HORIZON, seed=i) for i in range(100)]

    assert sum(trial.winner == "tie" for trial in trials) >= 90


def test_a_clearly_better_model_wins() -> None:
    rng = np.random.default_rng(12)

    trials = [compare(*_losses(rng, 800, advantage=0.3), overlap=HORIZON, seed=i) for i in range(20)]

    assert sum(trial.winner == "first" for trial in trials) >= 19


def test_exchanging_the_models_exchanges_the_verdict() -> None:
    first, second = _losses(np.random.default_rng(3), 600, advantage=0.4)

    one, other = compare(first, second, overlap=HORIZON), compare(second, first, overlap=HORIZON)

    assert (one.winner, other.winner) == ("first", "second")
    assert one.p_value == pytest.approx(other.p_value)
    assert one.difference == pytest.approx(-(other.difference or 0.0))


def test_independent_losses_agree_with_an_ordinary_t_test() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(1.00, 0.5, 2000), rng.normal(1.06, 0.5, 2000)
    difference = first - second
    error = difference.std(ddof=1) / np.sqrt(2000)

    comparison = compare(first, second)

    assert comparison.interval is not None
    assert comparison.interval == pytest.approx(
        (difference.mean() - 1.96 * error, difference.mean() + 1.96 * error), abs=0.4 * error
    )


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (np.ones(50), np.ones(50), "the losses differ by the same amount"),
        (np.arange(5.0), np.zeros(5), "too few to test"),
        (np.full(50, np.nan), np.ones(50), "50 windows have no finite loss"),
        (np.ones(0), np.ones(0), "too few to test"),
    ],
    ids=["equal", "five windows", "no forecasts", "no windows"],
)
def test_what_cannot_be_tested_is_a_tie_with_a_reason(first: Float64, second: Float64, reason: str) -> None:
    comparison = compare(first, second)

    assert comparison.winner == "tie"
    assert reason in str(comparison.reason)


def test_window_losses_average_to_the_score() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 4, 2))
    part = PartForecast(np.arange(30), truth, truth + rng.normal(size=truth.shape))

    losses = window_losses(part, train_std=[2.0, None])

    error = (part.y_pred - part.y_true) / [2.0, 1.0]
    assert losses.mean() == pytest.approx((error**2).mean(), rel=1e-12)


def test_overlap_counts_windows_within_the_horizon() -> None:
    hourly = np.arange(100) * 3600 * 10**9

    assert overlap(hourly, span_minutes=23 * 60) == 24
    assert overlap(hourly[::24], span_minutes=23 * 60) == 1
