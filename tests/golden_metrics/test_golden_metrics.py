"""Frozen metric cases: every score of every averaging level, whole and per step."""

import os
from pathlib import Path

import numpy as np
import pytest

from services.evaluator.core.scores import block_means, score
from shared.contracts.metrics import METRIC_NAMES
from shared.scoring.forecasts import PartForecast
from shared.scoring.metrics import metric_values, naive_error
from shared.scoring.sums import error_sums
from shared.series.arrays import Float64

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("TRAINYARD_GOLDEN", ROOT / "../shared/golden")) / "metrics"
CASES = sorted(FOLDER.glob("*.npz"))
FROZEN = ["MAE", "MAPE_nonzero", "MSE", "RMSE", "NRMSE", "WAPE", "sMAPE"]
OURS = ["mae", "mape", "mse", "rmse", "nrmse", "wape", "smape"]

pytestmark = pytest.mark.skipif(not CASES, reason=f"no golden metric cases in {FOLDER}: set TRAINYARD_GOLDEN")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_scores_agree_with_the_frozen_tables(path: Path) -> None:
    case = np.load(path)
    part = PartForecast(np.arange(len(case["y_true"])), case["y_true"], case["y_pred"])
    frozen_names = case["sane_metrics"].tolist()
    columns = [frozen_names.index(name) for name in FROZEN]
    step_columns = [i - 1 for i in columns]

    scores = score(
        part,
        y_train=[np.arange(3.0)] * part.y_true.shape[2],
        delta_minutes=case["delt_transf"].tolist(),
        names=[f"out{i}" for i in range(part.y_true.shape[2])],
    )

    for i, output in enumerate(scores.outputs):
        for level in output.levels:
            expected = case["sane_overall"][i, level.k - 1]
            n_blocks = case["steps_per_level"][level.k - 1]
            expected_steps = case["sane_per_step"][i, level.k - 1, :n_blocks]
            assert level.delta_minutes == expected[0]
            _agree(_ours(level.overall.values), expected[columns], _tolerance(case))
            _agree(_ours(level.per_step.values), expected_steps[:, step_columns], _tolerance(case))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_mase_formula_agrees_when_the_same_values_are_its_unit(path: Path) -> None:
    # The frozen MASE takes its unit from the test truths in flattened order; ours from training data.
    case = np.load(path)
    y_true, y_pred = case["y_true"].astype(float), case["y_pred"].astype(float)
    column = case["sane_metrics"].tolist().index("MASE")

    for k in range(1, min(12, y_true.shape[1]) + 1):
        truth, forecast = (block_means(y, k).reshape(-1, y.shape[2]) for y in (y_true, y_pred))
        paired = np.isfinite(truth + forecast)
        unit = naive_error([truth[paired[:, i], i] for i in range(truth.shape[1])])
        mase = metric_values(error_sums(truth, forecast), unit).values[:, METRIC_NAMES.index("mase")]

        _agree(mase, case["sane_overall"][:, k - 1, column], _tolerance(case))


def _ours(values: Float64) -> Float64:
    return values[..., [METRIC_NAMES.index(metric) for metric in OURS]]


def _tolerance(case: np.lib.npyio.NpzFile) -> float:
    return 2e-5 if np.float32 in (case["y_true"].dtype, case["y_pred"].dtype) else 1e-11


def _agree(actual: Float64, expected: Float64, rtol: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-12)
