"""What contestants share: the rows, their split, and what is said in the end; numpy and pandas only."""

import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = 8640, 2880, 2880  # hours: 12, 4 and 4 months of 30 days
HORIZON = 96
LOOKBACK = 336

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """What one contestant reached."""

    mse: float
    mae: float
    fit_seconds: float
    predict_seconds: float
    peak_mb: float
    note: str


def series(file: Path) -> tuple[pd.DatetimeIndex, Array]:
    """Return the hours and the z-scored columns of the three parts."""
    table = pd.read_csv(file, index_col=0, parse_dates=True).iloc[: TRAIN + VALIDATION + TEST]
    values = table.to_numpy(dtype=np.float64)
    mean, deviation = values[:TRAIN].mean(axis=0), values[:TRAIN].std(axis=0)
    return pd.DatetimeIndex(table.index), (values - mean) / deviation


def truths(values: Array) -> Array:
    """Return what is to be forecast: every test window, shape (n_windows, HORIZON, n_columns)."""
    windows = np.lib.stride_tricks.sliding_window_view(values[TRAIN + VALIDATION :], HORIZON, axis=0)
    return windows.transpose(0, 2, 1)


def contest(fit: Callable[[], object], predict: Callable[[], Array], values: Array, note: str) -> Result:
    """Time both steps and score the forecasts, shape (n_windows, HORIZON, n_columns)."""
    started = time.perf_counter()
    fit()
    fitted = time.perf_counter()
    forecast = predict()
    done = time.perf_counter()
    error = forecast - truths(values)
    return Result(
        mse=float(np.mean(error**2)),
        mae=float(np.mean(np.abs(error))),
        fit_seconds=fitted - started,
        predict_seconds=done - fitted,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        note=note,
    )


def tell(result: Result) -> None:
    """Print a result for whoever started this process."""
    print(json.dumps(asdict(result)))
