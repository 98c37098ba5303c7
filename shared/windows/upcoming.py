"""Windows of the future: where "now" lies on a data set's grid, what is missing there, which rows it reads.

Reference times of forecasts are those training would have had, had the rows gone on: a model that saw
windows at full hours only is asked at full hours only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shared.series.arrays import Bool, Float32, Float64, Int64
from shared.series.calendar import feature_values
from shared.series.problems import IncompleteWindow, UnknownSeries
from shared.series.resample import Code
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_window
from shared.windows.provenance import Provenance, provenance
from shared.windows.series_windows import SeriesWindows

LOOK_BACK = 4096  # reference times looked at for the newest with complete windows
_BLOCK = 256


class FutureInputsMissing(IncompleteWindow):
    """Inputs that are known in advance, by the model's settings, are not known for this forecast."""

    code = "FUTURE_INPUTS_MISSING"
    advice = (
        "Send their values under `future` (GET /api/training/forecast/{sid}/template names their stamps), "
        "or extend the series with their rows first.",
    )


class BeforeTheRows(IncompleteWindow):
    """The asked moment lies before the first reference time of the data set."""

    code = "BEFORE_THE_ROWS"
    advice = ("Ask for a later moment, or leave `at` out for the newest one.",)


class FutureValuesMalformed(IncompleteWindow):
    """Values given for an input do not fit the stamps they are for."""

    code = "FUTURE_VALUES_MALFORMED"
    advice = ("Send one finite number per stamp of GET /api/training/forecast/{sid}/template.",)


@dataclass(frozen=True, eq=False)
class Upcoming:
    """The one window of a forecast, and where it came from."""

    x: Float32  # (1, input_steps, n_inputs), scaled
    ref_ns: int
    read: tuple[Provenance, ...]  # of the series inputs, in column order


def reference_at(dataset: Dataset, at_ns: int) -> int:
    """Return the newest reference time at or before a moment, on the grid of the data set continued.

    Raises
    ------
    BeforeTheRows
        If the grid begins later.
    """
    number = _number(dataset, at_ns)
    if number < 0:
        first = int(dataset.plan.grid.at(np.array([0]))[0])
        raise BeforeTheRows(
            f"the rows allow forecasts from {_stamp(first)} on; asked is {_stamp(at_ns)}",
            field="at",
            first=_stamp(first),
        )
    return int(dataset.plan.grid.at(np.array([number]))[0])


def newest_reference(dataset: Dataset, series: Mapping[str, Series]) -> int:
    """Return the newest reference time at which the past of every input is complete.

    Raises
    ------
    UnknownSeries
        If an input is not given.
    IncompleteWindow
        If none of the last ``LOOK_BACK`` has a complete past; it names the input that ends first.
    """
    past = [source for source in _sources(dataset, series) if not source.rule.known_ahead]
    last = max((int(source.series.times_ns[-1]) for source in past if len(source.series)), default=None)
    if last is None:
        last = int(dataset.ref_ns[-1])  # every input is known in advance: the rows say nothing about now
    newest = _number(dataset, last)
    for stop in range(newest + 1, max(newest + 1 - LOOK_BACK, 0), -_BLOCK):
        numbers = np.arange(max(stop - _BLOCK, 0), stop)
        complete = np.ones(len(numbers), dtype=np.bool_)
        refs = dataset.plan.grid.at(numbers)
        for source in past:
            codes = source.points(refs).codes
            complete &= np.asarray((codes == Code.OK).all(axis=1))
        if complete.any():
            return int(refs[np.flatnonzero(complete)[-1]])
    ends = {
        source.rule.spec.name: int(source.series.known.times_ns[-1])
        for source in past
        if len(source.series.known)
    }
    name, end = min(ends.items(), key=lambda pair: pair[1])
    raise IncompleteWindow(
        f"no recent moment has the past of every input; {name!r} ends at {_stamp(end)}",
        suggestions=(f"Extend {name!r} with newer rows.",),
        series=name,
        last=_stamp(end),
    )


def references(dataset: Dataset, first_ns: int, last_ns: int) -> Int64:
    """Return the reference times of the data set's grid, continued, between two moments, both included."""
    numbers = np.arange(max(_number(dataset, first_ns), 0), _number(dataset, last_ns) + 1)
    found = dataset.plan.grid.at(numbers)
    return found[found >= first_ns]


def past_windows(dataset: Dataset, series: Mapping[str, Series], ref_ns: Int64) -> tuple[Bool, Float32]:
    """Return which reference times have complete inputs, and their windows as training would cut them.

    Returns
    -------
    complete
        Shape (n,).
    x
        Scaled, shape (n_complete, input_steps, n_inputs).

    Raises
    ------
    UnknownSeries
        If an input is not given.
    """
    plan, shape = dataset.plan, (len(ref_ns), dataset.spec.input_steps)
    complete = np.ones(len(ref_ns), dtype=np.bool_)
    columns: list[Float64] = []
    for source in _sources(dataset, series):
        points = source.points(ref_ns)
        complete &= np.broadcast_to(points.codes == Code.OK, shape).all(axis=1)
        complete &= ~source.reads_ahead(ref_ns)
        columns.append(np.broadcast_to(points.values, shape))
    for feature in plan.calendar:
        at = feature.window.moments(ref_ns, plan.grid.calendar)
        values = feature_values(feature.feature, at.ravel(), feature.setting, plan.clock)
        columns += [np.broadcast_to(column.reshape(at.shape), shape) for column in values.T]
    x = np.stack([column[complete] for column in columns], axis=2)
    scaled = dataset.x_scaler.transform(x.reshape(-1, x.shape[2]).astype(np.float64))
    return complete, scaled.reshape(x.shape).astype(np.float32)


def true_values(dataset: Dataset, series: Mapping[str, Series], ref_ns: Int64) -> Float64:
    """Return what training would have learned, shape (n, output_steps, n_outputs); NaN where unknown."""
    columns = []
    for rule in dataset.plan.outputs:
        points = SeriesWindows(rule, series[rule.spec.series_id]).points(ref_ns)
        values = np.where(points.codes == Code.OK, points.values, np.nan)
        columns.append(np.broadcast_to(values, (len(ref_ns), dataset.spec.output_steps)))
    return np.stack(columns, axis=2)


def future_stamps(dataset: Dataset, ref_ns: int) -> dict[str, Int64]:
    """Return, by display name, the moments after a reference time that an input known in advance needs."""
    found = {}
    for rule in dataset.plan.inputs:
        if rule.known_ahead:
            at = rule.window.moments(np.array([ref_ns]), rule.calendar)[0]
            found[rule.spec.name] = at[at > ref_ns]
    return found


def missing_stamps(dataset: Dataset, series: Mapping[str, Series], ref_ns: int) -> dict[str, Int64]:
    """Return, by display name, those of ``future_stamps`` the rows do not answer."""
    missing = {}
    ref = np.array([ref_ns])
    for source in _sources(dataset, series):
        if not source.rule.known_ahead:
            continue
        at = source.rule.window.moments(ref, source.rule.calendar)[0]
        codes = source.points(ref).codes[0]
        bad = at[np.broadcast_to(codes != Code.OK, at.shape) & (at > ref_ns)]
        if len(bad):
            missing[source.rule.spec.name] = bad
    return missing


def with_future(
    dataset: Dataset, series: Mapping[str, Series], ref_ns: int, future: Mapping[str, Mapping[int, float]]
) -> dict[str, Series]:
    """Return the series with values of the future put in place of their rows after a reference time.

    Parameters
    ----------
    future
        By display name of an input: value by moment, Unix nanoseconds.

    Raises
    ------
    UnknownSeries
        If a name is none of the inputs that are known in advance.
    FutureValuesMalformed
        If a moment is not after the reference time, or a value not finite.
    """
    extended = dict(series)
    ids = {s.rule.spec.name: s.rule.spec.series_id for s in _sources(dataset, series) if s.rule.known_ahead}
    for name, given in future.items():
        if name not in ids:
            known = ", ".join(sorted(ids)) or "none"
            raise UnknownSeries(
                f"{name!r} is no input that is known in advance; these are: {known}",
                suggestions=("Take it out of `future`, or correct its name.",),
                field="future",
                series=name,
            )
        extended[ids[name]] = _replaced(extended[ids[name]], ref_ns, given)
    return extended


def upcoming_window(dataset: Dataset, series: Mapping[str, Series], ref_ns: int) -> Upcoming:
    """Return the window of a forecast: at a reference time of training it is the window of training.

    Raises
    ------
    FutureInputsMissing
        Naming every input known in advance that is not known, with its first missing stamps.
    UnknownSeries, IncompleteWindow
        If an input is not given, or its rows do not fill the window.
    """
    if missing := missing_stamps(dataset, series, ref_ns):
        told = {name: [_stamp(int(at)) for at in stamps[:5]] for name, stamps in missing.items()}
        named = "; ".join(f"{n!r} at {told[n][0]} ({len(missing[n])} stamps)" for n in missing)
        raise FutureInputsMissing(
            f"known in advance by the settings, but not known: {named}",
            field="future",
            missing={name: list(stamps) for name, stamps in told.items()},
        )
    x = build_window(dataset, series, ref_ns)
    ref = np.array([ref_ns])
    return Upcoming(x, ref_ns, tuple(provenance(s, ref) for s in _sources(dataset, series)))


def _replaced(series: Series, ref_ns: int, given: Mapping[int, float]) -> Series:
    stamps = np.array(sorted(given), dtype=np.int64)
    values: Float64 = np.array([given[int(at)] for at in stamps], dtype=np.float64)
    if not np.isfinite(values).all():
        at = _stamp(int(stamps[np.argmin(np.isfinite(values))]))
        raise FutureValuesMalformed(
            f"{series.name!r} at {at}: the value is no finite number", field="future", series=series.name
        )
    if len(stamps) and stamps[0] <= ref_ns:
        raise FutureValuesMalformed(
            f"{series.name!r}: {_stamp(int(stamps[0]))} is not after the reference time {_stamp(ref_ns)}",
            field="future",
            series=series.name,
        )
    issued = None
    if series.issued_ns is not None:
        issued = np.concatenate((series.issued_ns, np.full(len(stamps), ref_ns)))
    return Series.from_rows(
        series.name,
        np.concatenate((series.times_ns, stamps)),
        np.concatenate((series.values, values)),
        issued,
    )


def _sources(dataset: Dataset, series: Mapping[str, Series]) -> list[SeriesWindows]:
    """Return the inputs' windows over fresh rows.

    Raises
    ------
    UnknownSeries, NoNumbers
        If one is not given, or has not one number.
    """
    found = []
    for rule in dataset.plan.inputs:
        wanted = rule.spec
        if wanted.series_id not in series:
            raise UnknownSeries(
                f"the series {wanted.name!r} the model was trained on is not there any more",
                suggestions=("Upload its file again and train again.",),
                field="series",
                series=wanted.name,
            )
        series[wanted.series_id].require_numbers()
        found.append(SeriesWindows(rule, series[wanted.series_id]))
    return found


def _number(dataset: Dataset, at_ns: int) -> int:
    """Return the number of the newest candidate at or before a moment."""
    grid = dataset.plan.grid
    nominal = at_ns if grid.calendar is None else int(grid.calendar.nominal(np.array([at_ns]))[0])
    number = (nominal - grid.origin_ns) // grid.stride_ns
    later = int(grid.at(np.array([number + 1]))[0])  # a nominal place is rounded, its moment is not
    return int(number + 1 if later <= at_ns else number)


def _stamp(at_ns: int) -> str:
    return (
        f"{np.datetime64(at_ns // 10**9, 's')}Z" if at_ns % 10**9 == 0 else f"{np.datetime64(at_ns, 'ns')}Z"
    )
