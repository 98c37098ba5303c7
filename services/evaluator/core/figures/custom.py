"""The plot a user puts together: chosen variables of chosen test windows on chosen axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.evaluator.core.figures.forecast import choose_windows
from services.evaluator.core.figures.style import (
    Theme,
    clock_axis,
    day_number,
    dress,
    head,
    say_nothing_to_show,
    shortened,
)
from services.evaluator.core.problems import ForecastMismatch, PlotImpossible
from shared.scoring.forecasts import PartForecast
from shared.series.arrays import Float64, Int64
from shared.windows.samples import Column, Layout, Samples

MAX_PANELS = 24
_HOUR_NS = 3600 * 10**9
Role = Literal["input", "output", "forecast"]


@dataclass(frozen=True)
class PlotRequest:
    """What to show. Variables are named as in the data set; ``seed`` decides which windows."""

    n_windows: int = 3
    windows: tuple[int, ...] | None = None  # indices into the test part; None = a seeded choice
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    forecasts: tuple[str, ...] = ()
    x: Literal["utc", "step"] = "utc"
    scaled: bool = False
    shared_axis: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Line:
    """One variable of one window; ``x`` in Unix nanoseconds or in steps."""

    name: str
    role: Role
    colour: int
    x: Int64
    y: Float64


@dataclass(frozen=True)
class Panel:
    """One window: its index in the test part, its reference time, its lines."""

    window: int
    ref_ns: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CustomFigure:
    """A panel per window, under each other."""

    title: str
    x: Literal["utc", "step"]
    scaled: bool
    shared_axis: bool
    panels: tuple[Panel, ...]


def custom_figure(
    title: str, request: PlotRequest, *, test: Samples, layout: Layout, forecast: PartForecast | None = None
) -> CustomFigure:
    """Collect the lines a user asked for.

    Parameters
    ----------
    test
        The data set's test part, scaled as models see it.
    forecast
        The chosen model's test forecasts of the same windows, in original units; None draws none.

    Raises
    ------
    PlotImpossible
        If a variable or window does not exist, more windows are asked for than there are, or forecasts
        are asked for without a model.
    ForecastMismatch
        If the forecast is about other windows than the test part.
    """
    _check(request, test, layout, forecast)
    windows = request.windows or tuple(choose_windows(len(test), request.n_windows, request.seed))
    panels = tuple(
        Panel(window, int(test.ref_ns[window]), tuple(_lines(request, window, test, layout, forecast)))
        for window in windows
    )
    return CustomFigure(title, request.x, request.scaled, request.shared_axis, panels)


def draw_custom(figure: Figure, data: CustomFigure, theme: Theme) -> None:
    """Draw inputs and outputs solid with dots, forecasts dashed with crosses in their output's colour."""
    head(figure, theme, data.title)
    grid = figure.subplots(max(1, len(data.panels)), 1, squeeze=False)
    for axes, panel in zip(grid[:, 0], data.panels, strict=False):
        reference = np.datetime64(panel.ref_ns, "ns")
        utc = data.x == "utc"
        title = f"window {panel.window}, reference time {np.datetime_as_string(reference, unit='m')} UTC"
        unit = "scaled value" if data.scaled else "value, original unit"
        dress(axes, theme, title=title, x="time, UTC" if utc else "step", y=unit if data.shared_axis else "")
        if not panel.lines:
            say_nothing_to_show(axes, theme, "no variable was chosen")
        scales = _scales(axes, panel, data, theme)
        for line in panel.lines:
            style = "--x" if line.role == "forecast" else "-o"
            x = line.x.astype("datetime64[ns]") if utc else line.x
            scales[line.name].plot(
                x, line.y, style, color=theme.colour(line.colour), linewidth=1.2,
                markersize=4.0 if line.role == "forecast" else 2.6,
                label=f"{shortened([line.name])[0]}, {line.role}",
            )  # fmt: skip
        axes.axvline(
            day_number(panel.ref_ns) if utc else 0.0, color=theme.muted, linestyle="--", linewidth=0.9
        )
        if utc:
            clock_axis(axes)

        pairs = [scale.get_legend_handles_labels() for scale in dict.fromkeys(scales.values())]
        handles, labels = [h for hs, _ in pairs for h in hs], [label for _, ls in pairs for label in ls]
        if handles:
            axes.legend(
                handles, labels, frameon=False, fontsize=8, labelcolor=theme.ink, ncols=6, loc="upper left",
                bbox_to_anchor=(0.0, -0.2), borderaxespad=0.0,
            )  # fmt: skip


def _check(request: PlotRequest, test: Samples, layout: Layout, forecast: PartForecast | None) -> None:
    known = {"input": {c.name for c in layout.inputs}, "output": {c.name for c in layout.outputs}}
    for field, asked, role in (
        ("inputs", request.inputs, "input"),
        ("outputs", request.outputs, "output"),
        ("forecasts", request.forecasts, "output"),
    ):
        if unknown := sorted(set(asked) - known[role]):
            raise PlotImpossible(
                f"there is no {role} named {unknown[0]!r}; known are {', '.join(sorted(known[role]))}",
                field=field,
            )
    n_panels = len(request.windows) if request.windows else request.n_windows
    if not 1 <= n_panels <= min(MAX_PANELS, len(test)):
        raise PlotImpossible(
            f"{n_panels} windows were asked for; "
            f"the test part has {len(test)}, one plot shows up to {MAX_PANELS}",
            field="n_windows",
        )
    if any(not 0 <= window < len(test) for window in request.windows or ()):
        raise PlotImpossible(f"windows are numbered 0 to {len(test) - 1}", field="windows")
    if request.forecasts and forecast is None:
        raise PlotImpossible("forecasts were asked for, but no model was chosen", field="model")
    if forecast is not None and not np.array_equal(forecast.ref_ns, test.ref_ns):
        raise ForecastMismatch(
            "the model's forecasts are about other windows than the test part", field="model"
        )


def _lines(
    request: PlotRequest, window: int, test: Samples, layout: Layout, forecast: PartForecast | None
) -> Iterator[Line]:
    names = list(dict.fromkeys(c.name for c in (*layout.outputs, *layout.inputs)))  # one colour per name
    ref_ns = int(test.ref_ns[window])
    x = test.x[window].astype(np.float64)
    y = test.y[window].astype(np.float64)
    if not request.scaled:
        x, y = layout.x_scaler.inverse(x), layout.y_scaler.inverse(y)
    for i, column in enumerate(layout.inputs):
        if column.name in request.inputs:
            where = _positions(
                request, column, layout, layout.input_steps, ref_ns, first=1 - layout.input_steps
            )
            yield Line(column.name, "input", names.index(column.name), where, x[:, i])
    for i, column in enumerate(layout.outputs):
        where = _positions(request, column, layout, layout.output_steps, ref_ns, first=0)
        colour = names.index(column.name)
        if column.name in request.outputs:
            yield Line(column.name, "output", colour, where, y[:, i])
        if column.name in request.forecasts and forecast is not None:
            predicted = forecast.y_pred[window]
            predicted = layout.y_scaler.transform(predicted) if request.scaled else predicted
            yield Line(column.name, "forecast", colour, where, predicted[:, i])


def _positions(
    request: PlotRequest, column: Column, layout: Layout, n_steps: int, ref_ns: int, *, first: int
) -> Int64:
    if request.x == "step":
        return np.arange(first, first + n_steps, dtype=np.int64)
    return ref_ns + np.round(layout.offsets(column, n_steps) * _HOUR_NS).astype(np.int64)


def _scales(axes: Axes, panel: Panel, data: CustomFigure, theme: Theme) -> dict[str, Axes]:
    """Return the axes each variable is drawn on; an output and its forecast share theirs."""
    names = list(dict.fromkeys(line.name for line in panel.lines))
    if data.shared_axis or not names:
        return dict.fromkeys(names, axes)
    colours = {line.name: theme.colour(line.colour) for line in panel.lines}
    scales = {names[0]: axes}
    for place, name in enumerate(names[1:]):
        scales[name] = axes.twinx()
        scales[name].spines["right"].set_position(("outward", 46.0 * place))
        scales[name].spines[["top", "left", "bottom"]].set_visible(False)
    for name, scale in scales.items():
        scale.set_ylabel(shortened([name])[0], color=colours[name], fontsize=9)
        scale.spines["left" if scale is axes else "right"].set_color(colours[name])
        scale.tick_params(axis="y", colors=colours[name], labelsize=8, length=3)
    return scales
