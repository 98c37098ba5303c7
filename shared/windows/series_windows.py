"""One series cut by its rule: the value of every point of its windows, and which rows it reads."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shared.series.arrays import Bool, Int64
from shared.series.calendar_steps import shifted
from shared.series.forecast_vintages import ForecastVintages
from shared.series.resample import Code, Method, Points, mean_between, resample, rows_before
from shared.series.series import Series
from shared.windows.plan import WindowRule

_BACKWARD: tuple[Method, ...] = ("previous", "row")


@dataclass(frozen=True, eq=False)
class SeriesWindows:
    """The rows a rule reads, indexed once."""

    rule: WindowRule
    series: Series

    @cached_property
    def archive(self) -> ForecastVintages:
        """The rows as an archive of forecasts."""
        return ForecastVintages.of(self.series)

    def points(self, ref_ns: Int64) -> Points:
        """Return the window of each reference time, shape (n, n_values)."""
        ref = ref_ns[:, None]
        if self.rule.repeats:
            return self.archived(ref, ref) if self.series.issued_ns is not None else self.moments(ref)
        at = self.rule.window.moments(ref_ns, self.rule.calendar)
        if self.series.issued_ns is not None:
            return self.archived(np.broadcast_to(ref, at.shape), at)
        return self.moments(at)

    def moments(self, at_ns: Int64) -> Points:
        """Return the value of a measured series at each moment (of a repeated one, reference time)."""
        if self.rule.averaged:
            begin, end = (shifted(at_ns, bound, self.rule.calendar) for bound in self.rule.averaged)
            return mean_between(self.series, begin, end, closed=True)
        rows = self.series.known if self.rule.spec.content == "latest" else self.series
        return resample(rows, at_ns, self.rule.resampling)

    def archived(self, ref_ns: Int64, at_ns: Int64) -> Points:
        """Return the value at each moment as known at its reference time."""
        if self.rule.averaged:
            begin, end = (shifted(ref_ns, bound, self.rule.calendar) for bound in self.rule.averaged)
            return self.archive.mean(ref_ns, begin, end)
        return self.archive.resample(ref_ns, at_ns, self.rule.resampling)

    def last_read_ns(self, ref_ns: Int64) -> Int64:
        """Return the stamp of the last row each window reads, shape (n,); measured series only."""
        times = self.series.times_ns
        end = shifted(ref_ns, self.rule.reach_ns[1], self.rule.calendar)
        if (
            self.rule.averaged
            or self.rule.spec.content == "latest"
            or self.rule.resampling.method in _BACKWARD
        ):
            row = rows_before(times, end)
        elif self.rule.resampling.method == "mean":
            half_up = self.rule.resampling.bin_ns - self.rule.resampling.bin_ns // 2
            row = rows_before(times, end + half_up - 1)
        elif self.rule.resampling.method in ("hold", "filled"):
            known = self.series.known.times_ns
            row = rows_before(known, end)
            read = known[np.maximum(row, 0)]
            if (
                between := read != end
            ).any():  # only a moment without a row of its own reads the number after it
                after = known[np.minimum(row[between] + 1, len(known) - 1)]
                read[between] = np.where(self.has_own_row(end[between]), read[between], after)
            return read
        else:  # the row after, for the nearest too: it may be the nearest
            row = np.searchsorted(times, end, side="left")
        return times[np.clip(row, 0, len(times) - 1)]

    def has_own_row(self, at_ns: Int64) -> Bool:
        """Tell the moments whose value is a row of the series, not made of two."""
        own = replace(self.rule.resampling, max_gap_ns=0)
        return np.equal(resample(self.series.known, at_ns, own).codes, Code.OK)

    def reads_ahead(self, ref_ns: Int64) -> Bool:
        """Tell the reference times at which an ``auto`` input of the past would read a row after them."""
        past = self.rule.spec.role == "input" and self.rule.reach_ns[1] <= 0
        if not past or self.rule.resampling.method not in ("hold", "filled") or self.rule.repeats:
            return np.zeros(len(ref_ns), dtype=np.bool_)
        return self.last_read_ns(ref_ns) > ref_ns
