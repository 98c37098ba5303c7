"""The value of a series at any moment: five methods, one function for building and forecasting."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.contracts.specs import Resample
from shared.series.arrays import Float64, Int64
from shared.series.row_clock import RowClock
from shared.series.series import Series

Codes = NDArray[np.uint8]
Method = Resample | Literal["row", "hold"]  # what ``auto`` means for targets, past and future inputs


class Code(IntEnum):
    """Why a point has no value; 0 says it has one."""

    OK = 0
    BEFORE_START = 1
    AFTER_END = 2
    MISSING_VALUE = 3
    GAP = 4


@dataclass(frozen=True)
class Points:
    """Values and codes of moments; ``values`` are NaN exactly where ``codes`` are not 0."""

    values: Float64
    codes: Codes


@dataclass(frozen=True)
class Rule:
    """How one moment gets its value: ``bin_ns`` is the width of a mean, ``max_gap_ns`` None = no limit.

    ``row``: the row of the moment's slot, interpolating nothing. ``hold``: the newest row of the series'
    own step, else (in a gap) interpolated. ``filled``: interpolated between numbers; an empty cell is a
    row that is absent. ``clock`` is what the rows keep, for the first two.
    """

    method: Method
    bin_ns: int
    max_gap_ns: int | None
    clock: RowClock | None = None


def resample(series: Series, at_ns: Int64, rule: Rule) -> Points:
    """Return the value of ``series`` at each moment (docs/numerics.md, section 3).

    Parameters
    ----------
    at_ns
        Any shape, Unix nanoseconds.

    Returns
    -------
    points
        Same shape as ``at_ns``, in the series' unit.
    """
    if rule.method == "mean":
        half = rule.bin_ns // 2
        return mean_between(series, at_ns - half, at_ns + (rule.bin_ns - half), near=at_ns, rule=rule)
    if rule.method in ("row", "hold", "filled"):
        return _without_inventing(series, at_ns, rule)
    left, right = neighbours(series.times_ns, at_ns, rule.method)
    codes = np.zeros(at_ns.shape, dtype=np.uint8)
    codes[left < 0] = Code.BEFORE_START
    codes[right >= len(series)] = Code.AFTER_END
    inside = codes == Code.OK
    left, right = np.where(inside, left, 0), np.where(inside, right, 0)
    return between(
        at_ns,
        (series.times_ns[left], series.values[left]),
        (series.times_ns[right], series.values[right]),
        codes,
        rule,
    )


def _without_inventing(series: Series, at_ns: Int64, rule: Rule) -> Points:
    """Return the newest row young enough to be that of a moment; else, but for ``row``, interpolate."""
    known = series.known
    left = rows_before(known.times_ns, at_ns)
    values = np.where(left < 0, np.nan, known.values[np.maximum(left, 0)])
    # Tell which moments have a row of their own, `left` among the numbers, and why others do not.
    codes = np.zeros(at_ns.shape, dtype=np.uint8)
    age = _age(known.times_ns[np.maximum(left, 0)], at_ns, rule.clock)
    codes[age > _youth_ns(rule)] = Code.GAP
    row = rows_before(series.times_ns, at_ns)  # empty cells included: they have a moment, but no number
    empty = (row >= 0) & ~np.isfinite(series.values[np.maximum(row, 0)])
    empty &= _age(series.times_ns[np.maximum(row, 0)], at_ns, rule.clock) <= _youth_ns(rule)
    codes[(codes == Code.GAP) & empty] = Code.MISSING_VALUE
    codes[(codes == Code.GAP) & (at_ns > series.times_ns[-1])] = Code.AFTER_END
    codes[at_ns < series.times_ns[0]] = Code.BEFORE_START
    codes[(left < 0) & (at_ns >= series.times_ns[0])] = Code.MISSING_VALUE
    far = codes != Code.OK
    if rule.method != "row" and far.any():
        between_rows = resample(known, at_ns[far], Rule("linear", rule.bin_ns, rule.max_gap_ns))
        values[far], codes[far] = between_rows.values, between_rows.codes
    values[codes != Code.OK] = np.nan
    return Points(values, codes)


def _age(row_ns: Int64, at_ns: Int64, clock: RowClock | None) -> Int64:
    """Return how long before a moment a row lies; along a calendar, in its nominal time."""
    if clock is None or clock.calendar is None:
        return np.asarray(at_ns - row_ns)
    flat = clock.calendar.nominal(at_ns.ravel()) - clock.calendar.nominal(row_ns.ravel())
    return flat.reshape(at_ns.shape)


def _youth_ns(rule: Rule) -> int:
    if rule.clock is None or rule.method == "filled":
        return 0
    return rule.clock.tolerance_ns if rule.method == "row" else rule.clock.step_ns - 1


def neighbours(times_ns: Int64, at_ns: Int64, method: Method) -> tuple[Int64, Int64]:
    """Return the rows a moment is read from: twice the same row unless it lies between two.

    A row before the first is -1, after the last ``len(times_ns)``.

    >>> neighbours(np.array([0, 10, 20]), np.array([10, 14, 25]), "linear")
    (array([1, 1, 2]), array([1, 2, 3]))
    >>> neighbours(np.array([0, 10, 20]), np.array([5, 14, 25]), "nearest")[0]
    array([0, 1, 2])
    """
    before = rows_before(times_ns, at_ns)
    after = before + (times_ns[np.maximum(before, 0)] != at_ns)
    after[before < 0] = 0
    match method:
        case "previous" | "row":
            return before, before
        case "next":
            return after, after
        case "nearest":
            # The nearer of two rows, the earlier on a tie, the only one at the ends.
            last = len(times_ns) - 1
            earlier, later = np.clip(before, 0, last), np.clip(after, 0, last)
            take_later = (times_ns[later] - at_ns) < (at_ns - times_ns[earlier])
            row = np.where((before < 0) | (take_later & (after <= last)), later, earlier)
            return row, row
        case _:
            return before, after


def rows_before(times_ns: Int64, at_ns: Int64) -> Int64:
    """Return the last row at or before each moment, -1 if there is none."""
    return np.searchsorted(times_ns, at_ns, side="right") - 1


def between(
    at_ns: Int64,
    left: tuple[Int64, Float64],
    right: tuple[Int64, Float64],
    codes: Codes,
    rule: Rule,
) -> Points:
    """Interpolate between neighbours (stamps, values); a missing or far neighbour leaves no value."""
    (left_ns, left_value), (right_ns, right_value) = left, right
    usable = codes == Code.OK
    missing = usable & (np.isnan(left_value) | np.isnan(right_value))
    codes[missing] = Code.MISSING_VALUE
    if rule.max_gap_ns is not None:
        distance = right_ns - left_ns if rule.method == "linear" else np.abs(at_ns - left_ns)
        codes[usable & ~missing & (distance > rule.max_gap_ns)] = Code.GAP
    span = right_ns - left_ns
    share = np.divide(at_ns - left_ns, span, out=np.zeros(at_ns.shape), where=span != 0)
    values = np.where(span == 0, left_value, share * (right_value - left_value) + left_value)
    values[codes != Code.OK] = np.nan
    return Points(values, codes)


def mean_between(
    series: Series,
    begin_ns: Int64,
    end_ns: Int64,
    *,
    near: Int64 | None = None,
    rule: Rule | None = None,
    closed: bool = False,
) -> Points:
    """Return the mean of the finite rows from ``begin_ns`` to ``end_ns`` (included if ``closed``).

    Each mean sums its own rows only, so it depends on nothing outside its interval, to the last bit.
    With ``near`` and a rule, the finite row nearest to ``near`` must be within ``max_gap``.
    """
    first = np.searchsorted(series.times_ns, begin_ns, side="left")
    stop = np.searchsorted(series.times_ns, end_ns, side="right" if closed else "left")
    base, top = int(first.min(initial=len(series))), int(stop.max(initial=0))
    values = series.values[base : max(base, top)]
    finite = np.isfinite(values)
    counted = np.concatenate(([0], np.cumsum(finite)))
    count = np.where(first < stop, counted[np.maximum(stop - base, 0)] - counted[first - base], 0)
    # Say why an interval without a finite row has none.
    codes = np.full(first.shape, Code.MISSING_VALUE, dtype=np.uint8)
    codes[first >= stop] = Code.GAP
    if len(series.times_ns):
        codes[(first >= stop) & (end_ns <= series.times_ns[0])] = Code.BEFORE_START
        codes[(first >= stop) & (begin_ns > series.times_ns[-1])] = Code.AFTER_END
    codes[count > 0] = Code.OK
    if near is not None and rule is not None and rule.max_gap_ns is not None:
        known_ns = series.times_ns[base : max(base, top)][finite]
        before = np.searchsorted(known_ns, near - rule.max_gap_ns, side="left")
        up_to = np.searchsorted(known_ns, near + rule.max_gap_ns, side="right")
        codes[(codes == Code.OK) & (before >= up_to)] = Code.GAP
    means = np.full(begin_ns.shape, np.nan)
    use = codes == Code.OK
    means[use] = _sums(np.where(finite, values, 0.0), first[use] - base, stop[use] - base) / count[use]
    return Points(means, codes)


def _sums(values: Float64, first: Int64, stop: Int64) -> Float64:
    """Sum ``values[first:stop]`` of each pair (none empty)."""
    if len(first) == 0:
        return np.empty(0)
    edges = np.column_stack((first, stop)).ravel()
    return np.add.reduceat(np.append(values, 0.0), edges)[::2]
