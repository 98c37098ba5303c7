"""Where windows lie: the points of one window, the reference times, and the lattice both share.

All arithmetic is in integer nanoseconds. A spacing that is no whole number of nanoseconds (an hour in
13 parts) is kept as a fraction and rounded once per point, so nothing accumulates.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import gcd
from typing import Literal

import numpy as np

from shared.contracts.specs import Horizon, Role
from shared.series.arrays import Int64
from shared.series.calendar_steps import MONTH_NS, CalendarSteps, shifted
from shared.series.problems import BadSetting
from shared.series.row_clock import RowClock
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE

MAX_HOURS = 100 * 366 * 24.0  # a window may reach a century away, no further: int64 holds 292 years


@dataclass(frozen=True)
class Window:
    """Points relative to a reference time: point k lies at start + round(k * span / (n_points - 1))."""

    start_ns: int
    end_ns: int
    n_points: int

    @property
    def span_ns(self) -> int:
        """Distance from the first to the last point."""
        return self.end_ns - self.start_ns

    @property
    def n_intervals(self) -> int:
        """Distances between points; 1 for a single point, so that it can be divided by."""
        return max(self.n_points - 1, 1)

    @property
    def delta_ns(self) -> float:
        """Spacing of the points, 0 for a single point."""
        return self.span_ns / self.n_intervals

    def offsets_ns(self) -> Int64:
        """Return the points relative to the reference time, shape (n_points,).

        >>> Window(0, 10, 4).offsets_ns()
        array([ 0,  3,  7, 10])
        """
        return self.start_ns + _rounded(np.arange(self.n_points), self.span_ns, self.n_intervals)

    def moments(self, ref_ns: Int64, calendar: CalendarSteps | None) -> Int64:
        """Return the points of the window at each reference time, shape (n, n_points)."""
        return shifted(ref_ns[:, None], self.offsets_ns(), calendar)

    def on_steps(self, calendar: CalendarSteps | None) -> "Window":
        """Return the window as a calendar of months counts it: whole months from point to point.

        Hours say only roughly what is meant: 31 days, a twelfth of a year and 720 hours are a month.
        """
        if calendar is None or calendar.unit != "month":
            return self
        start = round(self.start_ns / MONTH_NS) * MONTH_NS
        hop = max(round(self.delta_ns / MONTH_NS), 1) * MONTH_NS
        return replace(self, start_ns=start, end_ns=start + (self.n_points - 1) * hop)


@dataclass(frozen=True)
class ReferenceGrid:
    """Candidate reference times: number j lies at origin + j * stride, j < n.

    With a ``calendar`` these are places on its nominal axis, else moments in UTC.
    """

    origin_ns: int
    stride_ns: int
    n: int
    calendar: CalendarSteps | None = None

    def nominal(self, number: Int64) -> Int64:
        """Return where candidates lie on the axis the grid is even on."""
        return self.origin_ns + number * self.stride_ns

    def at(self, number: Int64) -> Int64:
        """Return the reference times of candidates, Unix nanoseconds."""
        return self.nominal(number) if self.calendar is None else self.calendar.moments(self.nominal(number))


@dataclass(frozen=True)
class Lattice:
    """Equidistant points that hold every window: point k of candidate j is number j * hop + k * skip.

    Overlapping windows share their points, so a series is evaluated once per point and a window is a
    strided view. ``unit / parts`` is the spacing in nanoseconds.
    """

    origin_ns: int
    unit: int
    parts: int
    hop: int
    skip: int
    n_points: int
    calendar: CalendarSteps | None = None

    def size(self, n_windows: int) -> int:
        """Return how many points hold the first ``n_windows`` candidates."""
        return (n_windows - 1) * self.hop + (self.n_points - 1) * self.skip + 1 if n_windows else 0

    def times(self, first: int, stop: int) -> Int64:
        """Return the times of points ``first`` to ``stop`` (excluded), Unix nanoseconds."""
        nominal = self.origin_ns + _rounded(np.arange(first, stop), self.unit, self.parts)
        return nominal if self.calendar is None else self.calendar.moments(nominal)


def window_of(horizon: Horizon, n_points: int, role: Role) -> Window:
    """Return the points of a series' window; a single point is the end of an input, the start of an output.

    Raises
    ------
    BadSetting
        If the horizon reaches further than a century, or lies wholly within one nanosecond.
    """
    if max(abs(horizon.start), abs(horizon.end)) > MAX_HOURS:
        raise BadSetting(
            f"horizon {horizon.start:g}..{horizon.end:g} h reaches further than {MAX_HOURS:g} h",
            field="horizon",
        )
    start, end = round(horizon.start * NS_PER_HOUR), round(horizon.end * NS_PER_HOUR)
    if n_points == 1:
        point = end if role == "input" else start
        return Window(point, point, 1)
    if end - start < n_points - 1:
        raise BadSetting(
            f"horizon {horizon.start!r}..{horizon.end!r} h has no room for {n_points} different points",
            field="horizon",
        )
    return Window(start, end, n_points)


def reference_grid(
    spans: Iterable[tuple[int, int]],
    *,
    stride_min: float,
    offset_min: float | Literal["auto"],
    rows: RowClock | None = None,
) -> ReferenceGrid:
    """Return the candidate reference times of input series.

    Parameters
    ----------
    spans
        First and last stamp of each input series, Unix nanoseconds.
    stride_min, offset_min
        Distance of two reference times, and minutes past the anchor (the full hour before the first
        stamp, one hour back); ``auto`` puts reference times on rows.
    rows
        The clock of the rows that ``auto`` follows; None leaves them on the anchor.

    Raises
    ------
    BadSetting
        If the stride is shorter than a nanosecond or longer than a century, or the offset not in
        [0, stride).
    """
    if stride_min > MAX_HOURS * 60:
        raise BadSetting(f"stride ({stride_min:g} min) is longer than a century", field="stride")
    stride = round(stride_min * NS_PER_MINUTE)
    offset = 0 if offset_min == "auto" else round(offset_min * NS_PER_MINUTE)
    if stride <= 0:
        raise BadSetting(f"stride ({stride_min!r} min) must be greater than 0", field="stride")
    if not 0 <= offset < stride:
        raise BadSetting(f"offset ({offset_min:g} min) must lie in [0, {stride_min:g})", field="offset")
    begins, ends = zip(*spans, strict=True)
    first, last = min(begins), min(ends)
    if offset_min == "auto" and rows is not None and rows.calendar is not None:
        return _along(rows, rows.calendar, first, last, stride)
    anchor = first // NS_PER_HOUR * NS_PER_HOUR - NS_PER_HOUR + offset
    origin = anchor + -((anchor - first) // stride) * stride if anchor < first else anchor
    if offset_min == "auto" and rows is not None and (origin - rows.origin_ns) % rows.step_ns:
        origin = first + (rows.origin_ns - first) % rows.step_ns
    return ReferenceGrid(origin, stride, max((last - origin) // stride + 1, 0))


def _along(rows: RowClock, calendar: CalendarSteps, first: int, last: int, stride: int) -> ReferenceGrid:
    """Return the reference times along a calendar, from the first slot within the span on."""
    if calendar.unit == "month":
        stride = max(round(stride / MONTH_NS), 1) * MONTH_NS
    begin, end = calendar.nominal(np.array([first, last])).tolist()
    origin = begin + (rows.origin_ns - begin) % rows.step_ns
    return ReferenceGrid(origin, stride, max((end - origin) // stride + 1, 0), calendar)


def lattice_of(grid: ReferenceGrid, window: Window) -> Lattice:
    """Return the coarsest lattice that holds the window of every candidate.

    >>> lattice_of(ReferenceGrid(0, 60, 10), Window(-30, 0, 3))
    Lattice(origin_ns=-30, unit=30, parts=2, hop=4, skip=1, n_points=3, calendar=None)
    """
    parts = window.n_intervals
    unit = gcd(grid.stride_ns * parts, window.span_ns)
    return Lattice(
        origin_ns=grid.origin_ns + window.start_ns,
        unit=unit,
        parts=parts,
        hop=grid.stride_ns * parts // unit,
        skip=max(window.span_ns // unit, 1),
        n_points=window.n_points,
        calendar=grid.calendar,
    )


def _rounded(number: Int64, unit: int, parts: int) -> Int64:
    """``number * unit / parts`` rounded half up, without overflow for any span of int64 nanoseconds."""
    whole, rest = divmod(unit, parts)
    return number * whole + (2 * number * rest + parts) // (2 * parts) if rest else number * whole
