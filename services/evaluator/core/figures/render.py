"""Turn a figure's value into bytes, in either theme."""

from typing import Any, get_args

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from services.evaluator.core.figures.comparison import ModelComparison, draw_comparison
from services.evaluator.core.figures.custom import CustomFigure, draw_custom
from services.evaluator.core.figures.errors import (
    ErrorByHour,
    ErrorByStep,
    ResidualHistogram,
    draw_error_by_hour,
    draw_error_by_step,
    draw_residual_histogram,
)
from services.evaluator.core.figures.folds import ErrorByFold, draw_error_by_fold
from services.evaluator.core.figures.forecast import ForecastFigure, draw_forecast
from services.evaluator.core.figures.jsonable import plain, rebuilt
from services.evaluator.core.figures.style import THEMES, ThemeName, to_png
from services.evaluator.core.figures.training import TrainingHistory, draw_training_history

FigureData = (
    ForecastFigure
    | ErrorByStep
    | ErrorByHour
    | ErrorByFold
    | ResidualHistogram
    | TrainingHistory
    | ModelComparison
    | CustomFigure
)


def to_json(data: FigureData) -> dict[str, Any]:
    """Return everything the drawing shows as plain values, with the figure's kind."""
    values: dict[str, Any] = plain(data)
    return {"kind": type(data).__name__, **values}


def from_json(values: dict[str, Any]) -> FigureData:
    """Return the figure that ``to_json`` described.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the values are not those of a figure.
    """
    kinds: dict[str, type[FigureData]] = {kind.__name__: kind for kind in get_args(FigureData)}
    return rebuilt(kinds[values["kind"]], values)


def render(data: FigureData, theme: ThemeName = "light") -> bytes:
    """Draw a figure as PNG; the same value and theme give the same bytes."""
    colours = THEMES[theme]
    width, height = _size(data)
    # A figure that belongs to no window and no global list.
    figure = Figure(figsize=(width, height), facecolor=colours.paper, layout="constrained")
    FigureCanvasAgg(figure)
    match data:
        case ForecastFigure():
            draw_forecast(figure, data, colours)
        case ErrorByStep():
            draw_error_by_step(figure, data, colours)
        case ErrorByHour():
            draw_error_by_hour(figure, data, colours)
        case ErrorByFold():
            draw_error_by_fold(figure, data, colours)
        case ResidualHistogram():
            draw_residual_histogram(figure, data, colours)
        case TrainingHistory():
            draw_training_history(figure, data, colours)
        case ModelComparison():
            draw_comparison(figure, data, colours)
        case CustomFigure():
            draw_custom(figure, data, colours)
    return to_png(figure)


def _size(data: FigureData) -> tuple[float, float]:
    """Return width and height in inches."""
    match data:
        case ForecastFigure():
            return 2.4 + 5.0 * max(1, data.n_outputs), 0.8 + 2.3 * max(1, len(data.panels) // data.n_outputs)
        case ErrorByStep() | ErrorByHour() | ResidualHistogram():
            return 9.0, 0.8 + 2.7 * max(1, len(data.outputs))
        case TrainingHistory() | ErrorByFold():
            return 9.0, 4.0
        case ModelComparison():
            return 9.0, 1.6 + 0.36 * max(2, len(data.models))
        case CustomFigure():
            return 10.5, 0.8 + 3.0 * max(1, len(data.panels))
