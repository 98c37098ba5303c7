"""The scores of a forecast: formulas, and the reason whenever one is undefined.

Meaning of each score: docs/numerics.md, section 6. Undefined is NaN with a reason inside and null with a
reason on the wire; it is never 0 and never an exception.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.contracts.metrics import METRIC_NAMES
from shared.scoring.sums import ErrorSums, Index, error_sums
from shared.series.arrays import Bool, Float64

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
    NOT_STORED = 9
    NO_INTERVALS = 10

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
    Reason.NOT_STORED: "the version that stored these scores did not have this one",
    Reason.NO_INTERVALS: "there are no intervals for these values",
}


@dataclass(frozen=True)
class MetricValues:
    """Scores along a last axis in the order of ``METRIC_NAMES``; NaN exactly where ``reasons`` is not 0."""

    values: Float64  # (..., n_metrics)
    reasons: NDArray[np.int8]  # (..., n_metrics), members of Reason

    def __getitem__(self, index: Index) -> "MetricValues":
        """Return the scores of a part of the rows."""
        return MetricValues(self.values[index], self.reasons[index])

    def with_values(self, metric: str, values: Float64, *, rows: int) -> "MetricValues":
        """Return these scores with one of them set on the first ``rows`` rows, NaN staying undefined.

        ``values`` has the shape of those rows without the last axis.
        """
        column = METRIC_NAMES.index(metric)
        scores, reasons = self.values.copy(), self.reasons.copy()
        scores[:rows, ..., column] = values
        reasons[:rows, ..., column] = np.where(np.isfinite(values), Reason.DEFINED, Reason.NO_INTERVALS)
        return MetricValues(scores, reasons)

    def get(self, metric: str) -> float | None:
        """Return one score of a single row, None where undefined."""
        value = float(self.values[METRIC_NAMES.index(metric)])
        return None if np.isnan(value) else value

    def as_dict(self) -> dict[str, float | None]:
        """Return the scores of a single row by name."""
        return {metric: self.get(metric) for metric in METRIC_NAMES}

    def undefined(self) -> dict[str, str]:
        """Return why, for the undefined scores of a single row."""
        codes = zip(METRIC_NAMES, self.reasons.tolist(), strict=True)
        return {metric: Reason(code).text for metric, code in codes if code}


@dataclass(frozen=True)
class NaiveError:
    """Errors of the seasonal naive forecast on training data, per output: the units of MASE and RMSSE."""

    value: Float64  # (n_outputs,), mean absolute error, NaN where undefined
    squared: Float64  # (n_outputs,), mean squared error, NaN where undefined
    reason: NDArray[np.int8]


def naive_error(y_train: Sequence[Float64], *, season_length: int = 1) -> NaiveError:
    """Return mean |y_t - y_(t-m)| and mean (y_t - y_(t-m))^2 of each training series on its own time axis.

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
    means, squares, reasons = [], [], []
    for series in y_train:
        steps = np.abs(series[season_length:] - series[:-season_length])
        steps = steps[np.isfinite(steps)]
        mean = float(steps.mean()) if steps.size else 0.0
        reason = Reason.DEFINED if mean else Reason.CONSTANT_TRAINING if steps.size else Reason.NO_TRAINING
        reasons.append(reason)
        means.append(mean or np.nan)
        squares.append(float(np.square(steps).mean()) if mean else np.nan)
    return NaiveError(np.array(means), np.array(squares), np.array(reasons, dtype=np.int8))


def metric_values(sums: ErrorSums, naive: NaiveError) -> MetricValues:
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
        Shape (..., n_outputs, n_metrics): MAE, RMSE and pinball in the outputs' unit, MSE in its square,
        MAPE, WAPE and sMAPE in percent, NRMSE, MASE, RMSSE and R2 without unit. Pinball is no function of
        these sums: it is undefined here and set by who knows the intervals.
    """
    shape = sums.n.shape
    values = np.full((*shape, len(METRIC_NAMES)), np.nan)
    reasons = np.full(values.shape, Reason.NO_INTERVALS, dtype=np.int8)
    for metric, formula in FORMULAS.items():
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = formula(sums, naive)
        column = METRIC_NAMES.index(metric)
        values[..., column] = found.value
        why = np.where(np.isfinite(found.value), np.int8(Reason.DEFINED), np.int8(Reason.TOO_LARGE))
        for mask, reason in found.gaps:
            why = np.where(mask, reason, why)
        reasons[..., column] = np.where(sums.n == 0, np.int8(Reason.NO_PAIRS), why)
    return MetricValues(np.where(reasons == 0, values, np.nan), reasons)


def measure(y_true: Float64, y_pred: Float64, *, naive: float | None = None) -> dict[str, float | None]:
    """Score one output over all its windows and steps at once; None where a score is undefined.

    Parameters
    ----------
    y_true, y_pred
        Equal shapes, in the output's unit.
    naive
        Mean absolute error of the seasonal naive forecast on training data; MASE is None without it.
        RMSSE needs its squared error and pinball needs intervals: both are None here.

    Examples
    --------
    >>> y = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0]])
    >>> f = np.array([[1.5, 1.5, 5.0], [2.0, 4.0, 4.0]])
    >>> scores = measure(y, f, naive=1.5)
    >>> {name: round(value, 6) for name, value in scores.items() if value is not None}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'mae': 0.666667, 'mse': 0.583333, 'rmse': 0.763763, 'mape': 25.555556, 'nrmse': 0.269563,
     'wape': 23.529412, 'smape': 23.597884, 'mase': 0.444444, 'r2': 0.676923}
    """
    known = Reason.DEFINED if naive else Reason.NO_TRAINING
    unit = NaiveError(np.array([naive or np.nan]), np.array([np.nan]), np.array([known], dtype=np.int8))
    pairs = error_sums(
        np.asarray(y_true, np.float64).reshape(-1, 1), np.asarray(y_pred, np.float64).reshape(-1, 1)
    )
    return metric_values(pairs, unit)[0].as_dict()


def known_std(values: Float64) -> float | None:
    """Return the standard deviation of the finite values, None without any.

    >>> known_std(np.array([1.0, np.nan, 3.0])), known_std(np.array([np.nan]))
    (1.0, None)
    """
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else None


@dataclass(frozen=True)
class Scored:
    """What a formula finds: values, and where and why there is none; of several reasons the last counts."""

    value: Float64  # (..., n_outputs)
    gaps: tuple[tuple[Bool, Reason | NDArray[np.int8]], ...] = ()


def _nrmse(sums: ErrorSums, naive: NaiveError) -> Scored:
    nothing = np.abs(sums.sum_true) <= _ROUNDING * _size(sums) * sums.n_true
    return Scored(
        np.sqrt(sums.sq_error / sums.n) * sums.n_true / sums.sum_true, ((nothing, Reason.ZERO_MEAN),)
    )


def _r2(sums: ErrorSums, naive: NaiveError) -> Scored:
    flat = sums.spread <= sums.n * (_ROUNDING * _size(sums)) ** 2
    value = 1.0 - sums.sq_error / sums.spread
    return Scored(value, ((flat, Reason.CONSTANT), (sums.n == 1, Reason.ONE_VALUE)))


def _size(sums: ErrorSums) -> Float64:
    """Return the mean size of the truth; sums round off by some eps times that, which counts as zero."""
    return sums.abs_true / np.maximum(sums.n, 1.0)


FORMULAS: dict[str, Callable[[ErrorSums, NaiveError], Scored]] = {
    "mae": lambda sums, naive: Scored(sums.abs_error / sums.n),
    "mse": lambda sums, naive: Scored(sums.sq_error / sums.n),
    "rmse": lambda sums, naive: Scored(np.sqrt(sums.sq_error / sums.n)),
    "mape": lambda sums, naive: Scored(
        100.0 * sums.relative / sums.n_nonzero, ((sums.n_nonzero == 0, Reason.ALL_ZERO),)
    ),
    "nrmse": _nrmse,
    "wape": lambda sums, naive: Scored(
        100.0 * sums.abs_error / sums.abs_true, ((sums.abs_true == 0, Reason.ALL_ZERO),)
    ),
    "smape": lambda sums, naive: Scored(100.0 * sums.symmetric / sums.n),
    "mase": lambda sums, naive: Scored(
        sums.abs_error / sums.n / naive.value, ((naive.reason != 0, naive.reason),)
    ),
    # Makridakis, Spiliotis and Assimakopoulos (2022), the score of the M5 competition.
    "rmsse": lambda sums, naive: Scored(
        np.sqrt(sums.sq_error / sums.n / naive.squared), ((naive.reason != 0, naive.reason),)
    ),
    "r2": _r2,
}
