"""More rows for a series that is there: later ones, earlier ones that came late, corrections."""

from collections.abc import Iterable

import numpy as np

from shared.series.series import Series


def extended(series: Series, batches: Iterable[Series]) -> Series:
    """Return a series with the rows of batches in the order they arrived: of one stamp the last holds.

    >>> base = Series.from_rows("a", [0, 10, 20], [1.0, 2.0, 3.0])
    >>> extended(base, [Series.from_rows("a", [30, 10], [4.0, 2.5])]).values
    array([1. , 2.5, 3. , 4. ])
    """
    parts = [series, *batches]
    issued = None
    if series.issued_ns is not None:
        columns = [part.issued_ns for part in parts if part.issued_ns is not None]
        issued = np.concatenate(columns)
    return Series.from_rows(
        series.name,
        np.concatenate([part.times_ns for part in parts]),
        np.concatenate([part.values for part in parts]),
        issued,
    )
