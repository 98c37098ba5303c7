"""From series and settings to windows: cut, align, index, split, fit the scalers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec, Range
from shared.series.arrays import Int64
from shared.series.calendar import Clock, clock_of
from shared.series.grid import ReferenceGrid, reference_grid
from shared.series.problems import TooLarge
from shared.series.resample import Code
from shared.series.series import Series
from shared.windows.columns import GridColumn, Track, calendar_tracks, extent, series_track
from shared.windows.dropped import DroppedWindows, drop_report
from shared.windows.layout import x_ranges, y_ranges
from shared.windows.rules import Source, require_series, sources_of, target_clock
from shared.windows.scaling import Scaler, min_max_scaler
from shared.windows.split import Parts, split
from shared.windows.warnings import dataset_warnings

MAX_CANDIDATES = 50_000_000


@dataclass(frozen=True, eq=False)
class Assembly:
    """Everything a data set consists of.

    Samples are numbered 0 .. n - 1 in time order; ``numbers[i]`` is the place of sample i on the grid
    of candidate reference times. ``sources`` are the inputs in user order, then the outputs.
    """

    spec: DatasetSpec
    sources: tuple[Source, ...]
    clock: Clock
    grid: ReferenceGrid
    numbers: Int64
    x_tracks: tuple[Track, ...]
    y_tracks: tuple[Track, ...]
    x_scaler: Scaler
    y_scaler: Scaler
    drops: DroppedWindows
    findings: tuple[Problem, ...]
    chosen: Parts | None = None  # parts that are not those of the split, as in a backtest

    @cached_property
    def ref_ns(self) -> Int64:
        """Reference times of the samples, Unix nanoseconds."""
        return self.grid.at(self.numbers)

    @cached_property
    def parts(self) -> Parts:
        """Which samples belong to which part."""
        return self.chosen or parts_of(self.spec, self.sources, self.ref_ns)

    def divided(self, parts: Parts) -> "Assembly":
        """Return the same samples in other parts, with scalers fitted on the training part of these."""
        train = self.numbers[parts.train]
        return replace(
            self,
            chosen=parts,
            x_scaler=_fitted(self.x_tracks, train, x_ranges(self.spec)),
            y_scaler=_fitted(self.y_tracks, train, y_ranges(self.spec)),
        )


def assemble(spec: DatasetSpec, series: Mapping[str, Series]) -> Assembly:
    """WindowRule every series into windows and keep the reference times at which all are complete.

    There may be none: the assembly is then empty and its drop report says why.

    Raises
    ------
    InvalidInput
        One of `shared.series.problems`, naming the setting or the series.
    """
    clock = clock_of(spec.calendar)
    require_series(spec, series)
    grid = reference_grid(
        spans_of(spec, series),
        stride_min=spec.stride,
        offset_min=spec.offset,
        rows=target_clock(spec, series),
    )
    check_size(grid)
    sources = sources_of(spec, series, grid)
    tracks, codes = zip(*(series_track(source, grid) for source in sources), strict=True)
    complete = np.logical_and.reduce([code == Code.OK for code in codes])
    numbers = np.flatnonzero(complete)
    drops = drop_report([source.cut for source in sources], codes, grid)
    ref_ns = grid.at(numbers)
    parts = parts_of(spec, sources, ref_ns)
    x_tracks = (*tracks[: len(spec.inputs)], *_calendar(spec, grid, clock))
    y_tracks = tracks[len(spec.inputs) :]
    return Assembly(
        spec=spec,
        sources=sources,
        clock=clock,
        grid=grid,
        numbers=numbers,
        x_tracks=tuple(_trimmed(track, numbers) for track in x_tracks),
        y_tracks=tuple(_trimmed(track, numbers) for track in y_tracks),
        x_scaler=_fitted(x_tracks, numbers[parts.train], x_ranges(spec)),
        y_scaler=_fitted(y_tracks, numbers[parts.train], y_ranges(spec)),
        drops=drops,
        findings=dataset_warnings(spec, sources, ref_ns, parts, drops),
    )


def parts_of(spec: DatasetSpec, sources: Sequence[Source], ref_ns: Int64) -> Parts:
    """Divide the samples; only targets count, what a sample reads of the past was known at its time."""
    reaches = [source.cut.reach_ns for source in sources if source.cut.spec.role == "output"]
    reach = min(begin for begin, _ in reaches), max(end for _, end in reaches)
    calendar = sources[0].cut.calendar  # reaches count nominal days and months
    ref_ns = ref_ns if calendar is None else calendar.nominal(ref_ns)
    return split(ref_ns, spec.split, reach_ns=reach)


def spans_of(spec: DatasetSpec, series: Mapping[str, Series]) -> list[tuple[int, int]]:
    """Return the first and last stamp of every input.

    Raises
    ------
    NoNumbers
        If an input has no rows.
    """
    inputs = [series[s.series_id] for s in spec.inputs]
    for one in inputs:
        one.statistics()  # refuses a series without rows
    return [(int(one.times_ns[0]), int(one.times_ns[-1])) for one in inputs]


def check_size(grid: ReferenceGrid) -> None:
    """Refuse a grid nobody can hold.

    Raises
    ------
    TooLarge
        If there are more than ``MAX_CANDIDATES`` reference times.
    """
    if grid.n > MAX_CANDIDATES:
        stride = grid.stride_ns / 6e10 * grid.n / MAX_CANDIDATES
        raise TooLarge(
            f"stride gives {grid.n} reference times, at most {MAX_CANDIDATES} can be held",
            suggestions=(f"Set stride to at least {stride:.3g} minutes.",),
            field="stride",
            n_windows=grid.n,
            limit=MAX_CANDIDATES,
        )


def _calendar(spec: DatasetSpec, grid: ReferenceGrid, clock: Clock) -> list[Track]:
    return [
        track
        for name, setting in spec.calendar.enabled()
        for track in calendar_tracks(name, setting, grid, spec.input_steps, clock)
    ]


def _trimmed(track: Track, numbers: Int64) -> Track:
    if not isinstance(track, GridColumn) or len(numbers) == 0:
        return track
    return track.trimmed(int(numbers[0]), int(numbers[-1]))


def _fitted(tracks: Sequence[Track], train: Int64, ranges: Sequence[Range | None]) -> Scaler:
    """Fit min-max scaling on the training samples; without any, columns stay between 0 and 1."""
    if len(train) == 0:
        return min_max_scaler(np.zeros(len(tracks)), np.ones(len(tracks)), ranges)
    ends = [
        (0.0, 1.0) if target is None else extent(track, train)
        for track, target in zip(tracks, ranges, strict=True)
    ]
    lo, hi = np.array(ends, dtype=np.float64).T
    return min_max_scaler(lo, hi, ranges)
