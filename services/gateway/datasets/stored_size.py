"""What a data set will take in the store, before it is built: rows, and the lattices of its windows."""

from collections.abc import Mapping, Sequence
from math import gcd

from shared.contracts.specs import DatasetSpec, column_names
from shared.storage.rows import SeriesRow

_ROW_BYTES, _VALUE_BYTES, _CALENDAR_BYTES, _INDEX_BYTES = 16, 8, 4, 8
_PICTURE_BYTES = 60_000  # of one column
_POINTS_PER_ROW, _SMALL = 4, 4096  # a lattice with more points is not stored
_NS_PER_MINUTE = 60 * 10**9


def stored_bytes(spec: DatasetSpec, rows: Sequence[SeriesRow]) -> int:
    """Return about how many bytes the files of a data set will have.

    Parameters
    ----------
    rows
        Of the series of the spec; of one that is missing nothing is counted.
    """
    known = {row.id: row for row in rows}
    lengths = {series_id: _number(row.statistics, "n") for series_id, row in known.items()}
    spans = [_number(row.statistics, "n") * _number(row.statistics, "step_min") for row in known.values()]
    n_windows = int(max(spans, default=0.0) / spec.stride) + 1
    points = 0
    for one in spec.series:
        steps = spec.input_steps if one.role == "input" else spec.output_steps
        apart, size = _lattice(spec.stride, one.horizon.end - one.horizon.start, steps, n_windows)
        row = known.get(one.series_id)
        of_rows = row is not None and apart == _number(row.statistics, "step_min")  # the rows serve as it
        fits = size <= _POINTS_PER_ROW * lengths.get(one.series_id, 0) + _SMALL
        points += size if fits and not of_rows else 0
    n_calendar = sum(len(column_names(name)) for name, _ in spec.calendar.enabled())
    used = {one.series_id for one in spec.series}
    n_rows = sum(int(lengths.get(series_id, 0)) for series_id in used)
    return (
        n_rows * _ROW_BYTES
        + points * _VALUE_BYTES
        + n_calendar * (n_windows + spec.input_steps) * _CALENDAR_BYTES
        + n_windows * _INDEX_BYTES
        + (len(spec.series) + n_calendar) * _PICTURE_BYTES
    )


def _lattice(stride: float, hours: float, steps: int, n_windows: int) -> tuple[float, int]:
    """Return the minutes between two points under the windows of one series, and how many there are."""
    parts, stride_ns = max(steps - 1, 1), round(stride * _NS_PER_MINUTE)
    span_ns = round(hours * 60 * _NS_PER_MINUTE)
    unit = gcd(stride_ns * parts, span_ns) or 1
    size = (n_windows - 1) * (stride_ns * parts // unit) + (steps - 1) * max(span_ns // unit, 1) + 1
    return unit / parts / _NS_PER_MINUTE, size


def _number(statistics: Mapping[str, object], name: str) -> float:
    value = statistics.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
