"""What the columns of X and Y mean, read from the settings."""

from collections.abc import Sequence

import numpy as np

from shared.contracts.specs import DatasetSpec, Range, column_names
from shared.series.calendar import calendar_window
from shared.series.calendar_steps import CalendarSteps
from shared.series.series import NS_PER_HOUR
from shared.windows.rules import Source, WindowRule
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler


def layout_of(spec: DatasetSpec, sources: Sequence[Source], x_scaler: Scaler, y_scaler: Scaler) -> Layout:
    """Return the layout of a data set; ``sources`` are in the order of the columns, inputs first."""
    inputs = [source for source in sources if source.cut.spec.role == "input"]
    outputs = [source for source in sources if source.cut.spec.role == "output"]
    calendar = sources[0].cut.calendar
    return Layout(
        inputs=(
            *(_series_column(source.cut) for source in inputs),
            *_calendar_columns(spec, calendar),
        ),
        outputs=tuple(_series_column(source.cut) for source in outputs),
        input_steps=spec.input_steps,
        output_steps=spec.output_steps,
        stride=spec.stride,
        x_scaler=x_scaler,
        y_scaler=y_scaler,
        own_past=tuple(_own_past(output, inputs) for output in outputs),
    )


def x_ranges(spec: DatasetSpec) -> list[Range | None]:
    """Return the target range of each column of X."""
    calendar = [feature.scale for name, feature in spec.calendar.enabled() for _ in column_names(name)]
    return [*(s.scale for s in spec.inputs), *calendar]


def y_ranges(spec: DatasetSpec) -> list[Range | None]:
    """Return the target range of each column of Y."""
    return [s.scale for s in spec.outputs]


def _series_column(cut: WindowRule) -> Column:
    bounds = (0, 0) if cut.spec.content == "latest" else (cut.window.start_ns, cut.window.end_ns)
    return Column(cut.spec.name, "series", bounds[0] / NS_PER_HOUR, bounds[1] / NS_PER_HOUR)


def _calendar_columns(spec: DatasetSpec, calendar: CalendarSteps | None) -> list[Column]:
    columns: list[Column] = []
    for name, feature in spec.calendar.enabled():
        window = calendar_window(feature, spec.input_steps).on_steps(calendar)
        bounds = window.start_ns / NS_PER_HOUR, window.end_ns / NS_PER_HOUR
        columns += [Column(column, "calendar", *bounds) for column in column_names(name)]
    return columns


def _own_past(output: Source, inputs: Sequence[Source]) -> int | None:
    """Return the input with the observed past of an output, the one spaced like the output first."""
    window = output.cut.window
    own = [
        place
        for place, source in enumerate(inputs)
        if source.cut.spec.content == "measured"
        and not source.cut.repeats
        and source.cut.window.end_ns == 0
        and _same_rows(source, output)
    ]
    own.sort(key=lambda place: abs(inputs[place].cut.window.delta_ns - window.delta_ns))
    return own[0] if own else None


def _same_rows(first: Source, second: Source) -> bool:
    """Whether two columns are cut from one series, be it uploaded once or once in each role."""
    if first.cut.spec.series_id == second.cut.spec.series_id:
        return True
    return np.array_equal(first.series.times_ns, second.series.times_ns) and np.array_equal(
        first.series.values, second.series.values, equal_nan=True
    )
