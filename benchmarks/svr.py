"""Seconds and agreement of the support-vector kinds on windows of the first value column of a file.

    python -m benchmarks.svr ETTh1.csv

First SVR_dir, solved exactly, beside scikit-learn's own SVR on the same windows; then both kinds at a size
where Nystroem features stand in.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.svm import SVR

from benchmarks.etth import cut, errors, read
from services.trainer.core.kernels import flatten
from services.trainer.core.svr import fit_svr_direct, fit_svr_mimo
from shared.contracts.kinds import SvrDirectSpec, SvrMimoSpec
from shared.timeseries.samples import Layout, Samples

LOOKBACK = 96


def samples(file: Path, *, n_windows: int, horizon: int) -> tuple[Samples, Samples, Layout]:
    """Return (train of ``n_windows``, test on the rows after them, layout) of the first column."""
    values, minutes = read(file)
    n_train = n_windows + LOOKBACK + horizon - 1
    n_test = min(len(values) - n_train - horizon, 3000)
    if n_test < horizon:
        raise SystemExit(f"{file} has {len(values)} rows; {n_train + 2 * horizon} are needed")
    column, lengths = values[:, :1], (n_train, horizon, n_test)  # one window validates; nothing asks it
    (train, _, test), layout = cut(column, minutes, lengths, lookback=LOOKBACK, horizon=horizon)
    return train, test, layout


def compare_exact(file: Path, *, n_windows: int, horizon: int) -> None:
    """Print our exact solution beside scikit-learn's."""
    train, test, layout = samples(file, n_windows=n_windows, horizon=horizon)
    ours = fit_svr_direct(SvrDirectSpec(), train, test, layout)
    started = time.perf_counter()
    forecast = ours.model.predict(test.x)[:, :, 0]
    ours_predict = time.perf_counter() - started

    started = time.perf_counter()
    theirs = [SVR().fit(flatten(train.x), train.y[:, step, 0]) for step in range(horizon)]
    theirs_fit = time.perf_counter() - started
    started = time.perf_counter()
    reference = np.stack([regressor.predict(flatten(test.x)) for regressor in theirs], axis=1)
    theirs_predict = time.perf_counter() - started
    print(f"exact, {n_windows} windows x {LOOKBACK} -> {horizon} (solver: {ours.notes.get('solver')})")
    print(f"  ours          fit {ours.seconds:6.2f} s   predict {ours_predict:6.3f} s")
    print(f"  scikit-learn  fit {theirs_fit:6.2f} s   predict {theirs_predict:6.3f} s")
    print(f"  largest difference of a forecast {np.abs(forecast - reference).max():.1e} standard deviations")


def measure_large(file: Path, *, n_windows: int, horizon: int) -> None:
    """Print both kinds above the size that is solved exactly."""
    train, test, layout = samples(file, n_windows=n_windows, horizon=horizon)
    print(f"Nystroem, {n_windows} windows x {LOOKBACK} -> {horizon}")
    for fitted, name in (
        (fit_svr_direct(SvrDirectSpec(), train, test, layout), "SVR_dir"),
        (fit_svr_mimo(SvrMimoSpec(), train, test, layout), "SVR_MIMO"),
    ):
        mse, mae = errors(fitted.model, test)
        print(f"  {name:<9} fit {fitted.seconds:6.2f} s   MSE {mse:.4f}  MAE {mae:.4f}  {fitted.notes}")


def main(arguments: list[str]) -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(prog="benchmarks.svr", description="support vectors")
    parser.add_argument("file", type=Path)
    parser.add_argument("--windows", type=int, default=10_000)
    options = parser.parse_args(arguments)
    compare_exact(options.file, n_windows=options.windows, horizon=3)
    measure_large(options.file, n_windows=17_000, horizon=96)


if __name__ == "__main__":
    main(sys.argv[1:])
