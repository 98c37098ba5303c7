"""A series' settings made concrete: which points, read by which rule, at any reference time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shared.contracts.specs import DatasetSpec, SeriesSpec
from shared.series.arrays import Bool, Int64
from shared.series.calendar_steps import CalendarSteps, shifted
from shared.series.forecast_vintages import ForecastVintages
from shared.series.grid import MAX_HOURS, ReferenceGrid, Window, window_of
from shared.series.problems import BadSetting, UnknownSeries
from shared.series.resample import Code, Method, Points, Rule, mean_between, neighbours, resample, rows_before
from shared.series.row_clock import RowClock, row_clock
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE, Series

AUTO_GAP_STEPS = 3
_BACKWARD: tuple[Method, ...] = ("previous", "row")

_NEAR_NS = 1_000  # rounding of hours given as floating-point numbers stays far below


@dataclass(frozen=True)
class WindowRule:
    """How the window of one series is cut; everything that was "auto" is a number here."""

    spec: SeriesSpec
    window: Window
    averaged: tuple[int, int] | None  # bounds of the mean relative to the reference time
    rule: Rule
    calendar: CalendarSteps | None = None  # the steps windows are laid out on; None = UTC

    @property
    def repeats(self) -> bool:
        """Whether a window is one value repeated."""
        return self.averaged is not None or self.spec.content == "latest"

    @property
    def n_values(self) -> int:
        """Different values a window holds."""
        return 1 if self.repeats else self.window.n_points

    @property
    def reach_ns(self) -> tuple[int, int]:
        """First and last moment of the window relative to the reference time."""
        if self.spec.content == "latest":
            return 0, 0
        return self.averaged or (self.window.start_ns, self.window.end_ns)


@dataclass(frozen=True, eq=False)
class Source:
    """The rows a cut reads, indexed once."""

    cut: WindowRule
    series: Series

    @cached_property
    def archive(self) -> ForecastVintages:
        """The rows as an archive of forecasts."""
        return ForecastVintages.of(self.series)

    @cached_property
    def known(self) -> Series:
        """The rows that are numbers."""
        finite = np.isfinite(self.series.values)
        return Series(self.series.name, self.series.times_ns[finite], self.series.values[finite])

    def points(self, ref_ns: Int64) -> Points:
        """Return the window of each reference time, shape (n, n_values)."""
        ref = ref_ns[:, None]
        if self.cut.repeats:
            return self.archived(ref, ref) if self.series.issued_ns is not None else self.moments(ref)
        at = self.cut.window.moments(ref_ns, self.cut.calendar)
        if self.series.issued_ns is not None:
            return self.archived(np.broadcast_to(ref, at.shape), at)
        return self.moments(at)

    def moments(self, at_ns: Int64) -> Points:
        """Return the value of a measured series at each moment (of a repeated one, reference time)."""
        if self.cut.averaged:
            begin, end = (shifted(at_ns, bound, self.cut.calendar) for bound in self.cut.averaged)
            return mean_between(self.series, begin, end, closed=True)
        rows = self.known if self.cut.spec.content == "latest" else self.series
        return resample(rows, at_ns, self.cut.rule)

    def archived(self, ref_ns: Int64, at_ns: Int64) -> Points:
        """Return the value at each moment as known at its reference time."""
        if self.cut.averaged:
            begin, end = (shifted(ref_ns, bound, self.cut.calendar) for bound in self.cut.averaged)
            return self.archive.mean(ref_ns, begin, end)
        return self.archive.resample(ref_ns, at_ns, self.cut.rule)

    def last_read_ns(self, ref_ns: Int64) -> Int64:
        """Return the stamp of the last row each window reads, shape (n,); measured series only."""
        times = self.series.times_ns
        end = shifted(ref_ns, self.cut.reach_ns[1], self.cut.calendar)
        if self.cut.averaged or self.cut.spec.content == "latest" or self.cut.rule.method in _BACKWARD:
            row = rows_before(times, end)
        elif self.cut.rule.method == "mean":
            half_up = self.cut.rule.bin_ns - self.cut.rule.bin_ns // 2
            row = rows_before(times, end + half_up - 1)
        elif self.cut.rule.method in ("hold", "filled"):
            return self._last_filled_ns(end)
        else:  # the row after, for the nearest too: it may be the nearest
            row = np.searchsorted(times, end, side="left")
        return times[np.clip(row, 0, len(times) - 1)]

    def _last_filled_ns(self, end_ns: Int64) -> Int64:
        """The same where only a moment without a row of its own reads the number after it."""
        before, after = neighbours(self.known.times_ns, end_ns, "linear")
        last = len(self.known) - 1
        before, after = (self.known.times_ns[np.clip(row, 0, last)] for row in (before, after))
        return np.where(self.has_own_row(end_ns), before, after)

    def has_own_row(self, at_ns: Int64) -> Bool:
        """Tell the moments whose value is a row of the series, not made of two."""
        rule = replace(self.cut.rule, max_gap_ns=0)
        return np.equal(resample(self.known, at_ns, rule).codes, Code.OK)

    def reads_ahead(self, ref_ns: Int64) -> Bool:
        """Tell the reference times at which an ``auto`` input of the past would read a row after them."""
        past = self.cut.spec.role == "input" and self.cut.reach_ns[1] <= 0
        if not past or self.cut.rule.method not in ("hold", "filled") or self.cut.repeats:
            return np.zeros(len(ref_ns), dtype=np.bool_)
        return self.last_read_ns(ref_ns) > ref_ns


def window_rule(
    spec: SeriesSpec,
    n_points: int,
    series: Series,
    *,
    grid: ReferenceGrid | None = None,
    zone: str = "UTC",
) -> WindowRule:
    """Return the concrete settings of one series.

    Parameters
    ----------
    grid
        The reference times, whose calendar windows are laid out on; ``auto`` targets are rows only if
        the points of their windows can be.
    zone
        Whose wall clock the rows may keep.

    Raises
    ------
    BadSetting
        If role, content and rows contradict each other, or the horizon is out of bounds.
    SeriesTooShort, NoNumbers
        If the series has fewer than two rows or not one number.
    """
    _check_content(spec, series)
    series.statistics()  # refuses a series without numbers
    native = series.native_step_ns()
    calendar = None if grid is None else grid.calendar
    window = window_of(spec.horizon, n_points, spec.role).on_steps(calendar)
    clock = row_clock(np.unique(series.times_ns), zone)
    return resolved(
        spec,
        n_points,
        bin_ns=round(window.delta_ns) or native,
        max_gap_ns=_max_gap_ns(spec, clock),
        method=_method(spec, window, clock, grid, series),
        clock=clock if spec.resample == "auto" else None,
        calendar=calendar,
    )


def resolved(
    spec: SeriesSpec,
    n_points: int,
    *,
    bin_ns: int,
    max_gap_ns: int | None,
    method: Method | None = None,
    clock: RowClock | None = None,
    calendar: CalendarSteps | None = None,
) -> WindowRule:
    """Return the cut of a series whose bin, gap, method and clock are known."""
    latest = spec.content == "latest"
    bounds = round(spec.horizon.start * NS_PER_HOUR), round(spec.horizon.end * NS_PER_HOUR)
    return WindowRule(
        spec=spec,
        window=window_of(spec.horizon, n_points, spec.role).on_steps(calendar),
        averaged=bounds if spec.average_window and not latest else None,
        rule=Rule("previous" if latest else method or spec.resample, bin_ns, max_gap_ns, clock),
        calendar=calendar,
    )


def target_clock(spec: DatasetSpec, series: Mapping[str, Series]) -> RowClock | None:
    """Return the clock of the first target's rows, which reference times follow; None if it has none."""
    target = series.get(spec.outputs[0].series_id)
    if target is None or len(target) < 2 or target.issued_ns is not None:
        return None
    return row_clock(target.times_ns, spec.calendar.timezone)


def sources_of(
    spec: DatasetSpec, series: Mapping[str, Series], grid: ReferenceGrid | None = None
) -> tuple[Source, ...]:
    """Return the sources of a data set, inputs before outputs, each role in user order.

    Raises
    ------
    BadSetting, SeriesTooShort, NoNumbers
        As `window_rule` does.
    """
    zone = spec.calendar.timezone
    return tuple(
        Source(window_rule(s, steps, series[s.series_id], grid=grid, zone=zone), series[s.series_id])
        for group, steps in ((spec.inputs, spec.input_steps), (spec.outputs, spec.output_steps))
        for s in group
    )


def require_series(spec: DatasetSpec, series: Mapping[str, Series]) -> None:
    """Do nothing if every series of a data set was given.

    Raises
    ------
    UnknownSeries
        Naming those that were not.
    """
    missing = sorted({s.series_id for s in spec.series} - set(series))
    if missing:
        raise UnknownSeries(
            f"series {', '.join(missing)} not found", field="series", series=", ".join(missing)
        )


def _method(
    spec: SeriesSpec, window: Window, clock: RowClock, grid: ReferenceGrid | None, series: Series
) -> Method | None:
    """Return what ``auto`` means for a series; None where the settings name the method."""
    if spec.resample != "auto":
        return None
    if series.issued_ns is not None:
        return "linear"
    if spec.role == "output":
        return "row" if grid is None or _on_slots(window, clock, grid) else "filled"
    if spec.horizon.end > 0:
        return "filled"
    coarser = window.n_points > 1 and clock.step_ns > window.delta_ns
    beside = grid is not None and not _on_slots(Window(window.end_ns, window.end_ns, 1), clock, grid)
    return "hold" if coarser or beside or not clock.exact else "filled"


def _on_slots(window: Window, clock: RowClock, grid: ReferenceGrid) -> bool:
    """Tell whether all points of all windows are slots of the rows; a spacing beside them asks for more."""
    if grid.calendar is not None:
        return True
    ahead = grid.origin_ns + window.start_ns - clock.origin_ns
    whole = (grid.stride_ns, window.start_ns, *([round(window.delta_ns)] if window.n_points > 1 else []))
    # Horizons come as hours in floating point: a microsecond is no distance.
    beside = ((n + _NEAR_NS) % clock.step_ns for n in (ahead, *whole))
    return clock.calendar is None and all(distance <= 2 * _NEAR_NS for distance in beside)


def _check_content(spec: SeriesSpec, series: Series) -> None:
    where = f"{spec.role} {spec.name!r}"
    if spec.role == "output" and (spec.content != "measured" or series.issued_ns is not None):
        raise BadSetting(f"{where}: an output must be measured", field="content", series=spec.name)
    if spec.content == "forecast" and series.issued_ns is None:
        raise BadSetting(
            f"{where}: content is 'forecast', but the rows carry no issue time",
            suggestions=("Name the column with the issue times, or use content 'measured'.",),
            field="content",
            series=spec.name,
        )
    if spec.content == "measured" and series.issued_ns is not None:
        raise BadSetting(
            f"{where}: the rows carry issue times, but content is 'measured'",
            suggestions=("Use content 'forecast'.",),
            field="content",
            series=spec.name,
        )


def _max_gap_ns(spec: SeriesSpec, clock: RowClock) -> int | None:
    if spec.max_gap == "auto":
        longest = AUTO_GAP_STEPS * clock.step_ns
        return longest if clock.calendar is None else longest + longest // 20  # months differ by days
    if spec.max_gap is None or spec.max_gap > MAX_HOURS * 60:
        return None
    return round(spec.max_gap * NS_PER_MINUTE)
