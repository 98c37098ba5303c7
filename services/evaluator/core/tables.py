"""Scores as tables: the wire shape of the evaluation page, and CSV for everybody else."""

from services.evaluator.core.ranking import Leaderboard
from services.evaluator.core.scores import Scores
from shared.contracts.metrics import METRICS
from shared.spreadsheets import Cell, as_csv

HEADINGS: dict[str, str] = {metric.name: metric.heading for metric in METRICS}


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
    lines: list[list[Cell]] = []
    for row in board.rows:
        place: list[Cell] = [row.rank, row.label, row.kind, row.is_baseline]
        place += [row.loss, row.test_loss, row.skill, row.reason]
        lines.append([*place, *(part.get(name) for part in (row.validation, row.test) for name in HEADINGS)])
    return as_csv(header, lines)
