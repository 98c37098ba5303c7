"""What the columns of X and Y mean, read from the settings."""

from collections.abc import Sequence

from shared.contracts.specs import DatasetSpec, Range
from shared.timeseries.calendar import calendar_window, column_names
from shared.timeseries.cuts import Cut
from shared.timeseries.samples import Column, Layout
from shared.timeseries.scaling import Scaler
from shared.timeseries.series import NS_PER_HOUR


def layout_of(spec: DatasetSpec, cuts: Sequence[Cut], x_scaler: Scaler, y_scaler: Scaler) -> Layout:
    """Return the layout of a data set; ``cuts`` are in the order of the columns, inputs first."""
    inputs = [cut for cut in cuts if cut.spec.role == "input"]
    outputs = [cut for cut in cuts if cut.spec.role == "output"]
    return Layout(
        inputs=(*map(_series_column, inputs), *_calendar_columns(spec)),
        outputs=tuple(map(_series_column, outputs)),
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


def _series_column(cut: Cut) -> Column:
    bounds = (0, 0) if cut.spec.content == "latest" else (cut.window.start_ns, cut.window.end_ns)
    return Column(cut.spec.name, "series", bounds[0] / NS_PER_HOUR, bounds[1] / NS_PER_HOUR)


def _calendar_columns(spec: DatasetSpec) -> list[Column]:
    columns: list[Column] = []
    for name, feature in spec.calendar.enabled():
        window = calendar_window(feature, spec.input_steps)
        bounds = window.start_ns / NS_PER_HOUR, window.end_ns / NS_PER_HOUR
        columns += [Column(column, "calendar", *bounds) for column in column_names(name)]
    return columns


def _own_past(output: Cut, inputs: Sequence[Cut]) -> int | None:
    """Return the input with the observed past of an output, the one spaced like the output first."""
    own = [
        place
        for place, cut in enumerate(inputs)
        if cut.spec.series_id == output.spec.series_id
        and cut.spec.content == "measured"
        and not cut.repeats
        and cut.window.end_ns == 0
    ]
    own.sort(key=lambda place: abs(inputs[place].window.delta_ns - output.window.delta_ns))
    return own[0] if own else None
