"""Archived forecasts: what was known at a reference time, never a row issued after it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.series.arrays import Bool, Float64, Int64
from shared.series.problems import BadSeries
from shared.series.resample import Code, Method, Points, Rule, between, rows_before
from shared.series.series import Series


@dataclass(frozen=True, eq=False)
class ForecastVintages:
    """Rows (issue time, target time, value) indexed so that any as-of look-up is one binary search.

    ``issues`` are the distinct issue times, ``targets`` the distinct target times; ``keys`` ascend
    with (target number, issue number). ``earliest[d]`` is the first issue that spoke about target d;
    ``reach[r]`` and ``start[r]`` are the last and first target any issue up to r spoke about.
    """

    series: Series
    issues: Int64
    targets: Int64
    keys: Int64
    earliest: Int64
    start: Int64
    reach: Int64

    @classmethod
    def of(cls, series: Series) -> Self:
        """Index the rows of an archive.

        Raises
        ------
        BadSeries
            If the series carries no issue times.
        """
        if series.issued_ns is None:
            raise BadSeries(
                f"{series.name}: archived forecasts need an issue time per row",
                suggestions=("Name the column with the issue times, or use content 'measured'.",),
                series=series.name,
            )
        issues, issue = np.unique(series.issued_ns, return_inverse=True)
        targets, first_row, target = np.unique(series.times_ns, return_index=True, return_inverse=True)
        reach = np.full(len(issues), -1)
        start = np.full(len(issues), len(targets))
        np.maximum.at(reach, issue, target)
        np.minimum.at(start, issue, target)
        return cls(
            series=series,
            issues=issues,
            targets=targets,
            keys=target * len(issues) + issue,
            earliest=issue[first_row],
            start=np.minimum.accumulate(start),
            reach=np.maximum.accumulate(reach),
        )

    def resample(self, ref_ns: Int64, at_ns: Int64, rule: Rule) -> Points:
        """Return the value at each moment as known at its reference time (same shapes)."""
        known = rows_before(self.issues, ref_ns)
        if rule.method == "mean":
            half = rule.bin_ns // 2
            begin, end = at_ns - half, at_ns + (rule.bin_ns - half)
            return self._mean(known, begin, end, near=at_ns, max_gap_ns=rule.max_gap_ns)
        left, right = self.neighbours(known, at_ns, rule.method)
        codes = np.zeros(at_ns.shape, dtype=np.uint8)
        codes[(left < 0) | (known < 0)] = Code.BEFORE_START
        codes[(right >= len(self.targets)) & (codes == Code.OK)] = Code.AFTER_END
        inside = codes == Code.OK
        left, right = np.where(inside, left, 0), np.where(inside, right, 0)
        return between(
            at_ns,
            (self.targets[left], self._values(known, left, inside)),
            (self.targets[right], self._values(known, right, inside)),
            codes,
            rule,
        )

    def mean(self, ref_ns: Int64, begin_ns: Int64, end_ns: Int64) -> Points:
        """Return the mean of what was known at the reference time about [begin, end]."""
        return self._mean(rows_before(self.issues, ref_ns), begin_ns, end_ns + 1)

    def rows(self, known: Int64, target: Int64) -> Int64:
        """Return the row of the newest issue up to ``known`` about each target, -1 if none spoke."""
        key = target * len(self.issues) + known
        row = rows_before(self.keys, key)
        found = (row >= 0) & (self.keys[np.maximum(row, 0)] // len(self.issues) == target) & (known >= 0)
        return np.where(found, row, -1)

    def _values(self, known: Int64, target: Int64, use: Bool) -> Float64:
        row = np.where(use, self.rows(known, target), -1)
        return np.where(row >= 0, self.series.values[np.maximum(row, 0)], np.nan)

    def neighbours(self, known: Int64, at_ns: Int64, method: Method) -> tuple[Int64, Int64]:
        """Return target numbers around each moment, among the targets known at the reference time."""
        before = self._known_target(rows_before(self.targets, at_ns), known, step=-1)
        exact = (before >= 0) & (self.targets[np.maximum(before, 0)] == at_ns)
        after = self._known_target(np.searchsorted(self.targets, at_ns, side="left"), known, step=1)
        after = np.where(exact, before, after)
        match method:
            case "previous":
                return before, before
            case "next":
                return after, after
            case "nearest":
                last = len(self.targets) - 1
                earlier, later = self.targets[np.clip(before, 0, last)], self.targets[np.clip(after, 0, last)]
                take_later = (before < 0) | ((after <= last) & (later - at_ns < at_ns - earlier))
                row = np.where(take_later, after, before)
                return row, row
            case _:
                return before, after

    def _known_target(self, target: Int64, known: Int64, *, step: int) -> Int64:
        """Move target numbers on until an issue up to ``known`` spoke about them; off the end if none."""
        last = len(self.targets)
        target = np.array(target)
        none = -1 if step < 0 else last
        newest = np.maximum(known, 0)
        target[(known < 0) | (target < self.start[newest]) & (step < 0)] = none
        target[(known < 0) | (target > self.reach[newest]) & (step > 0)] = none
        while True:
            real = (target >= 0) & (target < last)
            unknown = real & (self.earliest[np.clip(target, 0, last - 1)] > known)
            if not unknown.any():
                return target
            target[unknown] += step

    def _mean(
        self,
        known: Int64,
        begin_ns: Int64,
        end_ns: Int64,
        *,
        near: Int64 | None = None,
        max_gap_ns: int | None = None,
    ) -> Points:
        """Mean over [begin, end) of the known targets, one target per round."""
        first = np.searchsorted(self.targets, begin_ns, side="left")
        stop = np.searchsorted(self.targets, end_ns, side="left")
        total, count = np.zeros(first.shape), np.zeros(first.shape, dtype=np.int64)
        spoken = np.zeros(first.shape, dtype=np.bool_)
        close = np.zeros(first.shape, dtype=np.bool_)
        for step in range(int((stop - first).max(initial=0))):
            use = first + step < stop
            target = np.where(use, first + step, 0)
            values = self._values(known, target, use)
            finite = np.isfinite(values)
            total[finite] += values[finite]
            count += finite
            spoken |= use & (self.earliest[target] <= known)
            if near is not None and max_gap_ns is not None:
                close |= finite & (np.abs(self.targets[target] - near) <= max_gap_ns)
        # Say why an interval without a known number has none.
        newest = np.maximum(known, 0)
        codes = np.where(spoken, Code.MISSING_VALUE, Code.GAP).astype(np.uint8)
        codes[~spoken & (first > self.reach[newest])] = Code.AFTER_END
        codes[(stop <= self.start[newest]) | (known < 0)] = Code.BEFORE_START
        codes[count > 0] = Code.OK
        if near is not None and max_gap_ns is not None:
            codes[(count > 0) & ~close] = Code.GAP
        means = np.divide(total, count, out=np.full(total.shape, np.nan), where=codes == Code.OK)
        return Points(means, codes)
