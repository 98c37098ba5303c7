"""Where every step of a window came from: its rows, and whether it was read, filled or averaged."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.contracts.specs import Role
from shared.series.arrays import Int64
from shared.series.resample import neighbours, rows_before
from shared.windows.series_windows import SeriesWindows

Origin = Literal["exact", "interpolated", "filled", "averaged", "latest", "forecast"]


@dataclass(frozen=True, eq=False)
class Provenance:
    """Rows behind one series' window.

    ``rows[k]`` are the first and last row step k was read from (rows count from 0 in time order),
    ``origin[k]`` how: ``exact`` the row of that moment, ``interpolated`` between two rows, ``filled``
    from one row of another moment, ``averaged`` over all rows between, ``latest`` the newest number
    known, ``forecast`` from an archive (rows are those about the target times around).
    """

    series: str
    role: Role
    at_ns: Int64  # (n_values,)
    rows: Int64  # (n_values, 2)
    origin: tuple[Origin, ...]


def provenance(source: SeriesWindows, ref_ns: Int64) -> Provenance:
    """Return the provenance of one complete window; ``ref_ns`` has shape (1,)."""
    rule, times = source.rule, source.series.times_ns
    at = ref_ns if rule.repeats else rule.window.moments(ref_ns, rule.calendar)[0]
    if source.series.issued_ns is not None:
        # Rows of the newest known issue about the target times around each moment.
        archive = source.archive
        known = np.broadcast_to(rows_before(archive.issues, ref_ns), at.shape)
        if source.rule.averaged:
            first = np.searchsorted(archive.targets, at + source.rule.averaged[0], side="left")
            last = rows_before(archive.targets, at + source.rule.averaged[1])
        else:
            first, last = archive.neighbours(known, at, source.rule.resampling.method)
        left, right = archive.rows(known, first), archive.rows(known, last)
    elif rule.averaged:
        left = np.searchsorted(times, at + rule.averaged[0], side="left")
        right = rows_before(times, at + rule.averaged[1])
    elif rule.spec.content == "latest":
        numbers = np.flatnonzero(np.isfinite(source.series.values))
        left = right = numbers[rows_before(source.series.known.times_ns, at)]
    elif rule.resampling.method == "mean":
        half = rule.resampling.bin_ns // 2
        left = np.searchsorted(times, at - half, side="left")
        right = np.searchsorted(times, at + (rule.resampling.bin_ns - half), side="left") - 1
    elif rule.resampling.method in ("hold", "filled"):
        # Moments without a row of their own lie between their neighbours among the numbers.
        numbers = np.flatnonzero(np.isfinite(source.series.values))
        before, after = neighbours(source.series.known.times_ns, at, "linear")
        own = source.has_own_row(at)
        left, right = numbers[before], numbers[np.where(own, before, np.minimum(after, len(numbers) - 1))]
    else:
        left, right = neighbours(times, at, rule.resampling.method)
    exact = (left == right) & (times[left] == at)
    origins = tuple(_origin(source, bool(hit)) for hit in exact)
    return Provenance(rule.spec.name, rule.spec.role, at, np.stack((left, right), axis=1), origins)


def _origin(source: SeriesWindows, exact: bool) -> Origin:
    if source.series.issued_ns is not None:
        return "forecast"
    if source.rule.spec.content == "latest":
        return "latest"
    if source.rule.averaged or source.rule.resampling.method == "mean":
        return "averaged"
    if exact:
        return "exact"
    return "interpolated" if source.rule.resampling.method in ("linear", "filled") else "filled"
