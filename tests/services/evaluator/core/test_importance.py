import numpy as np
import pytest

from services.evaluator.core.importance import column_groups, permutation_importance
from shared.timeseries.arrays import Float32, Float64
from shared.timeseries.samples import Column, Layout, Samples
from shared.timeseries.scaling import Scaler


@pytest.fixture
def layout() -> Layout:
    unit = Scaler(np.zeros(4), np.ones(4), np.zeros(4), np.ones(4))
    names = [("load", "series"), ("noise", "series"), ("day_sin", "calendar"), ("day_cos", "calendar")]
    inputs = tuple(Column(name, source, -2.0, 0.0) for name, source in names)  # type: ignore[arg-type]  # literals
    return Layout(inputs, (Column("load", "series", 1.0, 2.0),), 3, 2, 60.0, unit, unit, (0,))


@pytest.fixture
def samples() -> Samples:
    x = np.random.default_rng(0).normal(size=(300, 3, 4)).astype(np.float32)
    return Samples(x, np.zeros((300, 2, 1), np.float32), np.arange(300))


def _forecast(x: Float32) -> Float64:
    """Twice the last load plus the last sine, at both steps."""
    return np.repeat(2.0 * x[:, -1:, :1] + x[:, -1:, 2:3], 2, axis=1).astype(np.float64)


def test_what_the_model_uses_is_important_and_the_rest_is_not(layout: Layout, samples: Samples) -> None:
    y_true = _forecast(samples.x) + 0.1

    result = permutation_importance(_forecast, samples, layout, y_true=y_true, train_std=[1.0])

    assert [importance.name for importance in result] == ["load", "day", "noise"]
    assert result[0].rise == pytest.approx(2 * np.sqrt(2), abs=0.4)
    assert result[2].rise == 0.0


def test_a_seed_decides_the_result_and_the_samples_stay_as_they_are(layout: Layout, samples: Samples) -> None:
    before, y_true = samples.x.copy(), _forecast(samples.x) + 0.1

    first, second = (
        permutation_importance(
            _forecast, samples, layout, y_true=y_true, train_std=[1.0], max_windows=50, seed=9
        )
        for _ in range(2)
    )

    assert first == second
    np.testing.assert_array_equal(samples.x, before)


def test_halves_of_a_calendar_feature_belong_together(layout: Layout) -> None:
    assert column_groups(layout) == {"load": (0,), "noise": (1,), "day": (2, 3)}


def test_no_samples_give_no_importances(layout: Layout) -> None:
    nothing = Samples(np.zeros((0, 3, 4), np.float32), np.zeros((0, 2, 1), np.float32), np.arange(0))

    assert (
        permutation_importance(_forecast, nothing, layout, y_true=np.zeros((0, 2, 1)), train_std=[1.0]) == []
    )
