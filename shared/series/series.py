"""One series: sorted UTC stamps beside values, missing values as NaN, and what is native to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.series.arrays import Float64, Int64
from shared.series.problems import BadSeries, NoNumbers, SeriesTooShort

NS_PER_MINUTE = 60_000_000_000
NS_PER_HOUR = 60 * NS_PER_MINUTE


@dataclass(frozen=True)
class Statistics:
    """Native statistics of a series, as shown to the user (docs/numerics.md, section 1)."""

    n: int
    n_numeric: int
    numeric_share: float  # percent
    first_ns: int
    last_ns: int
    step_min: float  # mean distance of two rows, minutes; 0 for a single row
    offset: float | Literal["var"]  # minutes past the full hour, modulo the step
    min: float
    max: float
    smallest_step_min: float  # smallest distance of two rows, minutes; 0 for a single row


@dataclass(frozen=True, eq=False)
class Series:
    """One column of measurements, or of archived forecasts when ``issued_ns`` is there.

    Parameters
    ----------
    name
        Display name, for messages.
    times_ns
        Shape (n,), Unix nanoseconds, strictly ascending. For archived forecasts the target times:
        rows ascend by target time, then by issue time.
    values
        Shape (n,), float64 in the series' unit; NaN is missing.
    issued_ns
        Shape (n,), Unix nanoseconds at which each row became known, or None for measurements.

    Raises
    ------
    BadSeries
        If shapes differ or rows are not ascending.
    """

    name: str
    times_ns: Int64
    values: Float64
    issued_ns: Int64 | None = None

    def __post_init__(self) -> None:
        columns = [self.values] if self.issued_ns is None else [self.values, self.issued_ns]
        if self.times_ns.ndim != 1 or any(column.shape != self.times_ns.shape for column in columns):
            raise BadSeries(f"{self.name}: stamps and values differ in length", series=self.name)
        if (row := _first_disorder(self.times_ns, self.issued_ns)) is not None:
            raise BadSeries(f"{self.name}: rows do not ascend at row {row}", series=self.name, row=row)

    @classmethod
    def from_rows(
        cls, name: str, times_ns: ArrayLike, values: ArrayLike, issued_ns: ArrayLike | None = None
    ) -> Self:
        """Sort rows as they come; of rows with the same stamp the last wins, infinities are missing.

        >>> Series.from_rows("a", [30, 10, 10], [3.0, 1.0, float("inf")]).values
        array([nan,  3.])
        """
        times = np.asarray(times_ns, dtype=np.int64)
        numbers = np.asarray(values, dtype=np.float64)
        issued = None if issued_ns is None else np.asarray(issued_ns, dtype=np.int64)
        if _first_disorder(times, issued) is not None:
            # Row numbers in ascending order of stamps, the last row of each stamp.
            keys = (times,) if issued is None else (issued, times)
            order = np.lexsort(keys)  # stable: equal stamps stay in file order
            last = np.ones(len(order), dtype=np.bool_)
            if len(order) > 1:
                same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
                last[:-1] = ~same
            keep = order[last]
            times, numbers = times[keep], numbers[keep]
            issued = None if issued is None else issued[keep]
        if np.isinf(numbers).any():
            numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        return cls(name, times, numbers, issued)

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows."""
        issued = 0 if self.issued_ns is None else self.issued_ns.nbytes
        return self.times_ns.nbytes + self.values.nbytes + issued

    @property
    def stamps_ns(self) -> Int64:
        """The stamps without repeats, shape (m,): archived forecasts repeat a target time."""
        return self.times_ns if self.issued_ns is None else np.unique(self.times_ns)

    @cached_property
    def known(self) -> "Series":
        """The measurements that are numbers."""
        finite = np.isfinite(self.values)
        if finite.all():
            return Series(self.name, self.times_ns, self.values)
        return Series(self.name, self.times_ns[finite], self.values[finite])

    def require_numbers(self) -> None:
        """Raise ``NoNumbers`` if no value is finite, or there is no row at all."""
        if not np.isfinite(self.values).any():
            raise NoNumbers(f"{self.name}: not one of {len(self)} values is a number", series=self.name)

    def statistics(self) -> Statistics:
        """Return the native statistics.

        Raises
        ------
        NoNumbers
            If no value is finite, or there is no row at all.
        """
        self.require_numbers()
        numeric = int(np.count_nonzero(np.isfinite(self.values)))
        first, last = int(self.times_ns[0]), int(self.times_ns[-1])
        step = (last - first) / (len(self) - 1) / NS_PER_MINUTE if len(self) > 1 else 0.0
        # The smallest distance of two stamps in minutes; archived forecasts repeat a target time.
        steps = np.diff(self.times_ns)
        steps = steps[steps > 0]
        return Statistics(
            n=len(self),
            n_numeric=numeric,
            numeric_share=round(100 * numeric / len(self), 2),
            first_ns=first,
            last_ns=last,
            step_min=step,
            offset=_offset(first, step),
            min=float(np.nanmin(self.values)),
            max=float(np.nanmax(self.values)),
            smallest_step_min=float(steps.min()) / NS_PER_MINUTE if len(steps) else 0.0,
        )

    def native_step_ns(self) -> int:
        """Return the mean distance of two stamps (of two target times for forecasts), nanoseconds.

        Raises
        ------
        SeriesTooShort
            If there are fewer than two stamps.
        """
        stamps = self.stamps_ns
        if len(stamps) < 2:
            raise SeriesTooShort(
                f"{self.name}: {len(stamps)} row(s), at least 2 are needed to know the step",
                series=self.name,
                n_rows=len(stamps),
            )
        return int(stamps[-1] - stamps[0]) // (len(stamps) - 1)

    def content_hash(self) -> str:
        """Return the SHA-256 of the rows (not of the name), for content addresses."""
        digest = sha256()
        for column in (self.times_ns, self.values, self.issued_ns):
            digest.update(b"-" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the series as plain arrays, ready for ``numpy.savez``."""
        arrays: dict[str, NDArray[np.generic]] = {
            "name": np.array(self.name), "times_ns": self.times_ns, "values": self.values,
        }  # fmt: skip
        if self.issued_ns is not None:
            arrays["issued_ns"] = self.issued_ns
        return arrays

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a series from an npz of what ``to_arrays`` returns."""
        with np.load(path, allow_pickle=False) as stored:
            return cls.from_arrays(dict(stored))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Return the series that ``to_arrays`` described."""
        issued = np.asarray(arrays["issued_ns"], dtype=np.int64) if "issued_ns" in arrays else None
        return cls(
            name=str(arrays["name"]),
            times_ns=np.asarray(arrays["times_ns"], dtype=np.int64),
            values=np.asarray(arrays["values"], dtype=np.float64),
            issued_ns=issued,
        )


def _offset(first_ns: int, step_min: float) -> float | Literal["var"]:
    """Minutes of the first stamp past its full hour, modulo the step; "var" if 60/step is no integer."""
    if step_min <= 0 or not (60 / step_min).is_integer():
        return "var"
    return (first_ns % NS_PER_HOUR) / NS_PER_MINUTE % step_min


def _first_disorder(times_ns: Int64, issued_ns: Int64 | None) -> int | None:
    """Return the first row that does not come after the row before it, or None."""
    bad = times_ns[1:] <= times_ns[:-1]
    if issued_ns is not None:
        bad = (times_ns[1:] < times_ns[:-1]) | (
            (times_ns[1:] == times_ns[:-1]) & (issued_ns[1:] <= issued_ns[:-1])
        )
    return int(np.argmax(bad)) + 1 if bad.any() else None
