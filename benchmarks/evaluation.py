"""Seconds, memory and agreement of scoring; ties that the significance test calls between equal models.

    python -m benchmarks.evaluation

First the tables of 12 averaging levels beside the triple loop over levels, blocks and windows that they
replace, on the same arrays and in seconds of one core (both are single-threaded); then a million windows
of four outputs; then how often a better model is found and an equal one is not.
"""

import argparse
import time
import tracemalloc

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from services.evaluator.core.scores import MAX_LEVEL, score
from services.evaluator.core.significance import compare
from shared.scoring.forecasts import PartForecast
from shared.scoring.metrics import measure
from shared.series.arrays import Float64

SEED = 0


def loop_tables(y_true: Float64, y_pred: Float64) -> list[list[dict[str, float | None]]]:
    """Score one output the slow way: per level the whole first, then every block."""
    tables = []
    for k in range(1, MAX_LEVEL + 1):
        truth: list[list[float]] = []
        forecast: list[list[float]] = []
        for block in range(y_true.shape[1] // k):
            steps = slice(block * k, block * k + k)
            truth.append([float(np.mean(window[steps])) for window in y_true])
            forecast.append([float(np.mean(window[steps])) for window in y_pred])
        rows = [(np.array(truth), np.array(forecast))]
        rows += [(np.array(y), np.array(f)) for y, f in zip(truth, forecast, strict=True)]
        tables.append([measure(y, f, naive=1.0) for y, f in rows])
    return tables


def compare_with_loop(n_windows: int, n_steps: int) -> None:
    """Print both ways' seconds and the largest relative difference of a score."""
    rng = np.random.default_rng(SEED)
    y_true = rng.normal(50.0, 10.0, (n_windows, n_steps, 1))
    part = PartForecast(np.arange(n_windows), y_true, y_true + rng.normal(0.0, 3.0, y_true.shape))
    seconds = []
    for _ in range(9):
        started = time.process_time()
        scores = score(part, y_train=[np.arange(9.0)], delta_minutes=[60.0], names=["y"])
        seconds.append(time.process_time() - started)
    started = time.process_time()
    tables = loop_tables(part.y_true[..., 0], part.y_pred[..., 0])
    slow = time.process_time() - started

    checked: tuple[str, ...] = ("mae", "mse", "rmse", "mape", "nrmse", "wape", "smape", "r2")
    difference = 0.0
    for level, (whole, *blocks) in zip(scores.outputs[0].levels, tables, strict=True):
        rows = [(level.overall, whole), *((level.per_step[i], row) for i, row in enumerate(blocks))]
        for ours, theirs in rows:
            pairs = [(ours.get(metric), theirs[metric]) for metric in checked]
            difference = max(difference, *(abs(a / b - 1) for a, b in pairs if a is not None and b))
    fast = float(np.median(seconds))
    print(f"12-level tables, {n_windows:,} windows x {n_steps} steps, whole and per step")
    print(f"  ours         {fast:9.4f} s of one core (median of {len(seconds)})")
    print(f"  triple loop  {slow:9.2f} s of one core, {slow / fast:,.0f} times as long")
    print(f"  largest relative difference of a score {difference:.0e}")


def measure_many(n_windows: int, n_steps: int, n_outputs: int) -> None:
    """Print seconds and peak of additional memory for windows that overlap in one long series."""
    rng = np.random.default_rng(SEED)
    truth = rng.normal(50.0, 10.0, (n_windows + n_steps - 1, n_outputs))
    forecast = truth + rng.normal(0.0, 3.0, truth.shape)
    windows = [sliding_window_view(y, n_steps, axis=0).transpose(0, 2, 1) for y in (truth, forecast)]
    part = PartForecast(np.arange(n_windows), windows[0], windows[1])
    y_train, names = [np.arange(9.0)] * n_outputs, [str(i) for i in range(n_outputs)]
    tracemalloc.start()
    started = time.process_time()
    score(part, y_train=y_train, delta_minutes=[60.0] * n_outputs, names=names)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    size = windows[0].size * 16 / 2**30
    print(f"{n_windows:,} windows x {n_steps} steps x {n_outputs} outputs ({size:.1f} GiB as float64 arrays)")
    print(f"  {seconds:.1f} s of one core, {peak:.0f} MiB of additional memory at the peak")


def count_verdicts(n_trials: int) -> None:
    """Print the shares of verdicts on planted pairs: equal models, and one 10 % better."""
    print(f"verdicts, {n_trials} trials each, 24 of the windows overlap, errors of persistent size")
    for n_windows in (200, 800, 2000):
        shares = []
        for advantage in (0.0, 0.1):
            rng = np.random.default_rng(SEED)
            pairs = [planted_losses(rng, n_windows, advantage) for _ in range(n_trials)]
            winners = [compare(a, b, overlap=24, seed=i).winner for i, (a, b) in enumerate(pairs)]
            shares.append(winners.count("tie") / n_trials)
        print(f"  {n_windows:5d} windows: equal models tie in {shares[0]:.1%}, a 10 % better one wins in "
              f"{1 - shares[1]:.1%}")  # fmt: skip


def planted_losses(rng: np.random.Generator, n_windows: int, advantage: float) -> tuple[Float64, Float64]:
    """Return squared errors per window of two models; the first's errors are smaller by ``advantage``."""
    n = n_windows + 23
    spread = np.exp(0.5 * np.convolve(rng.normal(size=n + 47), np.ones(48) / np.sqrt(48), mode="valid"))
    errors = spread * rng.normal(size=(2, n)) * np.array([[1.0 - advantage], [1.0]])
    first, second = (np.convolve(error**2, np.ones(24) / 24, mode="valid") for error in errors)
    return first, second


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", type=int, default=1_000_000, help="of the large case")
    parser.add_argument("--trials", type=int, default=500, help="per planted pair")
    given = parser.parse_args()
    compare_with_loop(1723, 96)
    measure_many(given.windows, 96, 4)
    count_verdicts(given.trials)
