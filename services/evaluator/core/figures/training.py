"""How a fit went: one curve per recorded loss, over epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from services.evaluator.core.figures.style import Theme, dress, head, legend, say_nothing_to_show
from shared.series.arrays import Float64

_NAMES = {"loss": "training", "val_loss": "validation"}


@dataclass(frozen=True)
class TrainingHistory:
    """Losses by epoch (from 1); ``best_epoch`` has the smallest validation loss, or is None."""

    title: str
    curves: dict[str, Float64]
    best_epoch: int | None


def training_history(model: str, history: Mapping[str, Sequence[float]]) -> TrainingHistory:
    """Collect a fit's curves and mark the epoch whose weights are kept."""
    curves = {name: np.array(values, dtype=np.float64) for name, values in history.items()}
    judged = curves.get("val_loss", np.array([]))
    best = int(np.nanargmin(judged)) + 1 if np.isfinite(judged).any() else None
    return TrainingHistory(f"{model}: training history", curves, best)


def draw_training_history(figure: Figure, data: TrainingHistory, theme: Theme) -> None:
    """Draw losses on a logarithmic axis, as far as they are positive."""
    head(figure, theme, data.title)
    axes = figure.subplots()
    dress(axes, theme, x="epoch", y="loss (mean squared error, scaled units)")
    finite = [curve[np.isfinite(curve)] for curve in data.curves.values()]
    if not any(curve.size for curve in finite):
        say_nothing_to_show(axes, theme, "this kind of model is fitted in one step, without epochs")
        return
    for i, (name, curve) in enumerate(data.curves.items()):
        epochs = np.arange(1, len(curve) + 1)
        axes.plot(
            epochs, curve, "-o" if i == 0 else "--s", color=theme.colour(i), markersize=3.5, linewidth=1.5,
            label=_NAMES.get(name, name),
        )  # fmt: skip
    if data.best_epoch is not None:
        axes.axvline(
            data.best_epoch, color=theme.muted, linestyle=":", label=f"best epoch: {data.best_epoch}"
        )
    if all((curve > 0).all() for curve in finite):
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes, theme)
