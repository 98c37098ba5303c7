"""Tracks: the values behind one column of X or Y, each series evaluated once and windows read from it.

Where the points of neighbouring windows coincide, a *lattice track* holds every point once (for a
regular series on the same grid not even a copy: a strided view of its rows). Where they do not (a
spacing that shares nothing with the stride, archived forecasts), a *point track* keeps the rows and
evaluates windows when they are asked for.
"""

from dataclasses import dataclass

import numpy as np

from shared.contracts.specs import column_names
from shared.series.arrays import Float32, Float64, Int64
from shared.series.calendar import CalendarClock, feature_values
from shared.series.grid import Lattice, ReferenceGrid, Window, lattice_of
from shared.series.resample import Code, Codes
from shared.series.series import Series
from shared.windows.plan import CalendarRule, WindowPlan
from shared.windows.series_windows import SeriesWindows

CHUNK = 1 << 18  # moments evaluated at once: bounds the working memory to some tens of MB
POINTS_PER_ROW = 4  # a lattice denser than this costs more memory than it is worth
SMALL = 4096  # points nobody minds
_AUTO = ("row", "hold", "filled")


@dataclass(frozen=True, eq=False)
class GridColumn:
    """Values on a lattice: candidate j's window is ``values[j * hop - first :: skip]``."""

    values: Float64 | Float32
    first: int  # lattice position of values[0]
    hop: int
    skip: int
    n_points: int

    def take(self, number: Int64) -> Float64 | Float32:
        """Return the windows of candidates, shape (n, n_points)."""
        start = number * self.hop - self.first
        windows: Float64 | Float32 = self.values[start[:, None] + np.arange(self.n_points) * self.skip]
        return windows

    def trimmed(self, first_number: int, last_number: int) -> "GridColumn":
        """Return the track without the points before and after two candidates' windows."""
        begin = first_number * self.hop
        stop = last_number * self.hop + (self.n_points - 1) * self.skip + 1
        values = self.values[begin - self.first : stop - self.first]
        return GridColumn(values, begin, self.hop, self.skip, self.n_points)

    def extent(self, number: Int64) -> tuple[float, float]:
        """Return the smallest and largest value in the windows of candidates (ascending, not empty)."""
        values = self.trimmed(int(number[0]), int(number[-1])).values
        solid = self.skip == 1 and self.hop <= self.n_points
        if not (solid and len(number) == number[-1] - number[0] + 1):
            # Mark the points of windows: +1 where one begins, -1 where it ends, summed along each phase.
            n_values = len(values)
            rows = -(-(n_values + self.skip) // self.skip)
            change = np.zeros(rows * self.skip, dtype=np.int32)
            begin = (number - number[0]) * self.hop
            change[begin] += 1
            change[begin + self.n_points * self.skip] -= 1
            values = values[np.cumsum(change.reshape(rows, self.skip), axis=0).ravel()[:n_values] > 0]
        return float(values.min()), float(values.max())


@dataclass(frozen=True, eq=False)
class OnDemandColumn:
    """Windows of a series evaluated from its rows on demand."""

    source: SeriesWindows
    grid: ReferenceGrid

    @property
    def n_points(self) -> int:
        """Values per window."""
        return self.source.rule.n_values

    def take(self, number: Int64) -> Float64:
        """Return the windows of candidates, shape (n, n_points)."""
        return self.source.points(self.grid.at(number)).values


@dataclass(frozen=True, eq=False)
class CalendarColumn:
    """Windows of one calendar column evaluated on demand."""

    rule: CalendarRule
    column: int
    clock: CalendarClock
    grid: ReferenceGrid

    @property
    def n_points(self) -> int:
        """Values per window."""
        return self.rule.window.n_points

    def take(self, number: Int64) -> Float32:
        """Return the windows of candidates, shape (n, n_points)."""
        at = self.rule.window.moments(self.grid.at(number), self.grid.calendar)
        values = feature_values(self.rule.feature, at.ravel(), self.rule.setting, self.clock)
        return values[:, self.column].reshape(at.shape)


Track = GridColumn | OnDemandColumn | CalendarColumn


def extent(track: Track, number: Int64) -> tuple[float, float]:
    """Return the smallest and largest value in the windows of candidates (ascending, not empty)."""
    if isinstance(track, GridColumn):
        return track.extent(number)
    lows, highs = [], []
    for block in blocks(number, track.n_points):
        values = track.take(block)
        lows.append(float(values.min()))
        highs.append(float(values.max()))
    return min(lows), max(highs)


def blocks(number: Int64, n_values: int, total: int = CHUNK) -> list[Int64]:
    """Divide candidates with ``n_values`` each into pieces of at most ``total`` values."""
    size = max(total // n_values, 1)
    return [number[begin : begin + size] for begin in range(0, len(number), size)]


def series_track(source: SeriesWindows, grid: ReferenceGrid) -> tuple[Track, Codes]:
    """Return a series' track and, per candidate, why its window is incomplete (0: it is complete).

    The code of a candidate is that of the first point of its window without a value.
    """
    lattice = _series_lattice(source, grid)
    if lattice is None:
        return OnDemandColumn(source, grid), _causal(_point_codes(source, grid), source, grid)
    size = lattice.size(grid.n)
    rows = _rows_on(source, lattice)
    values, first, codes = (
        _evaluated(source, lattice, size) if rows is None else _strided(source.series, rows, size)
    )
    track = GridColumn(values, first, lattice.hop, lattice.skip, lattice.n_points)
    found = _window_codes(codes, lattice, grid.n)
    return track, found if rows is not None else _causal(found, source, grid)


def _causal(codes: Codes, source: SeriesWindows, grid: ReferenceGrid) -> Codes:
    """Leave out the windows that would have to fill a gap from behind their reference time."""
    if codes.size and source.rule.resampling.method in _AUTO:
        codes[(codes == Code.OK) & source.reads_ahead(grid.at(np.arange(grid.n)))] = Code.GAP
    return codes


def calendar_columns(plan: WindowPlan) -> list[Track]:
    """Return the calendar columns of X, each evaluated when it is asked for."""
    return [
        CalendarColumn(rule, column, plan.clock, plan.grid)
        for rule in plan.calendar
        for column in range(len(column_names(rule.feature)))
    ]


def calendar_tracks(rule: CalendarRule, grid: ReferenceGrid, clock: CalendarClock) -> tuple[Track, ...]:
    """Return the tracks of one calendar feature, one per column."""
    lattice = lattice_of(grid, rule.window)
    size = lattice.size(grid.n)
    columns = range(len(column_names(rule.feature)))
    if size > POINTS_PER_ROW * grid.n + SMALL:
        return tuple(CalendarColumn(rule, column, clock, grid) for column in columns)
    values = np.empty((len(columns), size), dtype=np.float32)
    for begin in range(0, size, CHUNK):
        stop = min(begin + CHUNK, size)
        at = lattice.times(begin, stop)
        values[:, begin:stop] = feature_values(rule.feature, at, rule.setting, clock).T
    return tuple(GridColumn(row, 0, lattice.hop, lattice.skip, lattice.n_points) for row in values)


def _series_lattice(source: SeriesWindows, grid: ReferenceGrid) -> Lattice | None:
    """Return the lattice of a series if one is worth having."""
    if source.series.issued_ns is not None:
        return None
    if source.rule.repeats:
        return lattice_of(grid, Window(0, 0, 1))
    lattice = lattice_of(grid, source.rule.window)
    worth = POINTS_PER_ROW * len(source.series) + SMALL
    return lattice if lattice.size(grid.n) <= worth else None


def _rows_on(source: SeriesWindows, lattice: Lattice) -> tuple[int, int] | None:
    """Return (row of point 0, rows per point) if every point is a row of a regular series."""
    method = source.rule.resampling.method
    if source.rule.repeats or lattice.calendar is not None or method not in ("linear", *_AUTO):
        return None
    if method in _AUTO and np.isnan(source.series.values).any():
        return None
    step = regular_step(source.series.times_ns)
    ahead = lattice.origin_ns - int(source.series.times_ns[0])
    if step is None or lattice.unit % (step * lattice.parts) or ahead % step:
        return None
    return ahead // step, lattice.unit // (step * lattice.parts)


def regular_step(times_ns: Int64) -> int | None:
    """Return the distance of all neighbouring stamps, None if they differ.

    >>> regular_step(np.array([0, 5, 10])), regular_step(np.array([0, 5, 11]))
    (5, None)
    """
    step = int(times_ns[1] - times_ns[0])
    even = int(times_ns[-1] - times_ns[0]) == step * (len(times_ns) - 1)
    return step if even and bool((np.diff(times_ns) == step).all()) else None


def _strided(series: Series, rows: tuple[int, int], size: int) -> tuple[Float64, int, Codes]:
    """Return (view of the rows that are points, lattice position of the first, code of every point)."""
    first, every = rows
    begin = min(max(-(first // every), 0), size)
    stop = min(max((len(series) - 1 - first) // every + 1, begin), size)
    codes = np.zeros(size, dtype=np.uint8)
    codes[:begin] = Code.BEFORE_START
    codes[stop:] = Code.AFTER_END
    values = series.values[first + begin * every :: every][: stop - begin]
    codes[begin:stop][np.isnan(values)] = Code.MISSING_VALUE
    return values, begin, codes


def _evaluated(source: SeriesWindows, lattice: Lattice, size: int) -> tuple[Float64, int, Codes]:
    """Evaluate every point of a lattice, a chunk at a time."""
    values, codes = np.empty(size), np.empty(size, dtype=np.uint8)
    for begin in range(0, size, CHUNK):
        stop = min(begin + CHUNK, size)
        points = source.moments(lattice.times(begin, stop))
        values[begin:stop], codes[begin:stop] = points.values, points.codes
    return values, 0, codes


def _window_codes(codes: Codes, lattice: Lattice, n_windows: int) -> Codes:
    """Return per window the code of its first point without a value, 0 if all have one."""
    reasons = np.zeros(n_windows, dtype=np.uint8)
    bad = np.flatnonzero(codes)
    if len(bad) == 0 or n_windows == 0:
        return reasons
    rows = -(-len(codes) // lattice.skip)
    upcoming = np.full(rows * lattice.skip, np.iinfo(np.int64).max)
    upcoming[bad] = bad
    phases = upcoming.reshape(rows, lattice.skip)[::-1]  # points a skip apart, last row first
    np.minimum.accumulate(phases, axis=0, out=phases)
    begin = np.arange(n_windows) * lattice.hop
    first_bad = upcoming[begin]
    broken = first_bad <= begin + (lattice.n_points - 1) * lattice.skip
    reasons[broken] = codes[first_bad[broken]]
    return reasons


def _point_codes(source: SeriesWindows, grid: ReferenceGrid) -> Codes:
    """The same for windows that share no points."""
    reasons = [np.zeros(0, dtype=np.uint8)]
    for number in blocks(np.arange(grid.n), source.rule.n_values):
        codes = source.points(grid.at(number)).codes
        reasons.append(codes[np.arange(len(number)), np.argmax(codes > 0, axis=1)])
    return np.concatenate(reasons)
