import csv
import io

import numpy as np
import pytest

from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.scores import Scores, score
from services.evaluator.core.tables import comparison_csv, levels_csv, steps_csv
from shared.scoring.forecasts import PartForecast


@pytest.fixture
def scores() -> Scores:
    y_true = np.random.default_rng(1).normal(20.0, 3.0, (30, 14, 2))
    part = PartForecast(np.arange(30), y_true, y_true + 1.0)
    return score(part, y_train=[np.arange(9.0)] * 2, delta_minutes=[15.0, 60.0], names=["OT", "load, MW"])


def test_the_csv_tables_hold_the_same_numbers(scores: Scores) -> None:
    levels = list(csv.DictReader(io.StringIO(levels_csv(scores))))
    steps = list(csv.DictReader(io.StringIO(steps_csv(scores))))

    assert [float(row["RMSE"]) for row in levels if row["output"] == "OT"] == [
        level.overall.get("rmse") for level in scores.outputs[0].levels
    ]
    first = [float(row["MAE"]) for row in steps if row["output"] == "load, MW" and row["k"] == "1"]
    steps_of_load = scores.outputs[1].levels[0].per_step
    assert first == [steps_of_load[i].get("mae") for i in range(len(steps_of_load.values))]


def test_every_row_of_a_table_is_as_long_as_its_header(scores: Scores) -> None:
    board = rank([Entry("1", "lin", "lin", scores, scores)])

    for text in (levels_csv(scores), steps_csv(scores), comparison_csv(board)):
        header, *rows = csv.reader(io.StringIO(text))
        assert rows
        assert {len(row) for row in rows} == {len(header)}


def test_the_comparison_lists_models_best_first_and_leaves_undefined_cells_empty(scores: Scores) -> None:
    board = rank([Entry("1", "no test", "lin", scores, None)])

    rows = list(csv.DictReader(io.StringIO(comparison_csv(board))))

    assert rows[0]["model"] == "no test"
    assert float(rows[0]["validation MAE"]) == pytest.approx(1.0)
    assert rows[0]["test MAE"] == ""
