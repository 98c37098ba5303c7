"""Sums over pairs of truth and forecast from which every score follows; they add up in any order."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import EllipsisType

import numpy as np

from shared.series.arrays import Float64

Index = int | slice | tuple[int | slice | EllipsisType, ...]


@dataclass(frozen=True)
class ErrorSums:
    """What a set of (truth, forecast) pairs adds up to; all fields share one shape.

    A pair with a value that is not finite is left out and counted in ``n_left_out``. ``mean`` and
    ``spread`` (sum of squared distances from the mean) describe the truth and are kept apart from the
    plain sums, because a difference of two large sums would lose the digits R2 is made of.
    """

    n: Float64
    n_left_out: Float64
    n_true: Float64  # finite true values, whether or not there is a forecast
    n_nonzero: Float64  # pairs whose truth is not 0: the only ones MAPE can use
    mean: Float64
    spread: Float64
    sum_true: Float64  # over all n_true, so that NRMSE's unit is the same for every model
    abs_true: Float64
    abs_error: Float64
    sq_error: Float64
    relative: Float64  # sum of |f - y| / |y| over y != 0
    symmetric: Float64  # sum of 2 |f - y| / (|y| + |f|), 0/0 counting as 0

    def __getitem__(self, index: Index) -> "ErrorSums":
        """Return the sums of a part of the positions."""
        return ErrorSums(*(getattr(self, f.name)[index] for f in fields(self)))


def error_sums(y_true: Float64, y_pred: Float64, *, scratch: Sequence[Float64] | None = None) -> ErrorSums:
    """Add up pairs over the first axis; the fields have the shape of the other axes.

    ``scratch`` may lend three arrays of the same shape that are written over: whoever adds up many
    chunks saves the making of them, which costs more than the sums.

    >>> t = error_sums(np.array([1.0, 3.0, np.nan]), np.array([2.0, 3.0, 4.0]))
    >>> float(t.n), float(t.n_left_out), float(t.mean), float(t.spread), float(t.abs_error)
    (2.0, 1.0, 2.0, 2.0, 1.0)
    """
    known = np.isfinite(y_true)
    paired = known & np.isfinite(y_pred)
    complete = bool(paired.all())
    n_true, n = (flags.sum(axis=0, dtype=np.float64) for flags in (known, paired))
    sum_true = y_true.sum(axis=0, where=True if complete else known)
    if not complete:
        y_true, y_pred = np.where(paired, y_true, 0.0), np.where(paired, y_pred, 0.0)
    error, size, ratio = scratch or [np.empty(y_true.shape) for _ in range(3)]
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(y_pred, y_true, out=error)
        np.abs(error, out=error)
        abs_error, sq_error = error.sum(axis=0), _sum_of_squares(error)

        np.abs(y_true, out=size)
        abs_true, zero = size.sum(axis=0), size == 0.0
        np.abs(y_pred, out=ratio)
        ratio += size
        np.copyto(ratio, 1.0, where=ratio == 0.0)
        symmetric = 2.0 * np.divide(error, ratio, out=ratio).sum(axis=0)
        np.copyto(size, np.inf, where=zero)
        relative = np.divide(error, size, out=ratio).sum(axis=0)

        mean = (sum_true if complete else y_true.sum(axis=0)) / np.maximum(n, 1.0)
        centred = np.subtract(y_true, mean, out=size)
        if not complete:
            centred *= paired
        spread = _sum_of_squares(centred)
    return ErrorSums(
        n=n,
        n_left_out=len(paired) - n,
        n_true=n_true,
        n_nonzero=n - (zero & paired).sum(axis=0),
        mean=mean,
        spread=spread,
        sum_true=sum_true,
        abs_true=abs_true,
        abs_error=abs_error,
        sq_error=sq_error,
        relative=relative,
        symmetric=symmetric,
    )


def pool(parts: ErrorSums, axis: int = 0) -> ErrorSums:
    """Return the sums of the union of disjoint sets of pairs that lie along ``axis``.

    Means and spreads are combined after Chan, Golub and LeVeque (1979), which stays exact where
    sums of squares would cancel.
    """
    added = {f.name: getattr(parts, f.name).sum(axis=axis) for f in fields(parts)}
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (parts.n * parts.mean).sum(axis=axis) / np.maximum(added["n"], 1.0)
        between = (parts.n * (parts.mean - np.expand_dims(mean, axis)) ** 2).sum(axis=axis)
    return ErrorSums(**{**added, "mean": mean, "spread": added["spread"] + between})


def stack(many: Sequence[ErrorSums]) -> ErrorSums:
    """Return sums of equal shape along a new first axis."""
    return ErrorSums(*(np.stack([getattr(t, f.name) for t in many]) for f in fields(ErrorSums)))


def _sum_of_squares(values: Float64) -> Float64:
    total: Float64 = np.einsum("i...,i...->...", values, values)
    return total
