"""How models did after each cutoff of a backtest."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from services.evaluator.core.figures.comparison import loss_meaning
from services.evaluator.core.figures.style import (
    LINE_STYLES,
    Theme,
    dress,
    head,
    legend,
    say_nothing_to_show,
    shortened,
)

MOST_LABELS = 8  # more cutoffs would be written over each other


@dataclass(frozen=True)
class ErrorByFold:
    """Losses free of units by cutoff, oldest first; None where a model has none."""

    title: str
    metric: str
    cutoffs: tuple[str, ...]  # by the data set's clock
    curves: dict[str, tuple[float | None, ...]]


def draw_error_by_fold(figure: Figure, data: ErrorByFold, theme: Theme) -> None:
    """Draw a line per model over the cutoffs."""
    head(figure, theme, data.title)
    axes = figure.subplots()
    dress(axes, theme, x="cutoff", y="\n".join(loss_meaning(data.metric).split(", ")))
    places = range(len(data.cutoffs))
    every = -(-len(data.cutoffs) // MOST_LABELS)
    axes.set_xticks(places[::every], [cutoff[:16].replace("T", "\n") for cutoff in data.cutoffs[::every]])
    for i, (label, curve) in enumerate(data.curves.items()):
        heights = np.array([np.nan if loss is None else loss for loss in curve])
        axes.plot(
            places, heights, LINE_STYLES[i % 4], color=theme.colour(i), linewidth=1.5, marker="o",
            label=shortened([label])[0],
        )  # fmt: skip
    axes.set_ylim(bottom=0.0)
    if not any(loss is not None for curve in data.curves.values() for loss in curve):
        say_nothing_to_show(axes, theme, "no model has a score on any fold")
    legend(axes, theme)
