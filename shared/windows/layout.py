"""What the columns of X and Y mean, read from the settings."""

from collections.abc import Sequence

import numpy as np

from shared.contracts.specs import column_names
from shared.series.grid import Window
from shared.series.series import NS_PER_HOUR
from shared.windows.plan import WindowPlan, WindowRule
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler
from shared.windows.series_windows import SeriesWindows


def layout_of(
    plan: WindowPlan, sources: Sequence[SeriesWindows], x_scaler: Scaler, y_scaler: Scaler
) -> Layout:
    """Return the layout of a data set; ``sources`` are in the order of the columns, inputs first."""
    inputs, outputs = sources[: len(plan.inputs)], sources[len(plan.inputs) :]
    calendar = [
        Column(name, "calendar", rule.window.start_ns / NS_PER_HOUR, rule.window.end_ns / NS_PER_HOUR)
        for rule in plan.calendar
        for name in column_names(rule.feature)
    ]
    return Layout(
        inputs=(*map(_series_column, plan.inputs), *calendar),
        outputs=tuple(map(_series_column, plan.outputs)),
        input_steps=plan.spec.input_steps,
        output_steps=plan.spec.output_steps,
        stride=plan.spec.stride,
        x_scaler=x_scaler,
        y_scaler=y_scaler,
        own_past=tuple(_own_past(output, inputs) for output in outputs),
    )


def _series_column(rule: WindowRule) -> Column:
    window = Window(0, 0, 1) if rule.spec.content == "latest" else rule.window
    return Column(rule.spec.name, "series", window.start_ns / NS_PER_HOUR, window.end_ns / NS_PER_HOUR)


def _own_past(output: SeriesWindows, inputs: Sequence[SeriesWindows]) -> int | None:
    """Return the input with the observed past of an output, the one spaced like the output first."""
    window = output.rule.window
    own = [
        place
        for place, source in enumerate(inputs)
        if source.rule.spec.content == "measured"
        and not source.rule.repeats
        and source.rule.window.end_ns == 0
        and _same_rows(source, output)
    ]
    own.sort(key=lambda place: abs(inputs[place].rule.window.delta_ns - window.delta_ns))
    return own[0] if own else None


def _same_rows(first: SeriesWindows, second: SeriesWindows) -> bool:
    """Whether two columns are cut from one series, be it uploaded once or once in each role."""
    if first.rule.spec.series_id == second.rule.spec.series_id:
        return True
    return np.array_equal(first.series.times_ns, second.series.times_ns) and np.array_equal(
        first.series.values, second.series.values, equal_nan=True
    )
