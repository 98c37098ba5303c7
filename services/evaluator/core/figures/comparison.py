"""All models of a run side by side: what ranked them on validation, and how it held on test."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from services.evaluator.core.figures.style import Theme, dress, head, legend, say_nothing_to_show, shortened
from services.evaluator.core.ranking import Leaderboard
from shared.contracts.metrics import find_metric


@dataclass(frozen=True)
class ComparedModel:
    """One row of the comparison; losses free of units."""

    label: str
    is_baseline: bool
    validation: float | None
    test: float | None
    reason: str | None


@dataclass(frozen=True)
class ModelComparison:
    """Models in the order of the leaderboard, best first."""

    title: str
    metric: str
    models: tuple[ComparedModel, ...]


def model_comparison(board: Leaderboard) -> ModelComparison:
    """Collect losses on both parts."""
    models = tuple(
        ComparedModel(row.label, row.is_baseline, row.loss, row.test_loss, row.reason) for row in board.rows
    )
    return ModelComparison("Models compared", board.metric, models)


def draw_comparison(figure: Figure, data: ModelComparison, theme: Theme) -> None:
    """Draw one line per model with a mark for each part; baselines are set in a quieter tone."""
    head(figure, theme, data.title)
    axes = figure.subplots()
    dress(axes, theme, x=loss_meaning(data.metric))
    axes.grid(visible=False, axis="x")
    labels = shortened([model.label + (" (baseline)" if model.is_baseline else "") for model in data.models])
    axes.set_yticks(range(len(labels)), labels)
    for tick, model in zip(axes.get_yticklabels(), data.models, strict=True):
        tick.set_color(theme.muted if model.is_baseline else theme.ink)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    if not data.models:
        say_nothing_to_show(axes, theme, "no model finished")
    for part, marker, colour in (("validation", "o", theme.colour(0)), ("test", "D", theme.colour(1))):
        points = [(getattr(model, part), y) for y, model in enumerate(data.models)]
        known = [(x, y) for x, y in points if x is not None]
        if known:
            axes.plot(*zip(*known, strict=True), marker, color=colour, markersize=6, label=part)
    axes.set_xlim(left=0.0)
    for y, model in enumerate(data.models):
        if model.validation is None and model.test is None and model.reason:
            axes.text(
                0.01, y, shortened([model.reason], 84)[0], color=theme.muted, fontsize=8, va="center",
                transform=axes.get_yaxis_transform(), backgroundcolor=theme.paper,
            )  # fmt: skip
    legend(axes, theme)


def loss_meaning(metric: str) -> str:
    """Return what a loss free of units counts in, for an axis."""
    found = find_metric(metric)
    if found is None:
        return f"{metric}, smaller is better"
    if found.better == "larger":
        return f"1 - {found.heading}, smaller is better"
    unit = {1: " in training standard deviations", 2: " in training variances"}.get(found.std_power or 0, "")
    return f"{found.heading}{unit or (' in percent' if found.unit == 'percent' else '')}, smaller is better"
