"""The scores of a forecast: formulas, and the reason whenever one is undefined.

Meaning of each score: docs/numerics.md, section 6. Undefined is NaN with a reason inside and null with a
reason on the wire; it is never 0 and never an exception.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shared.scoring.sums import ErrorSums, Index, tally
from shared.series.arrays import Bool, Float64

Metric = Literal["mae", "mse", "rmse", "mape", "nrmse", "wape", "smape", "mase", "r2"]
METRICS: tuple[Metric, ...] = get_args(Metric)
_ROUNDING = 16 * np.finfo(np.float64).eps


class Reason(IntEnum):
    """Why a score has no value."""

    DEFINED = 0
    NO_PAIRS = 1
    ALL_ZERO = 2
    ZERO_MEAN = 3
    ONE_VALUE = 4
    CONSTANT = 5
    NO_TRAINING = 6
    CONSTANT_TRAINING = 7
    TOO_LARGE = 8

    @property
    def text(self) -> str:
        """Return the reason as a sentence for users."""
        return _TEXTS[self]


_TEXTS: dict[Reason, str] = {
    Reason.DEFINED: "",
    Reason.NO_PAIRS: "there is no pair of a finite true value and a finite forecast",
    Reason.ALL_ZERO: "every true value is 0",
    Reason.ZERO_MEAN: "the true values average to 0",
    Reason.ONE_VALUE: "a single true value has no variance",
    Reason.CONSTANT: "all true values are equal",
    Reason.NO_TRAINING: "the training part is not longer than one season",
    Reason.CONSTANT_TRAINING: "the seasonal naive forecast has no error on the training part",
    Reason.TOO_LARGE: "the errors are too large for a 64-bit number",
}


@dataclass(frozen=True)
class MetricValues:
    """Scores along a last axis in the order of ``METRICS``; NaN exactly where ``reasons`` is not 0."""

    values: Float64  # (..., 9)
    reasons: NDArray[np.int8]  # (..., 9), members of Reason

    def __getitem__(self, index: Index) -> "MetricValues":
        """Return the scores of a part of the rows."""
        return MetricValues(self.values[index], self.reasons[index])

    def get(self, metric: Metric) -> float | None:
        """Return one score of a single row, None where undefined."""
        value = float(self.values[METRICS.index(metric)])
        return None if np.isnan(value) else value

    def as_dict(self) -> dict[str, float | None]:
        """Return the scores of a single row by name."""
        return {metric: self.get(metric) for metric in METRICS}

    def undefined(self) -> dict[str, str]:
        """Return why, for the undefined scores of a single row."""
        codes = zip(METRICS, self.reasons.tolist(), strict=True)
        return {metric: Reason(code).text for metric, code in codes if code}


@dataclass(frozen=True)
class NaiveError:
    """Mean absolute error of the seasonal naive forecast on training data, per output: MASE's unit."""

    value: Float64  # (n_outputs,), NaN where undefined
    reason: NDArray[np.int8]


def naive_error(y_train: Sequence[Float64], *, season_length: int = 1) -> NaiveError:
    """Return mean |y_t - y_(t-m)| of each training series on its own time axis.

    Parameters
    ----------
    y_train
        One array per output, regular in time, in the output's unit; missing values as NaN, and the
        pairs they belong to are left out.
    season_length
        m in steps, at least 1.

    Examples
    --------
    >>> naive_error([np.array([1.0, 2.0, 4.0, 7.0])]).value
    array([2.])
    """
    if season_length < 1:
        raise ValueError(f"season_length is {season_length}, needed is at least 1 step")
    values, reasons = [], []
    for series in y_train:
        steps = np.abs(series[season_length:] - series[:-season_length])
        steps = steps[np.isfinite(steps)]
        mean = float(steps.mean()) if steps.size else np.nan
        reasons.append(
            Reason.NO_TRAINING
            if not steps.size
            else Reason.CONSTANT_TRAINING
            if mean == 0
            else Reason.DEFINED
        )
        values.append(np.nan if mean == 0 else mean)
    return NaiveError(np.array(values, dtype=np.float64), np.array(reasons, dtype=np.int8))


def measures(sums: ErrorSums, naive: NaiveError) -> MetricValues:
    """Turn sums into scores.

    Parameters
    ----------
    sums
        Fields of shape (..., n_outputs).
    naive
        One entry per output.

    Returns
    -------
    MetricValues
        Shape (..., n_outputs, 9): MAE and RMSE in the outputs' unit, MSE in its square, MAPE, WAPE and
        sMAPE in percent, NRMSE, MASE and R2 without unit.
    """
    shape = sums.n.shape
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mae, mse = sums.abs_error / sums.n, sums.sq_error / sums.n
        rmse = np.sqrt(mse)
        values = np.stack(
            [
                mae,
                mse,
                rmse,
                100.0 * sums.relative / sums.n_nonzero,
                rmse * sums.n_true / sums.sum_true,
                100.0 * sums.abs_error / sums.abs_true,
                100.0 * sums.symmetric / sums.n,
                mae / naive.value,
                1.0 - sums.sq_error / sums.spread,
            ],
            axis=-1,
        )
    reasons = np.zeros((*shape, len(METRICS)), dtype=np.int8)
    for metric, mask, reason in _undefined(sums, naive):
        column = reasons[..., METRICS.index(metric)]
        column[mask] = np.broadcast_to(reason, shape)[mask]
    reasons[(reasons == 0) & ~np.isfinite(values)] = Reason.TOO_LARGE
    reasons[sums.n == 0] = Reason.NO_PAIRS
    return MetricValues(np.where(reasons == 0, values, np.nan), reasons)


def measure(y_true: Float64, y_pred: Float64, *, naive: float | None = None) -> dict[str, float | None]:
    """Score one output over all its windows and steps at once; None where a score is undefined.

    Parameters
    ----------
    y_true, y_pred
        Equal shapes, in the output's unit.
    naive
        Mean absolute error of the seasonal naive forecast on training data; MASE is None without it.

    Examples
    --------
    >>> y = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0]])
    >>> f = np.array([[1.5, 1.5, 5.0], [2.0, 4.0, 4.0]])
    >>> {name: round(value, 6) for name, value in measure(y, f, naive=1.5).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'mae': 0.666667, 'mse': 0.583333, 'rmse': 0.763763, 'mape': 25.555556, 'nrmse': 0.269563,
     'wape': 23.529412, 'smape': 23.597884, 'mase': 0.444444, 'r2': 0.676923}
    """
    unit = NaiveError(
        np.array([naive if naive else np.nan]),
        np.array([Reason.DEFINED if naive else Reason.NO_TRAINING], dtype=np.int8),
    )
    pairs = tally(
        np.asarray(y_true, np.float64).reshape(-1, 1), np.asarray(y_pred, np.float64).reshape(-1, 1)
    )
    return measures(pairs, unit)[0].as_dict()


def known_std(values: Float64) -> float | None:
    """Return the standard deviation of the finite values, None without any.

    >>> known_std(np.array([1.0, np.nan, 3.0])), known_std(np.array([np.nan]))
    (1.0, None)
    """
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else None


def _undefined(sums: ErrorSums, naive: NaiveError) -> list[tuple[Metric, Bool, int | NDArray[np.int8]]]:
    # Sums and spreads carry rounding errors of some eps times the size of the values: below that, zero.
    size = sums.abs_true / np.maximum(sums.n, 1.0)
    flat = sums.spread <= sums.n * (_ROUNDING * size) ** 2
    return [
        ("mape", sums.n_nonzero == 0, Reason.ALL_ZERO),
        ("nrmse", np.abs(sums.sum_true) <= _ROUNDING * size * sums.n_true, Reason.ZERO_MEAN),
        ("wape", sums.abs_true == 0, Reason.ALL_ZERO),
        ("mase", np.broadcast_to(naive.reason != 0, sums.n.shape), naive.reason),
        ("r2", flat, Reason.CONSTANT),
        ("r2", sums.n == 1, Reason.ONE_VALUE),
    ]
