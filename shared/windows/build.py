"""From series and settings to windows: cut, align, index, split, fit the scalers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec, Range
from shared.series.arrays import Int64
from shared.series.grid import ReferenceGrid
from shared.series.problems import TooLarge
from shared.series.resample import Code
from shared.series.series import Series
from shared.windows.columns import GridColumn, Track, calendar_tracks, extent, series_track
from shared.windows.dropped import DroppedWindows, drop_report
from shared.windows.plan import WindowPlan
from shared.windows.scaling import Scaler, min_max_scaler
from shared.windows.series_windows import SeriesWindows
from shared.windows.split import Parts, split
from shared.windows.warnings import dataset_warnings

MAX_CANDIDATES = 50_000_000


@dataclass(frozen=True, eq=False)
class Assembly:
    """Everything a data set consists of.

    Samples are numbered 0 .. n - 1 in time order; ``numbers[i]`` is the place of sample i on the grid
    of candidate reference times. ``sources`` are the inputs in user order, then the outputs.
    """

    plan: WindowPlan  # the settings made concrete: reference times, and how every window is cut
    sources: tuple[SeriesWindows, ...]
    numbers: Int64
    x_tracks: tuple[Track, ...]
    y_tracks: tuple[Track, ...]
    x_scaler: Scaler
    y_scaler: Scaler
    drops: DroppedWindows  # why reference times did not become samples
    findings: tuple[Problem, ...]  # what a user should know: look-ahead, leaking split, empty parts
    chosen: Parts | None = None  # parts that are not those of the split, as in a backtest

    @property
    def spec(self) -> DatasetSpec:
        """The settings the data set was built with."""
        return self.plan.spec

    @cached_property
    def ref_ns(self) -> Int64:
        """Reference times of the samples, Unix nanoseconds, shape (n_windows,)."""
        return self.plan.grid.at(self.numbers)

    @cached_property
    def parts(self) -> Parts:
        """Which samples belong to which part."""
        return self.chosen or parts_of(self.plan, self.ref_ns)

    @classmethod
    def of(cls, plan: WindowPlan, series: Mapping[str, Series]) -> Self:
        """Cut every series into windows and keep the reference times at which all are complete.

        There may be none: the assembly is then empty and its drop report says why.

        Raises
        ------
        InvalidInput
            One of `shared.series.problems`, naming the setting or the series.
        """
        grid = plan.grid
        check_size(grid)
        sources = tuple(SeriesWindows(rule, series[rule.spec.series_id]) for rule in plan.rules)
        tracks, codes = zip(*(series_track(source, grid) for source in sources), strict=True)
        complete = np.logical_and.reduce([code == Code.OK for code in codes])
        numbers = np.flatnonzero(complete)
        drops = drop_report(plan.rules, codes, grid)
        ref_ns = grid.at(numbers)
        parts = parts_of(plan, ref_ns)
        calendar = (track for rule in plan.calendar for track in calendar_tracks(rule, grid, plan.clock))
        x_tracks = (*tracks[: len(plan.inputs)], *calendar)
        y_tracks = tracks[len(plan.inputs) :]
        return cls(
            plan=plan,
            sources=sources,
            numbers=numbers,
            x_tracks=tuple(_trimmed(track, numbers) for track in x_tracks),
            y_tracks=tuple(_trimmed(track, numbers) for track in y_tracks),
            x_scaler=_fitted(x_tracks, numbers[parts.train], plan.x_ranges),
            y_scaler=_fitted(y_tracks, numbers[parts.train], plan.y_ranges),
            drops=drops,
            findings=dataset_warnings(plan.spec, sources, ref_ns, parts, drops),
        )

    def divided(self, parts: Parts) -> Self:
        """Return the same samples in other parts; scalers see the new training part and nothing else."""
        train = self.numbers[parts.train]
        return replace(
            self,
            chosen=parts,
            x_scaler=_fitted(self.x_tracks, train, self.plan.x_ranges),
            y_scaler=_fitted(self.y_tracks, train, self.plan.y_ranges),
        )


def parts_of(plan: WindowPlan, ref_ns: Int64) -> Parts:
    """Divide the samples; only targets count, what a sample reads of the past was known at its time."""
    calendar = plan.grid.calendar  # reaches count nominal days and months
    nominal = ref_ns if calendar is None else calendar.nominal(ref_ns)
    return split(nominal, plan.spec.split, reach_ns=plan.target_reach_ns)


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
