"""Accuracy and speed of the model kinds on a file in the format of ETTh1: a date column, then values.

    python -m benchmarks.etth ETTh1.csv
    python -m benchmarks.etth ETTh1.csv --kinds LIN,Dense --horizons 96,720

The protocol of the literature: 12, 4 and 4 months of 30 days train, validate and test (60, 20 and 20 % of a
shorter file); z-scores by the statistics of the training rows; every column is forecast; every test window
counts. `LIN` and all others are fitted on the training part alone; `LIN refit` uses the validation part as
well once everything is chosen, which published figures do not.
"""

import argparse
import multiprocessing
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from services.trainer.core.model import Model
from shared.contracts.kinds import KINDS, MODEL_SPEC, WIRE_NAMES, ModelSpec
from shared.series.arrays import Float64
from shared.windows.samples import Column, Layout, Samples
from shared.windows.scaling import Scaler

HORIZONS = (96, 192, 336, 720)
LOOKBACK = 720
MINUTES_OF_MONTHS = (12 * 43_200, 4 * 43_200, 4 * 43_200)
BLOCK = 256  # windows compared at once


def _on_training_alone(kind: str) -> ModelSpec:
    spec = MODEL_SPEC.validate_python({"kind": kind})
    return spec.model_copy(update={"refit": False}) if hasattr(spec, "refit") else spec


SPECS = {WIRE_NAMES[kind]: _on_training_alone(kind) for kind in KINDS}
SPECS["LIN refit"] = MODEL_SPEC.validate_python({"kind": "lin"})


@dataclass(frozen=True)
class Line:
    """What one kind reached at one horizon."""

    kind: str
    horizon: int
    mse: float
    mae: float
    fit_seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return (
            f"{self.kind:<15}{self.horizon:>8}{self.mse:>9.4f}{self.mae:>9.4f}"
            f"{self.fit_seconds:>9.1f}{self.peak_mb:>9.0f}"
        )


def read(file: Path) -> tuple[Float64, float]:
    """Return (values (n_rows, n_columns), minutes between rows)."""
    table = pd.read_csv(file)
    dates = pd.to_datetime(table.iloc[:, 0])
    minutes = float((dates.iloc[-1] - dates.iloc[0]).total_seconds()) / 60.0 / (len(table) - 1)
    return table.iloc[:, 1:].to_numpy(dtype=np.float64), minutes


def split_rows(n_rows: int, minutes: float) -> tuple[int, int, int]:
    """Return the lengths of the three parts."""
    train, validation, test = (round(length / minutes) for length in MINUTES_OF_MONTHS)
    if train + validation + test <= n_rows:
        return train, validation, test
    return round(0.6 * n_rows), round(0.2 * n_rows), n_rows - round(0.6 * n_rows) - round(0.2 * n_rows)


def cut(
    values: Float64, minutes: float, lengths: tuple[int, int, int], *, lookback: int, horizon: int
) -> tuple[list[Samples], Layout]:
    """Return (train, validation, test) as views of the z-scored series, and their layout."""
    mean, deviation = values[: lengths[0]].mean(axis=0), values[: lengths[0]].std(axis=0)
    scaler = Scaler(mean, mean + deviation, np.zeros_like(mean), np.ones_like(mean))
    series = scaler.transform(values).astype(np.float32)
    hours, names = minutes / 60.0, [f"column {k}" for k in range(values.shape[1])]
    layout = Layout(
        inputs=tuple(Column(name, "series", (1 - lookback) * hours, 0.0) for name in names),
        outputs=tuple(Column(name, "series", hours, horizon * hours) for name in names),
        input_steps=lookback,
        output_steps=horizon,
        stride=minutes,
        x_scaler=scaler,
        y_scaler=scaler,
        own_past=tuple(range(len(names))),
    )
    parts, border = [], 0
    for length in lengths:
        rows = series[max(0, border - lookback) : border + length]
        windows = np.lib.stride_tricks.sliding_window_view(rows, lookback + horizon, axis=0)
        windows = windows.transpose(0, 2, 1)
        refs = np.arange(len(windows)) * round(minutes * 60e9)
        parts.append(Samples(windows[:, :lookback], windows[:, lookback:], refs))
        border += length
    return parts, layout


def errors(model: Model, part: Samples) -> tuple[float, float]:
    """Return (mean squared error, mean absolute error) over all windows, steps and columns."""
    squares = absolutes = 0.0
    for start in range(0, len(part), BLOCK):
        rows = part.rows(slice(start, start + BLOCK))
        error = (model.predict(rows.x) - rows.y).astype(np.float64)
        squares += float(np.vdot(error, error))
        absolutes += float(np.abs(error).sum())
    return squares / part.y.size, absolutes / part.y.size


def measure(file: Path, kind: str, horizon: int, lookback: int) -> Line:
    """Fit and score one kind at one horizon."""
    # Imported here: the process that only prints needs no solver.
    from services.trainer.core.fit import fit

    values, minutes = read(file)
    lengths = split_rows(len(values), minutes)
    (train, validation, test), layout = cut(values, minutes, lengths, lookback=lookback, horizon=horizon)
    fitted = fit(SPECS[kind], train, validation, layout)
    mse, mae = errors(fitted.model, test)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Line(kind, horizon, mse, mae, fitted.seconds, peak_mb)


def main(arguments: list[str]) -> None:
    """Print one line per kind and horizon, each from a process of its own."""
    parser = argparse.ArgumentParser(prog="benchmarks.etth", description="MSE and MAE on z-scores")
    parser.add_argument("file", type=Path)
    parser.add_argument("--kinds", default="LIN,LIN refit,Last value,Seasonal naive", help=", ".join(SPECS))
    parser.add_argument("--horizons", default=",".join(map(str, HORIZONS)))
    parser.add_argument("--lookback", type=int, default=LOOKBACK)
    options = parser.parse_args(arguments)
    kinds = [kind.strip() for kind in options.kinds.split(",")]
    if unknown := [kind for kind in kinds if kind not in SPECS]:
        parser.error(f"unknown kinds {unknown}: choose from {', '.join(SPECS)}")

    print(f"{'kind':<15}{'horizon':>8}{'MSE':>9}{'MAE':>9}{'fit s':>9}{'peak MB':>9}", flush=True)
    fresh = multiprocessing.get_context("spawn")
    for kind in kinds:
        for horizon in map(int, options.horizons.split(",")):
            with fresh.Pool(1) as pool:  # a process each: the peak memory is its own
                task = (options.file, kind, horizon, options.lookback)
                print(pool.apply(measure, task), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
