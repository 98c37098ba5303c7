"""Sums over pairs of truth and forecast from which every score follows; they add up in any order."""

from dataclasses import dataclass, fields
from types import EllipsisType

import numpy as np

from shared.timeseries.arrays import Float64

Index = int | slice | tuple[int | slice | EllipsisType, ...]


@dataclass(frozen=True)
class Tally:
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

    def __getitem__(self, index: Index) -> "Tally":
        """Return the tally of a part of the positions."""
        return Tally(*(getattr(self, f.name)[index] for f in fields(self)))


def tally(y_true: Float64, y_pred: Float64) -> Tally:
    """Add up pairs over the first axis; the fields have the shape of the other axes.

    >>> t = tally(np.array([1.0, 3.0, np.nan]), np.array([2.0, 3.0, 4.0]))
    >>> float(t.n), float(t.n_left_out), float(t.mean), float(t.spread), float(t.abs_error)
    (2.0, 1.0, 2.0, 2.0, 1.0)
    """
    known = np.isfinite(y_true)
    paired = known & np.isfinite(y_pred)
    n_true, sum_true = known.sum(axis=0, dtype=np.float64), y_true.sum(axis=0, where=known)
    if not paired.all():
        y_true, y_pred = np.where(paired, y_true, 0.0), np.where(paired, y_pred, 0.0)
    n = paired.sum(axis=0, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = y_true.sum(axis=0) / np.maximum(n, 1.0)
        error = np.abs(y_pred - y_true)
        size = np.abs(y_true)
        both = size + np.abs(y_pred)
        zero = size == 0.0
        return Tally(
            n=n,
            n_left_out=len(paired) - n,
            n_true=n_true,
            n_nonzero=n - (zero & paired).sum(axis=0),
            mean=mean,
            spread=_sum_of_squares((y_true - mean) * paired),
            sum_true=sum_true,
            abs_true=size.sum(axis=0),
            abs_error=error.sum(axis=0),
            sq_error=_sum_of_squares(error),
            relative=(error / np.where(zero, np.inf, size)).sum(axis=0),
            symmetric=(2.0 * error / (both + (both == 0.0))).sum(axis=0),
        )


def pool(parts: Tally, axis: int = 0) -> Tally:
    """Return the tally of the union of disjoint sets of pairs that lie along ``axis``.

    Means and spreads are combined after Chan, Golub and LeVeque (1979), which stays exact where
    sums of squares would cancel.
    """
    added = {f.name: getattr(parts, f.name).sum(axis=axis) for f in fields(parts)}
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (parts.n * parts.mean).sum(axis=axis) / np.maximum(added["n"], 1.0)
        between = (parts.n * (parts.mean - np.expand_dims(mean, axis)) ** 2).sum(axis=axis)
    return Tally(**{**added, "mean": mean, "spread": added["spread"] + between})


def merge(*tallies: Tally) -> Tally:
    """Return the tally of disjoint sets of windows; many at once cost less than one after the other."""
    return pool(Tally(*(np.stack([getattr(t, f.name) for t in tallies]) for f in fields(Tally))))


def _sum_of_squares(values: Float64) -> Float64:
    total: Float64 = np.einsum("i...,i...->...", values, values)
    return total
