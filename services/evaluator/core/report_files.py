"""What a user downloads of a run: numbers, tables, plots, arrays, models, and a README of all of it."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from services.evaluator.core.figures.comparison import model_comparison
from services.evaluator.core.figures.errors import ErrorByHour, ResidualHistogram, error_by_step
from services.evaluator.core.figures.forecast import forecast_figure
from services.evaluator.core.figures.jsonable import plain
from services.evaluator.core.figures.render import FigureData, to_json
from services.evaluator.core.figures.training import training_history
from services.evaluator.core.residuals import error_calendar
from services.evaluator.core.run_data import RunData, RunNumbers, arrays_of, json_bytes
from services.evaluator.core.tables import comparison_csv, levels_csv, steps_csv

MAX_OUTPUTS_DRAWN = 6  # more would make plots nobody can read; the tables and JSON hold all of them


def write_files(run_data: RunData, findings: RunNumbers, folder: Path) -> dict[str, FigureData]:
    """Write everything of a run but its pictures into a folder: numbers, tables, arrays, plots as data.

    Returns
    -------
    dict
        What is left to be drawn, by the path of the picture.
    """
    drawn = {f"plots/{path}.png": figure for path, figure in figures(run_data, findings)}
    arrays = ((f"arrays/{name}", content) for name, content in arrays_of(run_data))
    shown = (
        (path.removesuffix(".png") + ".json", json_bytes(to_json(figure))) for path, figure in drawn.items()
    )
    n_files = 0
    for path, content in chain(numbers(run_data, findings), arrays, shown):  # one of them in memory at a time
        n_files += 1
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (folder / "README.md").write_bytes(readme(run_data, findings, n_files + len(drawn)).encode())
    return drawn


def numbers(run_data: RunData, findings: RunNumbers) -> Iterator[tuple[str, bytes]]:
    """Yield the files of numbers by path: all of them follow from the arrays beside them."""
    claims = [asdict(claim) for claim in findings.claims]
    yield "verdict.json", json_bytes(findings.board.to_json() | {"claims": claims})
    yield "ensemble.json", json_bytes(plain(findings.ensemble))
    yield "tables/comparison.csv", comparison_csv(findings.board).encode()
    for name, model in run_data.named():
        for part, scores in (("validation", findings.validation), ("test", findings.test)):
            own = scores[model.job_id]
            yield f"metrics/{name}/{part}.json", json_bytes(own.to_json())
            yield f"tables/{name}/{part}_levels.csv", levels_csv(own).encode()
            yield f"tables/{name}/{part}_steps.csv", steps_csv(own).encode()
        yield f"metrics/{name}/intervals.json", json_bytes(plain(findings.interval_scores[model.job_id]))
        yield f"metrics/{name}/residuals.json", json_bytes(plain(findings.residuals[model.job_id]))


def figures(run_data: RunData, findings: RunNumbers) -> Iterator[tuple[str, FigureData]]:
    """Yield what every plot of a run shows, by path."""
    offset_hours = [output.offset_hours for output in run_data.outputs]
    names = run_data.names[:MAX_OUTPUTS_DRAWN]
    yield "comparison", model_comparison(findings.board)
    if run_data.models:
        labels = [model.label for model in run_data.models]
        scores = {
            model.label if labels.count(model.label) == 1 else f"{model.label} #{i}": findings.test[
                model.job_id
            ]
            for i, model in enumerate(run_data.models, start=1)
        }
        yield "error_by_step", error_by_step(scores, offset_hours=offset_hours)
    for folder, model in run_data.named():
        label, test = model.label, model.forecast.test
        intervals = findings.intervals[model.job_id]
        yield (
            f"{folder}/forecast",
            forecast_figure(label, test, names=names, offset_hours=offset_hours, intervals=intervals),
        )
        calendars = error_calendar(test, offset_hours=offset_hours, names=names, timezone=run_data.timezone)
        title = f"{label}: error by weekday and hour"
        yield f"{folder}/error_by_hour", ErrorByHour(title, run_data.timezone, tuple(calendars))
        residuals = findings.residuals[model.job_id][:MAX_OUTPUTS_DRAWN]
        title = f"{label}: forecast errors, test part"
        yield f"{folder}/residuals", ResidualHistogram(title, tuple(residuals))
        yield f"{folder}/training_history", training_history(label, model.history)


def readme(run_data: RunData, findings: RunNumbers, n_files: int) -> str:
    """Return what stands in the archive's README: the verdict, the files, how to recompute them."""
    best = findings.board.best
    verdict = [f"Best on validation by {findings.board.metric}: **{best.label}**."] if best else []
    verdict += [claim.sentence for claim in findings.claims]
    models = [f"- `{name}`: {model.label} ({model.kind})" for name, model in run_data.named()]
    sections = [
        f"# Results of run {run_data.run_id}",
        "\n".join(verdict) or "No model could be ranked; `verdict.json` says why.",
        "## Models",
        "\n".join(models) or "none",
        "## Files",
        "\n".join(f"- {line}" for line in _EXPLAINED),
        f"{n_files} files beside this one; every number follows from `arrays/`:",
        "    python examples/recompute_scores.py results.zip",
        "Scores are in original units; what is undefined is null or empty, with its reason in the JSON.",
    ]
    return "\n\n".join(sections) + "\n"


_EXPLAINED = (
    "`verdict.json`: the leaderboard, and which differences hold on test",
    "`ensemble.json`: the weights of an average of the models, chosen on validation",
    "`metrics/<model>/`: scores per output, averaging level and step; intervals; residuals",
    "`tables/`: the same as CSV, and `comparison.csv` over all models",
    "`plots/`: PNG, and the data of each as JSON",
    "`arrays/`: truths and forecasts per model, training values, and the facts that name them",
    "`models/`, `scalers.json`, `configuration.json`: where present, what was fitted and with which settings",
)
