"""The time index of a file: one reading of its stamps, UTC, ascending, each once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import JsonValue

from services.ingest.core.fixed_width import Cells
from services.ingest.core.options import ReadOptions
from services.ingest.core.periods import with_periods
from services.ingest.core.problems import MixedZones
from services.ingest.core.quality import Clock, Found, TimeFindings, time_findings
from services.ingest.core.rows import Rows
from services.ingest.core.time_column import choose_reading, require_one_clock
from services.ingest.core.timestamps import Readings
from shared.series.arrays import Bool, Float64, Int64
from shared.series.problems import BadSetting
from shared.series.wall_clock import to_utc, zone_info

_MINUTE_NS = 60 * 10**9
Doubled = Literal["last", "first", "mean", "sum"]


@dataclass(frozen=True)
class TimeIndex:
    """Where each row belongs.

    Attributes
    ----------
    times_ns, issued_ns, lines
        Shape (n,): UTC target times, issue times of archived forecasts, and the lines of these rows;
        ascending by target time, then by issue time, without repeats.
    kept
        Shape (n,), the rows of the file in that order; None if all of them are in order already.
    groups
        Where stamps repeat: all rows in ascending order, and where in it each stamp begins.
    day_first
        Whether dates were read day first; None where it makes no difference.
    timezone
        The clock the stamps were read by.
    findings
        What is odd about the stamps.
    """

    times_ns: Int64
    issued_ns: Int64 | None
    lines: Int64
    kept: Int64 | None
    groups: tuple[Int64, Int64] | None
    day_first: bool | None
    timezone: str
    findings: TimeFindings

    def arrange(self, values: Float64, doubled: Doubled = "last") -> Float64:
        """Bring a column of the file into the order of the stamps, one value for each."""
        if self.kept is None or self.groups is None:
            return values if self.kept is None else values[self.kept]
        order, begin = self.groups
        ordered = values[order]
        match doubled:
            case "last":
                return values[self.kept]
            case "first":
                return ordered[begin]
            case _:
                finite = np.isfinite(ordered)
                total = np.add.reduceat(np.where(finite, ordered, 0.0), begin)
                count = np.add.reduceat(finite.astype(np.int64), begin)
                total[count == 0] = np.nan
                return total / np.maximum(count, 1) if doubled == "mean" else total

    @property
    def stamps_of_rows(self) -> Int64:
        """The UTC stamp of every row in the order of the file, shape (n_rows,)."""
        if self.kept is None:
            return self.times_ns
        order, begin = self.groups or (self.kept, np.arange(len(self.kept)))
        stamps = np.empty(len(order), dtype=np.int64)
        stamps[order] = self.times_ns[np.cumsum(np.isin(np.arange(len(order)), begin)) - 1]
        return stamps

    def conflicting(self, values: Float64, texts: Collection[Cells] = ()) -> Bool:
        """Tell the rows of the file, shape (n_rows,), that say something else than the row that holds.

        Parameters
        ----------
        values
            Shape (n_columns, n_rows), in the order of the file.
        texts
            Other columns, each of shape (n_rows,).
        """
        found = np.zeros(values.shape[1], dtype=np.bool_)
        if self.kept is None or self.groups is None:
            return found
        order, begin = self.groups
        group = np.cumsum(np.isin(np.arange(len(order)), begin)) - 1
        holding = values[:, self.kept[group]]
        other = values[:, order]
        differs = ~((other == holding) | (np.isnan(other) & np.isnan(holding))).all(axis=0)
        for cells in texts:
            differs |= cells[self.kept[group]] != cells[order]
        found[order[differs]] = True
        return found


def build_time_index(rows: Rows, options: ReadOptions, *, counted: bool = False) -> TimeIndex:
    """Choose one reading for the whole column, turn it into UTC, sort it, let the last of equals win.

    Raises
    ------
    AmbiguousTimestamps, BadTimestamp, MixedZones
        If the column does not have one reading and one clock.
    UnknownZone, BadSetting
        If the options name no time zone that exists, or none where one is needed.
    """
    zone_info(options.timezone or "UTC")
    if options.interval_end_minutes and options.timezone in (None, "UTC"):
        raise BadSetting(
            "interval_end_minutes only matters where a local clock changes: name the time zone with it",
            field="interval_end_minutes",
        )
    times, day_first, clock, zone = _utc(rows.times, rows.lines, options, rows.periods_ns, counted=counted)
    issued = None if rows.issued is None else _utc(rows.issued, rows.lines, options)[0]
    kept, overruled, groups = _order(times, issued)
    late = np.flatnonzero(np.diff(times) < 0) + 1 if issued is None else np.empty(0, dtype=np.int64)
    sorted_times, lines = (times, rows.lines) if kept is None else (times[kept], rows.lines[kept])
    if issued is not None and kept is not None:
        issued = issued[kept]
    targets, first = (
        (sorted_times, slice(None)) if issued is None else np.unique(sorted_times, return_index=True)
    )
    findings = time_findings(
        targets, lines[first], unsorted=rows.lines[late], duplicates=rows.lines[overruled], clock=clock
    )
    return TimeIndex(sorted_times, issued, lines, kept, groups, day_first, zone, findings)


def _utc(
    readings: Readings,
    lines: Int64,
    options: ReadOptions,
    periods_ns: Int64 | None = None,
    *,
    counted: bool = False,
) -> tuple[Int64, bool | None, Clock | None, str]:
    """Return stamps in UTC, the order of their dates, what their clock did, and its zone."""
    interval_ns = round(options.interval_end_minutes * _MINUTE_NS)
    local, day_first = choose_reading(readings, lines, day_first=options.day_first)
    zone = _zone(readings, options)
    zoned = require_one_clock(readings, lines, local=zone != "UTC")
    if periods_ns is not None:
        local, counted_on = with_periods(local, periods_ns, zone, counted=counted)
        if len(counted_on) and counted_on.all():
            return local, day_first, None, zone
    if len(zoned) and zoned.all():
        return local, day_first, None, "offset"
    if zone == "UTC":
        return local, day_first, None, zone
    times, report = to_utc(local[~zoned], zone, interval_ns=interval_ns)
    if zoned.any():
        local[~zoned] = times
        times = local
    lines = lines[~zoned]
    clock = Clock(
        zone=report.zone,
        in_order=report.in_order,
        doubled=Found.at(lines[report.doubled]),
        assumed=Found.at(lines[report.assumed]),
        missing=Found.at(lines[report.missing]),
        interval_end_suspected=report.interval_end_suspected,
    )
    return times, day_first, clock, zone


def _zone(readings: Readings, options: ReadOptions) -> str:
    """Return the zone whose clock the stamps show: as the user says, or as [Europe/Vienna] behind them says.

    Raises
    ------
    MixedZones
        If the stamps name several, not all of them one, or another than the user.
    """
    areas = readings.areas - {""}
    if not areas:
        return options.timezone or "UTC"
    named = sorted({*areas, *([options.timezone] if options.timezone else [])})
    if len(named) > 1 or "" in readings.areas:
        others = " and others none" if "" in readings.areas else ""
        raise MixedZones(
            f"the stamps name the zone {' or '.join(named)}{others}", zones=list[JsonValue](named)
        )
    zone_info(named[0])
    return named[0]


def _order(times: Int64, issued: Int64 | None) -> tuple[Int64 | None, Int64, tuple[Int64, Int64] | None]:
    """Return the rows to keep in ascending order (None = all as they are), those overruled, and groups."""
    if issued is None and (np.diff(times) > 0).all():
        return None, np.empty(0, dtype=np.int64), None
    keys = (times,) if issued is None else (issued, times)
    order = np.lexsort(keys)  # stable: equal stamps stay in the order of the file
    same = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    last = np.append(~same, True)
    begin = np.flatnonzero(np.append(True, ~same))
    return order[last], order[~last], (order, begin) if same.any() else None
