"""How long a run's report takes: ``python -m benchmarks.reports [MODELS]``.

Ten models of 48 steps and 2,000 windows per part, by default: numbers, tables, arrays and plot data are
written, pictures are drawn by as many processes as the evaluator has, and all of it is packed.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from services.evaluator.core.run_data import ModelFacts, OutputFacts, RunData
from services.evaluator.report import MAX_WORKERS, draw, pack, write_report
from shared.scoring.forecasts import Forecast, PartForecast

N_WINDOWS, N_STEPS, HOUR_NS = 2_000, 48, 3_600 * 10**9


def made_up_run(n_models: int) -> RunData:
    """Return a run of models that are off by noise."""
    rng = np.random.default_rng(0)
    truth = rng.normal(50.0, 10.0, (N_WINDOWS, N_STEPS, 1))

    def part(start: int) -> PartForecast:
        times = (start + np.arange(N_WINDOWS)) * HOUR_NS
        return PartForecast(times, truth, truth + rng.normal(0.0, 3.0, truth.shape))

    history = {"loss": np.exp(-np.arange(30) / 5).tolist(), "val_loss": np.exp(-np.arange(30) / 6).tolist()}
    models = tuple(
        ModelFacts(f"{i:032x}", f"Model {i}", "lin", Forecast(part(0), part(N_WINDOWS)), history)
        for i in range(n_models)
    )
    output = OutputFacts("load", 30.0, np.arange(1, N_STEPS + 1) / 2, rng.normal(50.0, 10.0, 20_000))
    return RunData("run", "rmse", "Europe/Vienna", 1, (output,), models)


def main() -> None:
    """Print seconds and sizes."""
    n_models = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    run, spawn = made_up_run(n_models), multiprocessing.get_context("spawn")
    workers = min(os.cpu_count() or 1, MAX_WORKERS)
    started = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report"
        _, drawn = pool.submit(write_report, run, folder).result()
        numbers = time.perf_counter() - started
        for picture in [pool.submit(draw, figure, folder / path) for path, figure in drawn.items()]:
            picture.result()
        pictures = time.perf_counter() - started
        pool.submit(pack, folder, {}).result()
        total = time.perf_counter() - started
        size = sum(path.stat().st_size for path in folder.rglob("*.png"))
    print(f"{n_models} models, {len(drawn)} pictures, {workers} processes (their start included)")
    print(f"numbers after {numbers:.1f} s, pictures after {pictures:.1f} s, archive after {total:.1f} s")
    print(f"pictures: {size / 1e6:.2f} MB, {size * 4 / 3e6:.2f} MB inline")


if __name__ == "__main__":
    main()
