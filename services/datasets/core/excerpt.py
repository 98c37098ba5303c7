"""A stretch of a series for a chart: at most so many points, extremes and gaps kept."""

from itertools import pairwise

import numpy as np
from pydantic import JsonValue

from shared.series.arrays import Float64, Int64
from shared.series.series import Series

_MS = 1_000_000
_GAP_STEPS = 1.5


def excerpt(series: Series, *, from_ms: int | None, to_ms: int | None, points: int) -> dict[str, JsonValue]:
    """Return a series between two times, thinned to about ``points`` values.

    Of each bucket of rows the smallest and the largest value stay, at their own times, so no peak is lost;
    a missing value stays one, and where rows are missing a null says so.

    Parameters
    ----------
    from_ms, to_ms
        Unix milliseconds, both included; None means the end of the series.
    points
        About how many values; as many rows come as they are.

    Returns
    -------
    dict
        ``times`` (Unix milliseconds), ``values`` (the series' unit, null = no value), ``n`` (rows between the
        two times), ``thinned``.
    """
    low = series.times_ns[0] if from_ms is None else np.int64(from_ms) * _MS
    high = series.times_ns[-1] if to_ms is None else np.int64(to_ms) * _MS
    first, last = np.searchsorted(series.times_ns, [low, high + 1])
    times, values = series.times_ns[first:last], series.values[first:last]
    n = len(times)
    distances = np.diff(times)
    step = int(np.median(distances)) if n > 1 else 0
    keep = np.arange(n) if n <= points else _extremes(values, max(2, points // 2))
    gaps = np.flatnonzero(distances > _GAP_STEPS * step) + 1
    shown_times, shown_values = times[keep], values[keep]
    places = np.searchsorted(keep, gaps)
    shown_times = np.insert(shown_times, places, times[gaps - 1] + max(1, step) if len(gaps) else times[:0])
    shown_values = np.insert(shown_values, places, np.nan)
    return {
        "times": [int(t) // _MS for t in shown_times],
        "values": [float(v) if np.isfinite(v) else None for v in shown_values],
        "n": n,
        "thinned": n > points,
    }


def _extremes(values: Float64, buckets: int) -> Int64:
    """Return the places of each bucket's smallest and largest value, and of its first missing one."""
    edges = np.linspace(0, len(values), buckets + 1).astype(np.int64)
    kept: set[int] = {0, len(values) - 1}
    for low, high in pairwise(edges):
        piece = values[low:high]
        finite = np.isfinite(piece)
        if finite.any():
            kept |= {int(low + np.nanargmin(piece)), int(low + np.nanargmax(piece))}
        if not finite.all():
            kept.add(int(low + np.argmin(finite)))
    return np.array(sorted(kept), dtype=np.int64)
