"""Numbers that stand for "no value", as -999 does in weather and measurement files."""

import numpy as np

from shared.series.arrays import Float64

USUAL = (
    -9.0, -99.0, -999.0, -9999.0, -99999.0, -999999.0, -99.9, -999.9, -9999.9, -99.99, -999.99, -9999.99,
    9999.0, 99999.0, 999999.0, 9999999.0, 999.9, 9999.9, 999.99, -32768.0, 32767.0, 65535.0, -1e20, 1e20,
)  # fmt: skip
_USUAL = frozenset(USUAL)
_FAR = 10  # interquartile ranges between a sentinel and the nearest other value
_FAR_ALONE = 30  # where it stands there once: one broken reading must look the part


def sentinels_in(values: Float64) -> list[float]:
    """Return the usual sentinels that stand far outside all other values of a column.

    >>> sentinels_in(np.array([1.0, 2, 3, -999, 4, 5, -999]))
    [-999.0]
    """
    finite = values[np.isfinite(values)]
    found: list[float] = []
    while len(finite):
        low, high = float(finite.min()), float(finite.max())
        number = next((end for end in (low, high) if end in _USUAL), None)
        if number is None:
            return found
        hit = finite == number
        others = finite[~hit]
        if not _stands_for_nothing(number, int(np.count_nonzero(hit)), others):
            return found
        found.append(number)
        finite = others
    return found


def _stands_for_nothing(number: float, n: int, others: Float64) -> bool:
    """Tell whether a usual sentinel lies far outside the other values, or is the only value there is."""
    others = others[~np.isin(others, USUAL)]
    if len(others) < 3:
        return len(others) == 0 and n > 3 and number <= -99.0
    low, quarter, three, high = np.percentile(others, [0, 25, 75, 100])
    scale = max(three - quarter, (high - low) / 4, 1e-12 * abs(number))
    away = low - number if number < low else number - high
    return bool(away > (_FAR if n > 1 else _FAR_ALONE) * scale and away > abs(high - low))
