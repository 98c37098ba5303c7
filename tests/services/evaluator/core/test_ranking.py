import json

import numpy as np
import pytest

from services.evaluator.core.problems import UnknownMetric
from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.scores import Scores, score
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64

Y_TRAIN = [np.arange(50.0) % 7, 1000.0 * (np.arange(50.0) % 5)]


def _scored(error: Float64, n_windows: int = 20) -> Scores:
    truth = np.random.default_rng(0).normal(10.0, 2.0, (n_windows, 3, 2)).round()
    return score(
        PartForecast(np.arange(n_windows), truth, truth + error),
        y_train=Y_TRAIN,
        delta_minutes=[60.0, 60.0],
        names=["small", "large"],
    )


def _entry(label: str, validation: float, test: float, kind: str = "lin", large: float = 1.0) -> Entry:
    return Entry(label, label, kind, *(_scored(np.array([e, large])) for e in (validation, test)))


def test_models_are_ranked_on_validation_not_on_test() -> None:
    board = rank([_entry("a", validation=2.0, test=0.1), _entry("b", validation=1.0, test=5.0)])

    assert [row.label for row in board.rows] == ["b", "a"]
    assert board.best is not None
    assert board.best.job_id == "b"


def test_each_output_counts_in_units_of_its_training_deviation() -> None:
    # 100 on an output that varies by 1414 is a smaller mistake than 3 on one that varies by 2.
    precise_small = _entry("small", validation=0.1, test=0.1, large=100.0)
    precise_large = _entry("large", validation=3.0, test=3.0, large=1.0)

    board = rank([precise_large, precise_small])

    assert [row.label for row in board.rows] == ["small", "large"]
    expected = (0.1 / Y_TRAIN[0].std() + 100.0 / Y_TRAIN[1].std()) / 2
    assert board.rows[0].loss == pytest.approx(expected)


def test_equal_losses_are_parted_by_mae() -> None:
    uneven = np.where(np.arange(20)[:, None, None] % 2, 1.0, 7.0) * np.ones((1, 3, 2))  # RMSE 5, MAE 4
    entries = [
        Entry(f"{name}", name, "lin", _scored(error), None)
        for name, error in (("a steady", np.array(5.0)), ("b uneven", uneven))
    ]

    board = rank(entries, metric="rmse")

    assert board.rows[0].loss == board.rows[1].loss
    assert [row.label for row in board.rows] == ["b uneven", "a steady"]


def test_a_model_without_a_score_never_wins() -> None:
    broken = _entry("broken", validation=np.nan, test=np.nan)
    poor = _entry("poor", validation=50.0, test=50.0)

    board = rank([broken, poor])

    assert [(row.label, row.rank) for row in board.rows] == [("poor", 1), ("broken", None)]
    assert board.rows[1].reason == "only 60 of 120 forecasts are finite numbers"


def test_leaving_out_the_hard_windows_does_not_pay() -> None:
    error = np.full((20, 3, 2), 5.0)
    dodging = error.copy()
    dodging[1:] = 0.0
    dodging[0] = np.nan
    entries = [Entry("dodger", "dodger", "lin", _scored(dodging), None)]
    entries += [Entry("honest", "honest", "lin", _scored(error), None)]

    board = rank(entries)

    assert board.best is not None
    assert board.best.label == "honest"


def test_skill_and_mark_are_against_seasonal_naive_on_test() -> None:
    naive = _entry("naive", validation=2.0, test=2.0, kind="seasonal_naive", large=0.0)
    good = _entry("good", validation=1.0, test=1.0, large=0.0)
    poor = _entry("poor", validation=1.5, test=3.0, large=0.0)

    rows = {row.label: row for row in rank([naive, good, poor]).rows}

    assert rows["good"].skill == pytest.approx(0.5)
    assert (rows["good"].beats_baseline, rows["poor"].beats_baseline) == (True, False)
    assert (rows["naive"].is_baseline, rows["naive"].beats_baseline) == (True, None)


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "mape", "nrmse", "wape", "smape", "mase", "r2"])
def test_every_score_can_rank(metric: str) -> None:
    board = rank([_entry("worse", 3.0, 3.0), _entry("better", 1.0, 1.0)], metric=metric)

    assert [row.label for row in board.rows] == ["better", "worse"]
    json.dumps(board.to_json(), allow_nan=False)


def test_without_a_validation_part_nothing_is_called_best() -> None:
    entry = Entry("a", "a", "lin", _scored(np.zeros((0, 3, 2)), n_windows=0), _scored(np.ones(2)))

    board = rank([entry])

    assert board.best is None
    assert "no validation window" in str(board.rows[0].reason)
    assert board.rows[0].test["mae"] == pytest.approx(1.0)


def test_an_unknown_score_is_refused_by_name() -> None:
    with pytest.raises(UnknownMetric, match="no score 'accuracy'"):
        rank([], metric="accuracy")
