"""What a user downloads of a run: numbers, tables, plots, arrays, models, and a README of all of it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from services.evaluator.core.figures.comparison import model_comparison
from services.evaluator.core.figures.errors import ErrorByHour, ResidualHistogram, error_by_step
from services.evaluator.core.figures.forecast import forecast_figure
from services.evaluator.core.figures.jsonable import plain
from services.evaluator.core.figures.render import FigureData, to_json
from services.evaluator.core.figures.training import training_history
from services.evaluator.core.residuals import error_calendar
from services.evaluator.core.run_data import ModelFacts, RunData, RunNumbers, arrays_of, json_bytes
from services.evaluator.core.scores import Scores
from services.evaluator.core.tables import comparison_csv, levels_csv, steps_csv

MAX_OUTPUTS_DRAWN = 6  # more would make plots nobody can read; the tables and JSON hold all of them


def write_files(run_data: RunData, findings: RunNumbers, folder: Path) -> dict[str, FigureData]:
    """Write everything of a run but its pictures into a folder: numbers, tables, arrays, plots as data.

    Returns
    -------
    dict
        What is left to be drawn, by the path of the picture.
    """
    made: dict[str, Callable[[], bytes]] = {**numbers(run_data, findings)}
    made |= {f"arrays/{name}": make for name, make in arrays_of(run_data).items()}
    drawn: dict[str, FigureData] = {}
    for path, figure in figures(run_data, findings):
        drawn[f"plots/{path}.png"] = shown = figure()
        made[f"plots/{path}.json"] = partial(_picture_data, shown)
    n_files = len(made) + len(drawn)
    made["README.md"] = lambda: readme(run_data, findings, n_files).encode()
    for path, make in made.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(make())
    return drawn


def numbers(run_data: RunData, findings: RunNumbers) -> dict[str, Callable[[], bytes]]:
    """Return the files of numbers by path: all of them follow from the arrays beside them."""
    files: dict[str, Callable[[], bytes]] = {
        "verdict.json": lambda: json_bytes(
            findings.board.to_json() | {"claims": [claim.to_json() for claim in findings.claims]}
        ),
        "ensemble.json": partial(_values, findings.ensemble),
        "tables/comparison.csv": lambda: comparison_csv(findings.board).encode(),
    }
    for name, model in run_data.named():
        for part, scores in (("validation", findings.validation), ("test", findings.test)):
            own = scores[model.job_id]
            files[f"metrics/{name}/{part}.json"] = partial(_scores_json, own)
            files[f"tables/{name}/{part}_levels.csv"] = partial(_table, levels_csv, own)
            files[f"tables/{name}/{part}_steps.csv"] = partial(_table, steps_csv, own)
        files[f"metrics/{name}/intervals.json"] = partial(_values, findings.interval_scores[model.job_id])
        files[f"metrics/{name}/residuals.json"] = partial(_values, findings.residuals[model.job_id])
    return files


def figures(run_data: RunData, findings: RunNumbers) -> Iterator[tuple[str, Callable[[], FigureData]]]:
    """Yield every plot of a run by path, as a function that collects what it shows."""
    yield "comparison", lambda: model_comparison(findings.board)
    if run_data.models:
        yield "error_by_step", lambda: _error_by_step(run_data, findings)
    for name, model in run_data.named():
        yield f"{name}/forecast", partial(_forecast, run_data, findings, model)
        yield f"{name}/error_by_hour", partial(_error_by_hour, run_data, model)
        yield f"{name}/residuals", partial(_residuals, findings, model)
        yield f"{name}/training_history", partial(training_history, model.label, model.history)


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


def _picture_data(figure: FigureData) -> bytes:
    return json_bytes(to_json(figure))


def _scores_json(scores: Scores) -> bytes:
    return json_bytes(scores.to_json())


def _table(make: Callable[[Scores], str], scores: Scores) -> bytes:
    return make(scores).encode()


def _values(value: object) -> bytes:
    return json_bytes(plain(value))


def _error_by_step(run_data: RunData, findings: RunNumbers) -> FigureData:
    labels = [model.label for model in run_data.models]
    scores = {
        model.label if labels.count(model.label) == 1 else f"{model.label} #{i}": findings.test[model.job_id]
        for i, model in enumerate(run_data.models, start=1)
    }
    return error_by_step(scores, offset_hours=[output.offset_hours for output in run_data.outputs])


def _forecast(run_data: RunData, findings: RunNumbers, model: ModelFacts) -> FigureData:
    return forecast_figure(
        model.label,
        model.forecast.test,
        names=run_data.names[:MAX_OUTPUTS_DRAWN],
        offset_hours=[output.offset_hours for output in run_data.outputs],
        intervals=findings.intervals[model.job_id],
    )


def _error_by_hour(run_data: RunData, model: ModelFacts) -> FigureData:
    calendars = error_calendar(
        model.forecast.test,
        offset_hours=[output.offset_hours for output in run_data.outputs],
        names=run_data.names[:MAX_OUTPUTS_DRAWN],
        timezone=run_data.timezone,
    )
    return ErrorByHour(f"{model.label}: error by weekday and hour", run_data.timezone, tuple(calendars))


def _residuals(findings: RunNumbers, model: ModelFacts) -> FigureData:
    shown = findings.residuals[model.job_id][:MAX_OUTPUTS_DRAWN]
    return ResidualHistogram(f"{model.label}: forecast errors, test part", tuple(shown))
