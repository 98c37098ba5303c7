"""Where the errors are: by forecast step, by hour and weekday, by size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from services.evaluator.core.figures.style import (
    LINE_STYLES,
    Theme,
    dress,
    head,
    legend,
    say_nothing_to_show,
    shortened,
)
from services.evaluator.core.residuals import ErrorCalendar, ResidualStatistics
from services.evaluator.core.scores import Scores
from shared.contracts.metrics import METRIC_NAMES
from shared.series.arrays import Float64

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class StepCurves:
    """One output: hours ahead of each step, and one error curve per model in the output's unit."""

    output: str
    hours: Float64
    curves: dict[str, Float64]


@dataclass(frozen=True)
class ErrorByStep:
    """How a score grows with the distance of the forecast."""

    title: str
    metric: str
    outputs: tuple[StepCurves, ...]


@dataclass(frozen=True)
class ErrorByHour:
    """Mean absolute error by weekday and hour of the value that was forecast."""

    title: str
    timezone: str
    outputs: tuple[ErrorCalendar, ...]


@dataclass(frozen=True)
class ResidualHistogram:
    """Distribution of forecast minus truth."""

    title: str
    outputs: tuple[ResidualStatistics, ...]


def error_by_step(
    scores: Mapping[str, Scores], *, offset_hours: Sequence[Float64], metric: str = "mae"
) -> ErrorByStep:
    """Collect every model's score per step at k = 1."""
    column = METRIC_NAMES.index(metric)
    first = next(iter(scores.values()))
    curves = tuple(
        StepCurves(
            output.name,
            offset_hours[i],
            {label: s.outputs[i].levels[0].per_step.values[:, column] for label, s in scores.items()},
        )
        for i, output in enumerate(first.outputs)
    )
    return ErrorByStep(f"{metric.upper()} by forecast step, test part", metric, curves)


def draw_error_by_step(figure: Figure, data: ErrorByStep, theme: Theme) -> None:
    """Draw a panel per output and a line per model."""
    head(figure, theme, data.title)
    grid = figure.subplots(max(1, len(data.outputs)), 1, squeeze=False)
    for axes, output in zip(grid[:, 0], data.outputs, strict=True):
        dress(
            axes, theme, title=output.output, x="hours after the reference time",
            y=f"{data.metric.upper()}, unit of {shortened([output.output])[0]}",
        )  # fmt: skip
        for i, (label, curve) in enumerate(output.curves.items()):
            axes.plot(
                output.hours, curve, LINE_STYLES[i % 4], color=theme.colour(i), linewidth=1.5,
                marker="o" if len(curve) < 3 else "", label=shortened([label])[0],
            )  # fmt: skip
        axes.set_ylim(bottom=0.0)
        if not any(np.isfinite(curve).any() for curve in output.curves.values()):
            say_nothing_to_show(axes, theme, "no model has a score here")
    legend(grid[0, 0], theme)


def draw_error_by_hour(figure: Figure, data: ErrorByHour, theme: Theme) -> None:
    """Draw a weekday by hour map per output."""
    head(figure, theme, data.title)
    grid = figure.subplots(max(1, len(data.outputs)), 1, squeeze=False)
    for axes, output in zip(grid[:, 0], data.outputs, strict=True):
        dress(axes, theme, title=output.output, x=f"hour of the day, {data.timezone}")
        axes.grid(visible=False)
        axes.set_yticks(range(7), WEEKDAYS)
        axes.set_xticks(range(0, 24, 3))
        if not np.isfinite(output.mae).any():
            say_nothing_to_show(axes, theme, "there is no forecast to judge")
            continue
        ramp = LinearSegmentedColormap.from_list(f"trainyard-{theme.name}", theme.ramp)
        image = axes.imshow(output.mae, cmap=ramp, aspect="auto", vmin=0.0, interpolation="nearest")
        bar = figure.colorbar(image, ax=axes, pad=0.02)
        bar.set_label(f"MAE, unit of {shortened([output.output])[0]}", color=theme.muted, fontsize=9)
        bar.ax.tick_params(colors=theme.muted, labelsize=8, length=3)
        bar.outline.set_visible(False)


def draw_residual_histogram(figure: Figure, data: ResidualHistogram, theme: Theme) -> None:
    """Draw bars of counts with zero and bias marked."""
    head(figure, theme, data.title)
    grid = figure.subplots(max(1, len(data.outputs)), 1, squeeze=False)
    for axes, output in zip(grid[:, 0], data.outputs, strict=True):
        unit = shortened([output.output])[0]
        dress(
            axes, theme, title=output.output, x=f"forecast minus truth, unit of {unit}", y="number of values"
        )
        if output.bias is None:
            say_nothing_to_show(axes, theme, "there is no forecast to judge")
            continue
        axes.stairs(output.counts, output.bin_edges, fill=True, color=theme.colour(0), alpha=0.85)
        axes.axvline(0.0, color=theme.ink, linewidth=1.0, label="no error")
        axes.axvline(
            output.bias, color=theme.colour(1), linestyle="--", linewidth=1.5, label=f"bias {output.bias:.3g}"
        )
        legend(axes, theme)
