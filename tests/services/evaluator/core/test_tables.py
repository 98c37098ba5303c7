import csv
import io
import json

import numpy as np
import pytest

from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.scores import Scores, score
from services.evaluator.core.tables import comparison_csv, levels_csv, steps_csv, wire_tables
from shared.scoring.forecasts import PartForecast


@pytest.fixture
def scores() -> Scores:
    y_true = np.random.default_rng(1).normal(20.0, 3.0, (30, 14, 2))
    part = PartForecast(np.arange(30), y_true, y_true + 1.0)
    return score(part, y_train=[np.arange(9.0)] * 2, delta_minutes=[15.0, 60.0], names=["OT", "load, MW"])


def test_the_wire_tables_have_the_published_shape(scores: Scores) -> None:
    tables = json.loads(json.dumps(wire_tables(scores), allow_nan=False))

    whole = tables["df_eval"]["OT"]
    assert whole["delta [min]"] == [15.0 * k for k in range(1, 13)]
    assert set(whole) == {"delta [min]", "MAE", "MSE", "RMSE", "MAPE", "NRMSE", "WAPE", "sMAPE", "MASE", "R2"}
    per_step = tables["df_eval_ts"]["load, MW"]
    assert list(per_step) == [str(60.0 * k) for k in range(1, 13)]
    assert [len(per_step[str(60.0 * k)]["MAE"]) for k in range(1, 13)] == [14 // k for k in range(1, 13)]


def test_the_csv_tables_hold_the_same_numbers(scores: Scores) -> None:
    wire = wire_tables(scores)

    levels = list(csv.DictReader(io.StringIO(levels_csv(scores))))
    steps = list(csv.DictReader(io.StringIO(steps_csv(scores))))

    assert [float(row["RMSE"]) for row in levels if row["output"] == "OT"] == wire["df_eval"]["OT"]["RMSE"]
    first = [float(row["MAE"]) for row in steps if row["output"] == "load, MW" and row["k"] == "1"]
    assert first == wire["df_eval_ts"]["load, MW"]["60.0"]["MAE"]


def test_the_comparison_lists_models_best_first_and_leaves_undefined_cells_empty(scores: Scores) -> None:
    board = rank([Entry("1", "no test", "lin", scores, None)])

    rows = list(csv.DictReader(io.StringIO(comparison_csv(board))))

    assert rows[0]["model"] == "no test"
    assert float(rows[0]["validation MAE"]) == pytest.approx(1.0)
    assert rows[0]["test MAE"] == ""
