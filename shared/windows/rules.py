"""A series' settings made concrete: which points, read by which rule, at any reference time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.contracts.specs import DatasetSpec, SeriesSpec
from shared.series.arrays import Int64
from shared.series.forecast_vintages import ForecastVintages
from shared.series.grid import MAX_HOURS, Window, window_of
from shared.series.problems import BadSetting, UnknownSeries
from shared.series.resample import Points, Rule, mean_between, resample, rows_before
from shared.series.series import NS_PER_HOUR, NS_PER_MINUTE, Series

AUTO_GAP_STEPS = 3


@dataclass(frozen=True)
class WindowRule:
    """How the window of one series is cut; everything that was "auto" is a number here."""

    spec: SeriesSpec
    window: Window
    averaged: tuple[int, int] | None  # bounds of the mean relative to the reference time
    rule: Rule

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
        at = ref + self.cut.window.offsets_ns()
        if self.series.issued_ns is not None:
            return self.archived(np.broadcast_to(ref, at.shape), at)
        return self.moments(at)

    def moments(self, at_ns: Int64) -> Points:
        """Return the value of a measured series at each moment (of a repeated one, reference time)."""
        if self.cut.averaged:
            begin, end = (at_ns + bound for bound in self.cut.averaged)
            return mean_between(self.series, begin, end, closed=True)
        rows = self.known if self.cut.spec.content == "latest" else self.series
        return resample(rows, at_ns, self.cut.rule)

    def archived(self, ref_ns: Int64, at_ns: Int64) -> Points:
        """Return the value at each moment as known at its reference time."""
        if self.cut.averaged:
            begin, end = (ref_ns + bound for bound in self.cut.averaged)
            return self.archive.mean(ref_ns, begin, end)
        return self.archive.resample(ref_ns, at_ns, self.cut.rule)

    def last_read_ns(self, ref_ns: Int64) -> Int64:
        """Return the stamp of the last row each window reads, shape (n,); measured series only."""
        times = self.series.times_ns
        end = ref_ns + self.cut.reach_ns[1]
        if self.cut.averaged or self.cut.spec.content == "latest" or self.cut.rule.method == "previous":
            row = rows_before(times, end)
        elif self.cut.rule.method == "mean":
            half_up = self.cut.rule.bin_ns - self.cut.rule.bin_ns // 2
            row = rows_before(times, end + half_up - 1)
        else:  # the row after, for the nearest too: it may be the nearest
            row = np.searchsorted(times, end, side="left")
        return times[np.clip(row, 0, len(times) - 1)]


def window_rule(spec: SeriesSpec, n_points: int, series: Series) -> WindowRule:
    """Return the concrete settings of one series.

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
    window = window_of(spec.horizon, n_points, spec.role)
    return resolved(
        spec, n_points, bin_ns=round(window.delta_ns) or native, max_gap_ns=_max_gap_ns(spec, native)
    )


def resolved(spec: SeriesSpec, n_points: int, *, bin_ns: int, max_gap_ns: int | None) -> WindowRule:
    """Return the cut of a series whose bin and gap are known numbers."""
    latest = spec.content == "latest"
    bounds = round(spec.horizon.start * NS_PER_HOUR), round(spec.horizon.end * NS_PER_HOUR)
    return WindowRule(
        spec=spec,
        window=window_of(spec.horizon, n_points, spec.role),
        averaged=bounds if spec.average_window and not latest else None,
        rule=Rule("previous" if latest else spec.resample, bin_ns, max_gap_ns),
    )


def sources_of(spec: DatasetSpec, series: Mapping[str, Series]) -> tuple[Source, ...]:
    """Return the sources of a data set, inputs before outputs, each role in user order.

    Raises
    ------
    UnknownSeries
        If a series was not given.
    """
    missing = sorted({s.series_id for s in spec.series} - set(series))
    if missing:
        raise UnknownSeries(
            f"series {', '.join(missing)} not found", field="series", series=", ".join(missing)
        )
    return tuple(
        Source(window_rule(s, steps, series[s.series_id]), series[s.series_id])
        for group, steps in ((spec.inputs, spec.input_steps), (spec.outputs, spec.output_steps))
        for s in group
    )


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


def _max_gap_ns(spec: SeriesSpec, native_ns: int) -> int | None:
    if spec.max_gap == "auto":
        return AUTO_GAP_STEPS * native_ns
    if spec.max_gap is None or spec.max_gap > MAX_HOURS * 60:
        return None
    return round(spec.max_gap * NS_PER_MINUTE)
