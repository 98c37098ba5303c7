"""Intervals of forecasts of the future: calibrated on every error that is known by then.

Beside validation and test these are errors since: what the model would have forecast at each reference time
that has passed, against rows that have arrived. Models, data sets and rows are opened once and kept.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from services.trainer.child.protocol import BackcastTask, ForecastTask
from services.trainer.child.tasks import divided, remembered_forecaster
from shared.contracts.backtest import BacktestPart
from shared.scoring.adaptive import DAY_NS, HABITS, Habit, adaptive_intervals, choose_habit
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import Intervals, fit_intervals
from shared.series.arrays import Float64
from shared.series.series import Series
from shared.windows.dataset import Dataset
from shared.windows.upcoming import past_windows, references, true_values

DATASETS_KEPT, SERIES_KEPT, INTERVALS_KEPT = 16, 64, 64
LATER_NS = max(habit.days for habit in HABITS) * DAY_NS  # how far back errors are looked for
MOST_LATER = 1500  # newest reference times that are looked at
WINDOWS_AT_ONCE = 256


def live_intervals(task: ForecastTask, ref_ns: int) -> tuple[Intervals, int]:
    """Return intervals around a forecast at a reference time, and how many windows after the test part count.

    No truth counts that was not known at the reference time. A model of a backtest keeps the intervals of its
    first validation part.
    """
    stored = _errors(task.model)
    if task.backtest is not None or not len(stored.test) or ref_ns <= stored.test.ref_ns[0]:
        return fit_intervals(stored.validation, levels=task.levels), 0
    rows = tuple(sorted(task.rows.items()))
    return _calibrated(task.model, task.passport_sha256, task.dataset, rows, ref_ns, task.levels)


def folds_of(task: ForecastTask | BackcastTask) -> str | None:
    """Return the folds a model was fitted for as JSON, None outside of a backtest."""
    return None if task.backtest is None else task.backtest.model_dump_json()


@lru_cache(maxsize=DATASETS_KEPT)
def opened_dataset(folder: Path, backtest: str | None) -> Dataset:
    part = None if backtest is None else BacktestPart.model_validate_json(backtest)
    return divided(Dataset.open(folder), part)


opened_rows = lru_cache(maxsize=SERIES_KEPT)(Series.open)


@lru_cache(maxsize=DATASETS_KEPT)
def _errors(model: Path) -> Forecast:
    with np.load(model / "forecasts.npz", allow_pickle=False) as stored:
        return Forecast.from_arrays({name: stored[name] for name in stored.files})


@lru_cache(maxsize=INTERVALS_KEPT)
def _calibrated(
    model: Path,
    passport_sha256: str | None,
    folder: Path,
    rows: tuple[tuple[str, Path], ...],
    ref_ns: int,
    levels: tuple[float, ...],
) -> tuple[Intervals, int]:
    stored = _errors(model)
    later = _later(model, passport_sha256, folder, rows, int(stored.test.ref_ns[-1]) + 1, ref_ns)
    intervals = adaptive_intervals(
        stored,
        _offset_hours(folder),
        later=later,
        now_ns=ref_ns,
        levels=levels,
        habit=_habit(model, folder),
    )
    return intervals, len(later)


@lru_cache(maxsize=DATASETS_KEPT)
def _habit(model: Path, folder: Path) -> Habit:
    return choose_habit(_errors(model).validation, _offset_hours(folder))


def _offset_hours(folder: Path) -> list[Float64]:
    layout = opened_dataset(folder, None).layout
    return [layout.offsets(column, layout.output_steps) for column in layout.outputs]


@lru_cache(maxsize=DATASETS_KEPT)
def _later(
    model: Path,
    passport_sha256: str | None,
    folder: Path,
    rows: tuple[tuple[str, Path], ...],
    begin_ns: int,
    ref_ns: int,
) -> PartForecast:
    """Return what the model would have forecast from a moment on, where any of its truth is known by now."""
    dataset, series = opened_dataset(folder, None), {name: opened_rows(path) for name, path in rows}
    shape = (0, dataset.spec.output_steps, len(dataset.spec.outputs))
    refs = references(dataset, max(begin_ns, ref_ns - LATER_NS), ref_ns - 1)[-MOST_LATER:]
    found = [(refs[:0], np.empty(shape), np.empty(shape))]
    spreads = []
    knows_truth = all(output.series_id in series for output in dataset.spec.outputs)
    for start in range(0, len(refs) if knows_truth else 0, WINDOWS_AT_ONCE):
        some = refs[start : start + WINDOWS_AT_ONCE]
        truth = true_values(dataset, series, some)
        arrived = np.isfinite(truth).any(axis=(1, 2))
        complete, x = past_windows(dataset, series, some[arrived])
        if len(x):
            forecaster = remembered_forecaster(model, passport_sha256)
            found.append((some[arrived][complete], truth[arrived][complete], forecaster.forecast_scaled(x)))
            spreads.append(forecaster.spread_scaled(x))
    said = [np.empty(shape), *(spread for spread in spreads if spread is not None)]
    spread = np.concatenate(said) if len(said) == len(found) else None
    whole = PartForecast(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
    return replace(whole, spread=spread)
