import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.evaluator.core.intervals import judge_intervals, pinball
from services.evaluator.core.problems import ForecastMismatch
from services.evaluator.core.scores import Scores, score
from shared.contracts.metrics import METRIC_NAMES
from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import fit_intervals
from shared.scoring.metrics import FORMULAS, MetricValues, Reason, measure
from shared.series.arrays import Float64

STORED = sorted((Path(__file__).parents[3] / "contracts" / "stored_scores").glob("*.json"))


def _scores(y_true: Float64, y_pred: Float64, **changes: Any) -> Scores:
    n_outputs = y_true.shape[2]
    facts: dict[str, Any] = {
        "y_train": [np.arange(20.0) ** 2] * n_outputs,
        "delta_minutes": [15.0] * n_outputs,
        "names": [f"series {i}" for i in range(n_outputs)],
    }
    return score(PartForecast(np.arange(len(y_true)), y_true, y_pred), **(facts | changes))


def _random(n_windows: int, n_steps: int, n_outputs: int) -> tuple[Float64, Float64]:
    rng = np.random.default_rng(0)
    y_true = rng.normal(30.0, 10.0, (n_windows, n_steps, n_outputs))
    return y_true, y_true + rng.normal(0.0, 3.0, y_true.shape)


def test_the_worked_example_of_the_definitions() -> None:
    y_true = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0]])[..., None]
    y_pred = np.array([[1.5, 1.5, 5.0], [2.0, 4.0, 4.0]])[..., None]

    levels = _scores(y_true, y_pred, delta_minutes=[5.0]).outputs[0].levels

    assert [level.delta_minutes for level in levels] == [5.0, 10.0, 15.0]
    names = ("mae", "mape", "mse", "rmse", "nrmse", "wape", "smape", "r2")
    rows = [[level.overall.get(name) for name in names] for level in levels]
    expected = [
        [0.666667, 25.555556, 0.583333, 0.763763, 0.269563, 23.529412, 23.597884, 0.676923],
        [0.25, 10, 0.125, 0.353553, 0.176777, 12.5, 9.090909, 0.5],
        [0.166667, 7.142857, 0.055556, 0.235702, 0.083189, 5.882353, 6.666667, 0.777778],
    ]
    np.testing.assert_allclose(np.array(rows, dtype=float), expected, atol=5e-7)


def test_every_level_and_step_agrees_with_plain_loops() -> None:
    y_true, y_pred = _random(40, 14, 2)

    scores = _scores(y_true, y_pred)

    for i, output in enumerate(scores.outputs):
        naive = float(np.abs(np.diff(np.arange(20.0) ** 2)).mean())
        for level in output.levels:
            k, n_blocks = level.k, 14 // level.k
            truth, forecast = (
                np.stack([y[:, j * k : j * k + k, i].mean(axis=1) for j in range(n_blocks)], axis=1)
                for y in (y_true, y_pred)
            )
            assert _of_pairs(level.overall) == pytest.approx(_measured(truth, forecast, naive), rel=1e-12)
            for j in range(n_blocks):
                expected = _measured(truth[:, j], forecast[:, j], naive)
                assert _of_pairs(level.per_step[j]) == pytest.approx(expected, rel=1e-12)


def _of_pairs(scores: MetricValues) -> dict[str, float | None]:
    return {name: value for name, value in scores.as_dict().items() if name not in ("rmsse", "pinball")}


def _measured(y_true: Float64, y_pred: Float64, naive: float) -> dict[str, float | None]:
    found = measure(y_true, y_pred, naive=naive)
    return {name: value for name, value in found.items() if name not in ("rmsse", "pinball")}


def test_rmsse_is_the_rmse_in_units_of_the_naive_forecasts_squared_error() -> None:
    y_true, y_pred = _random(40, 3, 1)

    scores = _scores(
        y_true, y_pred, y_train=[np.array([1.0, 4.0, 2.0, 7.0])], delta_minutes=[15.0], names=["a"]
    )

    naive = (9.0 + 4.0 + 25.0) / 3.0
    expected = np.sqrt(np.mean((y_true - y_pred) ** 2) / naive)
    assert scores.outputs[0].levels[0].overall.get("rmsse") == pytest.approx(expected)


def test_pinball_is_the_mean_quantile_loss_of_both_ends_of_every_level() -> None:
    y_true, y_pred = _random(200, 3, 2)
    part = PartForecast(np.arange(200), y_true, y_pred)
    intervals = fit_intervals(part)
    other = PartForecast(np.arange(200), y_true + 1.0, y_pred)

    scores = _scores(y_true + 1.0, y_pred, quantile_loss=judge_intervals(intervals, other).quantile_loss())

    ends = intervals.around(y_pred, np.arange(len(y_pred)))
    losses = [
        pinball(other.y_true, end, q)
        for lower, upper, level in zip(*ends, intervals.levels, strict=True)
        for end, q in ((lower, 0.5 - level / 2), (upper, 0.5 + level / 2))
    ]
    for i, output in enumerate(scores.outputs):
        expected = np.mean([loss[..., i] for loss in losses])
        assert output.levels[0].overall.get("pinball") == pytest.approx(expected)
        by_step = np.mean([loss[..., i] for loss in losses], axis=(0, 1))
        found = [output.levels[0].per_step[step].get("pinball") for step in range(3)]
        assert found == pytest.approx(by_step.tolist())
        assert output.levels[1].overall.undefined()["pinball"] == Reason.NO_INTERVALS.text


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_scores_stored_by_any_version_are_read_and_what_they_lack_is_undefined(path: Path) -> None:
    stored = json.loads(path.read_text())

    scores = Scores.from_json(stored)

    told = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    for output, before in zip(told["outputs"], stored["outputs"], strict=True):
        for level, old in zip(output["levels"], before["levels"], strict=True):
            assert level["overall"] | old["overall"] == level["overall"]
            assert level["per_step"] | old["per_step"] == level["per_step"]
            for name in set(level["overall"]) - set(old["overall"]):
                assert level["overall"][name] is None
                assert level["undefined"][name] == Reason.NOT_STORED.text


def test_every_score_of_forecasts_has_a_formula() -> None:
    assert set(FORMULAS) == set(METRIC_NAMES) - {"pinball"}


def test_many_chunks_score_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    y_true, y_pred = _random(500, 6, 2)
    whole = _scores(y_true, y_pred)

    monkeypatch.setattr("services.evaluator.core.scores._CHUNK_VALUES", 40)
    chunked = _scores(y_true, y_pred)

    for a, b in zip(whole.outputs, chunked.outputs, strict=True):
        for level, other in zip(a.levels, b.levels, strict=True):
            np.testing.assert_allclose(level.overall.values, other.overall.values, rtol=1e-12)
            np.testing.assert_allclose(level.per_step.values, other.per_step.values, rtol=1e-12)


def test_scores_survive_json_with_their_reasons() -> None:
    y_true, y_pred = _random(3, 2, 2)
    y_true[..., 1] = 0.0
    y_pred[0, 0, 0] = np.nan
    scores = _scores(y_true, y_pred)

    text = json.dumps(scores.to_json(), allow_nan=False)

    assert Scores.from_json(json.loads(text)).to_json() == scores.to_json()
    assert scores.to_json()["outputs"][1]["levels"][0]["undefined"]["mape"] == "every true value is 0"
    assert scores.outputs[0].n_left_out == 1


@pytest.mark.parametrize(
    ("shape", "fill"),
    [((0, 5, 1), 0.0), ((1, 5, 1), 1.0), ((3, 1, 2), 2.0), ((4, 5, 1), np.nan), ((1, 1, 1), np.inf)],
    ids=["no windows", "one window", "horizon of one step", "all NaN", "one infinite value"],
)
def test_poor_input_gives_nulls_with_reasons(shape: tuple[int, int, int], fill: float) -> None:
    scores = _scores(np.ones(shape), np.full(shape, fill))

    for output in scores.to_json()["outputs"]:
        assert len(output["levels"]) == min(12, shape[1])
        for level in output["levels"]:
            undefined = {metric for metric, value in level["overall"].items() if value is None}
            assert undefined == set(level["undefined"])
            assert all(level["undefined"].values())
    assert set(scores.headline()) == set(METRIC_NAMES)


def test_the_share_of_points_mape_cannot_use_is_reported() -> None:
    y_true = np.array([0.0, 1.0, 2.0, 0.0]).reshape(2, 2, 1)

    level = _scores(y_true, y_true + 1).outputs[0].levels[0]

    assert level.mape_skipped == pytest.approx(50.0)
    assert level.overall.get("mape") == pytest.approx(75.0)


def test_a_window_with_a_missing_forecast_is_left_out_of_its_block_only() -> None:
    y_true, y_pred = _random(2, 4, 1)
    y_pred[0, 1, 0] = np.nan

    blocks = _scores(y_true, y_pred).outputs[0].levels[1].per_step

    truth, forecast = y_true[1, :2, 0].mean(), y_pred[1, :2, 0].mean()
    assert blocks[0].get("mae") == pytest.approx(abs(truth - forecast))


def test_facts_about_other_outputs_are_refused() -> None:
    y_true, y_pred = _random(3, 2, 2)

    with pytest.raises(ForecastMismatch, match="names has 1 entries for 2 outputs"):
        _scores(y_true, y_pred, names=["a"])
