"""Forecast against truth for a few test windows, with its prediction intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from services.evaluator.core.figures.style import (
    Theme,
    clock_axis,
    day_number,
    dress,
    head,
    legend,
    say_nothing_to_show,
    shortened,
)
from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import Intervals
from shared.series.arrays import Float64, Int64

_HOUR_NS = 3600 * 10**9


@dataclass(frozen=True)
class Band:
    """One prediction interval along a window."""

    level: float
    lower: Float64
    upper: Float64


@dataclass(frozen=True)
class ForecastPanel:
    """One window of one output; times in Unix nanoseconds, values in the output's unit."""

    output: str
    ref_ns: int
    time_ns: Int64
    y_true: Float64
    y_pred: Float64
    bands: tuple[Band, ...]  # widest first


@dataclass(frozen=True)
class ForecastFigure:
    """Panels of one model, a row per window and a column per output."""

    title: str
    n_outputs: int
    panels: tuple[ForecastPanel, ...]


def forecast_figure(
    model: str,
    part: PartForecast,
    *,
    names: Sequence[str],
    offset_hours: Sequence[Float64],
    intervals: Intervals | None = None,
    n_windows: int = 4,
    seed: int = 0,
) -> ForecastFigure:
    """Choose windows by a seed and put forecast, truth and intervals side by side, in time order."""
    chosen = choose_windows(len(part), n_windows, seed)
    panels = []
    for window in chosen:
        for i, name in enumerate(names):
            bands: list[Band] = []
            if intervals is not None:
                own = part.windows(slice(window, window + 1))
                lower, upper = intervals.around(own.y_pred, own.ref_ns, np.array([window]), spread=own.spread)
                levels = sorted(enumerate(intervals.levels), key=lambda place: -place[1])
                bands = [Band(level, lower[k, 0, :, i], upper[k, 0, :, i]) for k, level in levels]
            panels.append(
                ForecastPanel(
                    output=name,
                    ref_ns=int(part.ref_ns[window]),
                    time_ns=part.ref_ns[window] + np.round(offset_hours[i] * _HOUR_NS).astype(np.int64),
                    y_true=part.y_true[window, :, i],
                    y_pred=part.y_pred[window, :, i],
                    bands=tuple(bands),
                )
            )
    return ForecastFigure(f"{model}: forecast against truth", len(names), tuple(panels))


def choose_windows(n_available: int, n_wanted: int, seed: int) -> list[int]:
    """Return distinct window indices in time order; all of them when fewer exist than are wanted.

    >>> choose_windows(3, 5, seed=0)
    [0, 1, 2]
    """
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(n_available, min(n_available, n_wanted), replace=False).tolist())


def draw_forecast(figure: Figure, data: ForecastFigure, theme: Theme) -> None:
    """Draw one panel per window and output."""
    head(figure, theme, data.title)
    n_rows = max(1, len(data.panels) // max(1, data.n_outputs))
    grid = figure.subplots(n_rows, max(1, data.n_outputs), squeeze=False)
    if not data.panels:
        dress(grid[0, 0], theme)
        say_nothing_to_show(grid[0, 0], theme, "there is no test window")
    for axes, panel in zip(grid.ravel(), data.panels, strict=False):
        time = panel.time_ns.astype("datetime64[ns]")
        reference = np.datetime64(panel.ref_ns, "ns")
        dress(
            axes,
            theme,
            title=f"{panel.output}, from {np.datetime_as_string(reference, unit='m')} UTC",
            y=f"unit of {shortened([panel.output])[0]}",
        )
        for band, strength in zip(panel.bands, (0.16, 0.34, 0.54), strict=False):
            axes.fill_between(
                time, band.lower, band.upper, color=theme.tint(0, strength), linewidth=0,
                label=f"{band.level:.0%} interval",
            )  # fmt: skip
        axes.plot(time, panel.y_true, "-o", color=theme.ink, markersize=2.2, linewidth=1.1, label="truth")
        axes.plot(
            time, panel.y_pred, "--x", color=theme.colour(0), markersize=3.4, linewidth=1.3, label="forecast"
        )
        axes.axvline(day_number(panel.ref_ns), color=theme.muted, linestyle="--", linewidth=0.9)
        clock_axis(axes)
    legend(grid[0, -1], theme)
