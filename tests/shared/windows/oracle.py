"""The definition as plain loops: one window, one point, one row at a time, in exact arithmetic."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isnan

import numpy as np
from numpy.typing import NDArray

from shared.contracts.specs import DatasetSpec, SeriesSpec
from shared.series.row_clock import usual_step_ns
from shared.series.series import Series

HOUR = 3_600_000_000_000
MINUTE = 60_000_000_000


class Incomplete(Exception):
    """A point has no value; the argument is the reason."""


@dataclass(frozen=True)
class Expected:
    """What a data set must hold."""

    ref_ns: list[int]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    drops: Counter[tuple[str, str, str]]
    n_candidates: int


def expected(spec: DatasetSpec, series: Mapping[str, Series]) -> Expected:
    refs, xs, ys = [], [], []
    drops: Counter[tuple[str, str, str]] = Counter()
    candidates = reference_times(spec, series)
    for ref in candidates:
        columns: dict[str, list[list[float]]] = {"input": [], "output": []}
        complete = True
        for s in (*spec.inputs, *spec.outputs):
            try:
                steps = spec.input_steps if s.role == "input" else spec.output_steps
                columns[s.role].append(window(s, steps, series[s.series_id], ref))
            except Incomplete as reason:
                drops[s.role, s.name, str(reason)] += 1
                complete = False
        if complete:
            refs.append(ref)
            xs.append(np.array(columns["input"]).T)
            ys.append(np.array(columns["output"]).T)
    return Expected(refs, np.array(xs), np.array(ys), drops, len(candidates))


def reference_times(spec: DatasetSpec, series: Mapping[str, Series]) -> list[int]:
    inputs = [series[s.series_id] for s in spec.inputs]
    first = min(int(s.times_ns[0]) for s in inputs)
    last = min(int(s.times_ns[-1]) for s in inputs)
    stride, offset = round(spec.stride * MINUTE), round(float(spec.offset) * MINUTE)
    ref = first // HOUR * HOUR - HOUR + offset
    while ref < first:
        ref += stride
    found = []
    while ref <= last:
        found.append(ref)
        ref += stride
    return found


def window(s: SeriesSpec, steps: int, series: Series, ref: int) -> list[float]:
    rows = known_rows(series, ref)
    start, end = round(s.horizon.start * HOUR), round(s.horizon.end * HOUR)
    gap = max_gap(s, series)
    if not rows:
        raise Incomplete("before_start")  # nothing had been issued yet
    if s.content == "latest":
        finite = [row for row in rows if not isnan(row[1])] if series.issued_ns is None else rows
        return [one_row(finite, ref, gap, "previous")] * steps
    if s.average_window:
        return [mean(rows, ref + start, ref + end, closed=True)] * steps
    if steps == 1:
        points = [ref + (end if s.role == "input" else start)]
        delta = Fraction(native_step(series))
    else:
        delta = Fraction(end - start, steps - 1)
        points = [ref + start + rounded(k * delta) for k in range(steps)]
    return [point(s, rows, t, gap, round(delta)) for t in points]


def rounded(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def known_rows(series: Series, ref: int) -> list[tuple[int, float]]:
    if series.issued_ns is None:
        return list(zip(series.times_ns.tolist(), series.values.tolist(), strict=True))
    rows = zip(series.times_ns.tolist(), series.values.tolist(), series.issued_ns.tolist(), strict=True)
    newest = {target: value for target, value, issued in rows if issued <= ref}  # the newest comes last
    return sorted(newest.items())


def native_step(series: Series) -> int:
    stamps = sorted(set(series.times_ns.tolist()))
    return int(stamps[-1] - stamps[0]) // (len(stamps) - 1)


def max_gap(s: SeriesSpec, series: Series) -> int | None:
    if s.max_gap == "auto":
        return 3 * usual_step_ns(np.unique(series.times_ns))
    return None if s.max_gap is None else round(s.max_gap * MINUTE)


def point(s: SeriesSpec, rows: list[tuple[int, float]], t: int, gap: int | None, delta: int) -> float:
    if s.resample == "mean":
        return mean(rows, t - delta // 2, t + (delta - delta // 2), near=(t, gap))
    if s.resample == "linear":
        return linear(rows, t, gap)
    return one_row(rows, t, gap, s.resample)


def linear(rows: list[tuple[int, float]], t: int, gap: int | None) -> float:
    stamps = [stamp for stamp, _ in rows]
    after = bisect_left(stamps, t)
    if after < len(rows) and stamps[after] == t:
        return finite(rows[after][1])
    if after == 0:
        raise Incomplete("before_start")
    if after == len(rows):
        raise Incomplete("after_end")
    (t1, v1), (t2, v2) = rows[after - 1], rows[after]
    finite(v1), finite(v2)
    if gap is not None and t2 - t1 > gap:
        raise Incomplete("gap")
    return (t - t1) / (t2 - t1) * (v2 - v1) + v1


def one_row(rows: list[tuple[int, float]], t: int, gap: int | None, method: str) -> float:
    stamps = [stamp for stamp, _ in rows]
    before, after = bisect_right(stamps, t) - 1, bisect_left(stamps, t)
    choices = {"previous": [before], "next": [after], "nearest": [before, after]}[method]
    there = [row for row in choices if 0 <= row < len(rows)]
    if not there:
        raise Incomplete("after_end" if method == "next" else "before_start")
    row = min(there, key=lambda r: (abs(stamps[r] - t), r))
    value = finite(rows[row][1])
    if gap is not None and abs(stamps[row] - t) > gap:
        raise Incomplete("gap")
    return value


def mean(
    rows: list[tuple[int, float]],
    begin: int,
    end: int,
    *,
    closed: bool = False,
    near: tuple[int, int | None] | None = None,
) -> float:
    inside = [(t, v) for t, v in rows if begin <= t and (t < end or (closed and t == end))]
    numbers = [(t, v) for t, v in inside if not isnan(v)]
    if not numbers:
        if inside:
            raise Incomplete("missing_value")
        if begin > rows[-1][0]:
            raise Incomplete("after_end")
        raise Incomplete("before_start" if end <= rows[0][0] else "gap")
    if near and near[1] is not None and min(abs(t - near[0]) for t, _ in numbers) > near[1]:
        raise Incomplete("gap")
    return sum(v for _, v in numbers) / len(numbers)


def finite(value: float) -> float:
    if isnan(value):
        raise Incomplete("missing_value")
    return value
