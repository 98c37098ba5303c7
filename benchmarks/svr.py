"""Seconds and agreement of the support-vector kinds on windows of the first value column of a file.

    python -m benchmarks.svr ETTh1.csv

First SVR_dir beside scikit-learn's own SVR, given as large a cache, on the same windows: exact for few
targets, with Nystroem features above the size the trainer solves exactly. Then both kinds at a larger size.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.svm import SVR

from benchmarks.etth import cut, errors, read
from services.trainer.core.svr.fit import fit_svr_direct, fit_svr_mimo
from services.trainer.core.svr.kernels import flatten
from shared.contracts.kinds import SvrDirectSpec, SvrMimoSpec
from shared.series.arrays import Float32
from shared.windows.samples import Layout, Samples

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


LARGE_CACHE_MB = 1000  # as much as the kernel rows of ours may take
DEFAULT_CACHE_MB = 200  # what scikit-learn has unless told otherwise
HORIZONS = ((1, 3), (3, 3), (8, 3), (24, 1))  # targets, rounds
Turn = tuple[float, float, Float32]  # seconds of fit and of predict, forecasts (n_windows, horizon)


def ours(train: Samples, test: Samples, layout: Layout) -> Turn:
    """Fit and forecast as the trainer does."""
    fitted = fit_svr_direct(SvrDirectSpec(), train, test, layout)
    started = time.perf_counter()
    forecast = fitted.model.predict(test.x)[:, :, 0]
    return fitted.seconds, time.perf_counter() - started, forecast


def theirs(train: Samples, test: Samples, layout: Layout, *, cache_mb: int = LARGE_CACHE_MB) -> Turn:
    """Fit and forecast with scikit-learn, target after target."""
    x, started = flatten(train.x), time.perf_counter()
    regressors = [SVR(cache_size=cache_mb).fit(x, train.y[:, step, 0]) for step in range(layout.output_steps)]
    fitted = time.perf_counter()
    forecast = np.stack([regressor.predict(flatten(test.x)) for regressor in regressors], axis=1)
    return fitted - started, time.perf_counter() - fitted, forecast.astype(np.float32)


def compare(file: Path, *, n_windows: int, horizon: int, rounds: int) -> None:
    """Print one row: medians of both, side by side, and how far apart the forecasts are."""
    train, test, layout = samples(file, n_windows=n_windows, horizon=horizon)
    turns = [(ours(train, test, layout), theirs(train, test, layout)) for _ in range(rounds)]
    fit, predict = (
        statistics.median(seconds) for seconds in zip(*(mine[:2] for mine, _ in turns), strict=True)
    )
    their_fit, their_predict = (
        statistics.median(seconds) for seconds in zip(*(other[:2] for _, other in turns), strict=True)
    )
    (_, _, forecast), (_, _, reference) = turns[0]
    mse, their_mse = (float(np.mean((f - test.y[:, :, 0]) ** 2)) for f in (forecast, reference))
    print(
        f"| {horizon} | {fit:.2f} | {their_fit:.2f} | {their_fit / fit:.1f} | {predict:.3f} "
        f"| {their_predict:.2f} | {their_predict / predict:.0f} "
        f"| {np.abs(forecast - reference).max():.1e} | {mse:.4f} | {their_mse:.4f} |",
        flush=True,
    )


def compare_default(file: Path, *, n_windows: int, horizon: int, rounds: int) -> None:
    """Print how long scikit-learn fits with the cache it has by default, side by side with ours."""
    train, test, layout = samples(file, n_windows=n_windows, horizon=horizon)
    turns = [
        (ours(train, test, layout)[0], theirs(train, test, layout, cache_mb=DEFAULT_CACHE_MB)[0])
        for _ in range(rounds)
    ]
    fit, their_fit = (statistics.median(seconds) for seconds in zip(*turns, strict=True))
    print(
        f"{horizon} targets: {fit:.2f} s; scikit-learn as it comes {their_fit:.2f} s: {their_fit / fit:.1f}"
    )


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
    print(f"{options.windows} windows of {LOOKBACK} steps, medians; differences in standard deviations\n")
    print(
        "| targets | fit s | scikit-learn | ratio | predict s | scikit-learn | ratio | largest difference "
        "| MSE | scikit-learn |"
    )
    print("|" + "--:|" * 10)
    for horizon, rounds in HORIZONS:
        compare(options.file, n_windows=options.windows, horizon=horizon, rounds=rounds)
    compare_default(options.file, n_windows=options.windows, horizon=8, rounds=3)
    measure_large(options.file, n_windows=17_000, horizon=96)


if __name__ == "__main__":
    main(sys.argv[1:])
