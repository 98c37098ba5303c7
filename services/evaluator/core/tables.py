"""Scores as tables: the wire shape of the evaluation page, and CSV for everybody else."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from services.evaluator.core.ranking import Leaderboard, Row
from services.evaluator.core.scores import LevelScores, Scores
from shared.scoring.metrics import METRICS, Metric

HEADINGS: dict[Metric, str] = {
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "nrmse": "NRMSE",
    "wape": "WAPE",
    "smape": "sMAPE",
    "mase": "MASE",
    "r2": "R2",
}
Cell = str | float | int | bool | None


def wire_tables(scores: Scores) -> dict[str, Any]:
    """Return ``df_eval`` (a row per averaging level) and ``df_eval_ts`` (a list over blocks per level).

    Both are keyed by output; ``df_eval_ts`` further by the level's spacing in minutes, as text. Undefined
    scores are None.
    """
    return {
        "df_eval": {output.name: _whole(output.levels) for output in scores.outputs},
        "df_eval_ts": {
            output.name: {str(float(level.delta_minutes)): _per_step(level) for level in output.levels}
            for output in scores.outputs
        },
    }


def levels_csv(scores: Scores) -> str:
    """Return one line per output and averaging level; an undefined score is an empty cell."""
    header = ["output", "k", "delta [min]", *HEADINGS.values(), "MAPE skipped [%]"]
    lines = (
        [output.name, level.k, level.delta_minutes, *level.overall.as_dict().values(), level.mape_skipped]
        for output in scores.outputs
        for level in output.levels
    )
    return as_csv(header, lines)


def steps_csv(scores: Scores) -> str:
    """Return one line per output, averaging level and block; blocks count from 1."""
    header = ["output", "k", "delta [min]", "block", *HEADINGS.values()]
    lines = (
        [output.name, level.k, level.delta_minutes, i + 1, *level.per_step[i].as_dict().values()]
        for output in scores.outputs
        for level in output.levels
        for i in range(len(level.per_step.values))
    )
    return as_csv(header, lines)


def comparison_csv(board: Leaderboard) -> str:
    """Return one line per model, best first, with its headline scores on both parts."""
    header = ["rank", "model", "kind", "baseline", f"loss ({board.metric})", "test loss", "skill", "reason"]
    header += [f"{part} {name}" for part in ("validation", "test") for name in HEADINGS.values()]
    return as_csv(header, map(_comparison_line, board.rows))


def as_csv(header: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    r"""Return a CSV text with Unix line ends; None is an empty cell, numbers keep all their digits.

    >>> as_csv(["name", "MAE"], [["a;b", 0.1], ["c,d", None]])
    'name,MAE\na;b,0.1\n"c,d",\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def _comparison_line(row: Row) -> list[Cell]:
    place = [row.rank, row.label, row.kind, row.is_baseline, row.loss, row.test_loss, row.skill, row.reason]
    return [*place, *row.validation.values(), *row.test.values()]


def _whole(levels: Sequence[LevelScores]) -> dict[str, list[float | None]]:
    table: dict[str, list[float | None]] = {"delta [min]": [level.delta_minutes for level in levels]}
    return table | {name: [level.overall.get(m) for level in levels] for m, name in HEADINGS.items()}


def _per_step(level: LevelScores) -> dict[str, list[float | None]]:
    rows = [level.per_step[i] for i in range(len(level.per_step.values))]
    return {HEADINGS[metric]: [row.get(metric) for row in rows] for metric in METRICS}
