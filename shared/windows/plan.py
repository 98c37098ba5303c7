"""The plan of a data set: its settings made concrete once, for the estimate, the build and every forecast.

What was "auto" or told in hours is a number here: where reference times lie, which points every window has,
by which rule each is read. Nobody else interprets a `DatasetSpec`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.specs import CalendarFeature, DatasetSpec, Feature, Range, SeriesSpec, column_names
from shared.series.calendar import CalendarClock, calendar_window, clock_of
from shared.series.calendar_steps import CalendarSteps
from shared.series.grid import MAX_HOURS, ReferenceGrid, Window, reference_grid, window_of
from shared.series.problems import BadSetting, UnknownSeries
from shared.series.resample import Method, Rule
from shared.series.row_clock import RowClock, row_clock
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE, Series

AUTO_GAP_STEPS = 3
_NEAR_NS = 1_000  # rounding of hours given as floating-point numbers stays far below


@dataclass(frozen=True)
class WindowRule:
    """How the window of one series is cut; everything that was "auto" is a number here."""

    spec: SeriesSpec
    window: Window
    averaged: tuple[int, int] | None  # bounds of the mean relative to the reference time
    resampling: Rule
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

    @property
    def known_ahead(self) -> bool:
        """Whether the window reaches past the reference time: an input must then be known in advance."""
        return self.reach_ns[1] > 0 and self.spec.content != "latest"


@dataclass(frozen=True)
class CalendarRule:
    """Where one calendar feature is read."""

    feature: Feature
    setting: CalendarFeature
    window: Window


@dataclass(frozen=True)
class WindowPlan:
    """A data set's settings made concrete against the rows of its series.

    Columns of X are the ``inputs`` in user order, then those of the ``calendar``; those of Y the ``outputs``.
    """

    spec: DatasetSpec
    grid: ReferenceGrid
    clock: CalendarClock  # whose wall clock and holidays calendar features follow
    inputs: tuple[WindowRule, ...]
    outputs: tuple[WindowRule, ...]
    calendar: tuple[CalendarRule, ...]

    @property
    def rules(self) -> tuple[WindowRule, ...]:
        """The rules of all series, inputs before outputs."""
        return (*self.inputs, *self.outputs)

    @property
    def x_ranges(self) -> list[Range | None]:
        """The target range of each column of X."""
        calendar = [rule.setting.scale for rule in self.calendar for _ in column_names(rule.feature)]
        return [*(rule.spec.scale for rule in self.inputs), *calendar]

    @property
    def y_ranges(self) -> list[Range | None]:
        """The target range of each column of Y."""
        return [rule.spec.scale for rule in self.outputs]

    @property
    def target_reach_ns(self) -> tuple[int, int]:
        """First and last moment of all targets of a sample relative to its reference time."""
        begins, ends = zip(*(rule.reach_ns for rule in self.outputs), strict=True)
        return min(begins), max(ends)


def plan_windows(spec: DatasetSpec, series: Mapping[str, Series]) -> WindowPlan:
    """Return the plan of a data set.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``; more than the settings use are welcome.

    Raises
    ------
    UnknownSeries
        If a series is not given.
    BadSetting
        If settings contradict each other or the rows, or lie out of bounds.
    SeriesTooShort, NoNumbers
        If a series has fewer than two rows or not one number.
    """
    clock = clock_of(spec.calendar)
    missing = ", ".join(sorted({s.series_id for s in spec.series} - set(series)))
    if missing:
        raise UnknownSeries(f"series {missing} not found", field="series", series=missing)
    inputs = [series[s.series_id] for s in spec.inputs]
    for one in inputs:
        one.require_numbers()
    target = series[spec.outputs[0].series_id]
    has_clock = len(target) > 1 and target.issued_ns is None
    grid = reference_grid(
        [(int(one.times_ns[0]), int(one.times_ns[-1])) for one in inputs],
        stride_min=spec.stride,
        offset_min=spec.offset,
        rows=row_clock(target.times_ns, spec.calendar.timezone) if has_clock else None,
    )
    zone = spec.calendar.timezone
    rules = [
        [window_rule(s, steps, series[s.series_id], grid=grid, zone=zone) for s in group]
        for group, steps in ((spec.inputs, spec.input_steps), (spec.outputs, spec.output_steps))
    ]
    return WindowPlan(spec, grid, clock, tuple(rules[0]), tuple(rules[1]), calendar_rules(spec, grid))


def calendar_rules(spec: DatasetSpec, grid: ReferenceGrid) -> tuple[CalendarRule, ...]:
    """Return where the enabled calendar features are read, in column order."""
    return tuple(
        CalendarRule(name, setting, calendar_window(setting, spec.input_steps).on_steps(grid.calendar))
        for name, setting in spec.calendar.enabled()
    )


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
    series.require_numbers()
    native = series.native_step_ns()
    calendar = None if grid is None else grid.calendar
    window = window_of(spec.horizon, n_points, spec.role).on_steps(calendar)
    clock = row_clock(series.stamps_ns, zone)
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
    """Return the rule of a series whose bin, gap, method and clock are known."""
    latest = spec.content == "latest"
    bounds = round(spec.horizon.start * NS_PER_HOUR), round(spec.horizon.end * NS_PER_HOUR)
    return WindowRule(
        spec=spec,
        window=window_of(spec.horizon, n_points, spec.role).on_steps(calendar),
        averaged=bounds if spec.average_window and not latest else None,
        resampling=Rule("previous" if latest else method or spec.resample, bin_ns, max_gap_ns, clock),
        calendar=calendar,
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


def _max_gap_ns(spec: SeriesSpec, clock: RowClock) -> int | None:
    if spec.max_gap == "auto":
        longest = AUTO_GAP_STEPS * clock.step_ns
        return longest if clock.calendar is None else longest + longest // 20  # months differ by days
    if spec.max_gap is None or spec.max_gap > MAX_HOURS * 60:
        return None
    return round(spec.max_gap * NS_PER_MINUTE)
