"""What a user downloads of a backtest: its table, its folds, a plot, and a README of all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from services.evaluator.core.backtest import FoldTable
from services.evaluator.core.figures.folds import ErrorByFold
from services.evaluator.core.figures.render import FigureData, to_json
from services.evaluator.core.run_data import json_bytes
from services.evaluator.core.tables import HEADINGS
from shared.contracts.backtest import Backtest
from shared.spreadsheets import as_csv

_EXPLAINED = (
    "`verdict.json`: every model on every fold, and over all of them",
    "`tables/folds.csv`: the same as a table, a line per model, fold and output",
    "`folds.json`: cutoffs, the samples of each part, and which arrays belong to which fold",
    "`arrays/`: truths and forecasts of every fit on its test part, oldest first",
    "`plots/`: the loss after each cutoff, and its data as JSON",
    "`models/`: the fits of the newest fold; `configuration.json`: the settings of all",
)


@dataclass(frozen=True)
class BacktestData:
    """A closed backtest: its plan, its table, and the fits by file name with the folds each forecasts."""

    run_id: str
    backtest: Backtest
    table: FoldTable
    fits: Mapping[str, tuple[str, Sequence[int]]]  # file name -> model, numbers of folds


def write_backtest_files(run_data: BacktestData, folder: Path) -> dict[str, FigureData]:
    """Write table, plan and plot data of a backtest into a folder; arrays and models come beside.

    Returns
    -------
    dict
        What is left to be drawn, by the path of the picture.
    """
    cutoffs = tuple(fold.cutoff.isoformat() for fold in run_data.backtest.folds)
    curves = {row.label: tuple(fold.loss for fold in row.folds) for row in run_data.table.rows}
    figure = ErrorByFold("Loss after each cutoff", run_data.table.metric, cutoffs, curves)
    plan = run_data.backtest.model_dump(mode="json")
    plan["fits"] = [
        {"file": f"arrays/{name}.npz", "model": model, "folds": list(numbers)}
        for name, (model, numbers) in run_data.fits.items()
    ]
    # A line per model, fold and output, the best model first; an undefined score is an empty cell.
    closed = {fold.number: fold.cutoff.astimezone(UTC).isoformat() for fold in run_data.backtest.folds}
    lines = (
        [row.rank, row.label, fold.fold, closed[fold.fold], fold.status, output, *map(scores.get, HEADINGS)]
        for row in run_data.table.rows
        for fold in row.folds
        for output, scores in fold.outputs.items()
    )
    header = ["rank", "model", "fold", "cutoff", "status", "output", *HEADINGS.values()]
    made = {
        "verdict.json": json_bytes(run_data.table.to_json()),
        "folds.json": json_bytes(plan),
        "tables/folds.csv": as_csv(header, lines).encode(),
        "plots/error_by_fold.json": json_bytes(to_json(figure)),
        "README.md": _readme(run_data).encode(),
    }
    for path, content in made.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return {"plots/error_by_fold.png": figure}


def _readme(run_data: BacktestData) -> str:
    spec, best = run_data.backtest.spec, run_data.table.best
    how = (
        f"fitted anew at each, {spec.window} training part" if spec.refit else "fitted once, before the first"
    )
    verdict = (
        f"Best over all folds by {run_data.table.metric}: **{best.label}**."
        if best
        else "No model is on all."
    )
    sections = [
        f"# Backtest {run_data.run_id}",
        f"{spec.n_folds} cutoffs; models {how}. {verdict}",
        "## Files",
        "\n".join(f"- {line}" for line in _EXPLAINED),
        "Every score of a fold follows from `arrays/`:",
        "    python examples/recompute_scores.py results.zip",
        "Scores are in original units; what is undefined is null or empty.",
    ]
    return "\n\n".join(sections) + "\n"
