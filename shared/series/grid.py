"""Where windows lie: the points of one window, the reference times, and the lattice both share.

All arithmetic is in integer nanoseconds. A spacing that is no whole number of nanoseconds (an hour in
13 parts) is kept as a fraction and rounded once per point, so nothing accumulates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd

import numpy as np

from shared.contracts.specs import Horizon, Role
from shared.series.arrays import Int64
from shared.series.problems import BadSetting
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


@dataclass(frozen=True)
class ReferenceGrid:
    """Candidate reference times: number j lies at origin + j * stride, j < n."""

    origin_ns: int
    stride_ns: int
    n: int

    def at(self, number: Int64) -> Int64:
        """Return the reference times of candidates, Unix nanoseconds."""
        return self.origin_ns + number * self.stride_ns


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

    def size(self, n_windows: int) -> int:
        """Return how many points hold the first ``n_windows`` candidates."""
        return (n_windows - 1) * self.hop + (self.n_points - 1) * self.skip + 1 if n_windows else 0

    def times(self, first: int, stop: int) -> Int64:
        """Return the times of points ``first`` to ``stop`` (excluded), Unix nanoseconds."""
        return self.origin_ns + _rounded(np.arange(first, stop), self.unit, self.parts)


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
    spans: Iterable[tuple[int, int]], *, stride_min: float, offset_min: float
) -> ReferenceGrid:
    """Return the candidate reference times of input series.

    Parameters
    ----------
    spans
        First and last stamp of each input series, Unix nanoseconds.
    stride_min, offset_min
        Distance of two reference times, and minutes past the anchor (the full hour before the first
        stamp, one hour back).

    Raises
    ------
    BadSetting
        If the stride is shorter than a nanosecond or longer than a century, or the offset not in
        [0, stride).
    """
    if stride_min > MAX_HOURS * 60:
        raise BadSetting(f"stride ({stride_min:g} min) is longer than a century", field="stride")
    stride, offset = round(stride_min * NS_PER_MINUTE), round(offset_min * NS_PER_MINUTE)
    if stride <= 0:
        raise BadSetting(f"stride ({stride_min!r} min) must be greater than 0", field="stride")
    if not 0 <= offset < stride:
        raise BadSetting(f"offset ({offset_min:g} min) must lie in [0, {stride_min:g})", field="offset")
    begins, ends = zip(*spans, strict=True)
    first, last = min(begins), min(ends)
    anchor = first // NS_PER_HOUR * NS_PER_HOUR - NS_PER_HOUR + offset
    origin = anchor + -((anchor - first) // stride) * stride if anchor < first else anchor
    return ReferenceGrid(origin, stride, max((last - origin) // stride + 1, 0))


def lattice_of(grid: ReferenceGrid, window: Window) -> Lattice:
    """Return the coarsest lattice that holds the window of every candidate.

    >>> lattice_of(ReferenceGrid(0, 60, 10), Window(-30, 0, 3))
    Lattice(origin_ns=-30, unit=30, parts=2, hop=4, skip=1, n_points=3)
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
    )


def _rounded(number: Int64, unit: int, parts: int) -> Int64:
    """``number * unit / parts`` rounded half up, without overflow for any span of int64 nanoseconds."""
    whole, rest = divmod(unit, parts)
    return number * whole + (2 * number * rest + parts) // (2 * parts) if rest else number * whole
