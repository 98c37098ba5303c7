"""Windows per second, side by side, and what large data sets need: ``python -m benchmarks.windows``.

Every contestant runs in a process of its own. Peers that are not installed are skipped; ``--python``
names another interpreter to look for them in.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.windows_work import ROWS, Result, peak_mb

ROOT = Path(__file__).parents[1]
PEERS = ("keras", "mlforecast", "darts")
SMALL = ("loop", "matrix", "views", "trainyard", "materialise", "batches", "odd", *PEERS)
LARGE = ("batches", "keras")


def contest(name: str, n_rows: int, python: str) -> Result | None:
    """Run one contestant; None if its packages are not there or it runs out of memory or time."""
    command = [python, "-m", "benchmarks.windows_contestants", name, str(n_rows)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    except subprocess.SubprocessError as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        print(f"| {name} | - | - | - | not run: {lines[-1][:90]} |")
        return None
    return Result(**json.loads(done.stdout.strip().splitlines()[-1]))


def side_by_side(names: tuple[str, ...], n_rows: int, other_python: str) -> None:
    """Print the table of one size."""
    print(
        f"\n{n_rows:,} rows\n\n| contestant | windows | seconds | windows/s | peak MB, note |\n"
        "|---|--:|--:|--:|---|"
    )
    for name in names:
        python = other_python if name in ("mlforecast", "darts") else sys.executable
        result = contest(name, n_rows, python)
        if result:
            print(
                f"| {result.name} | {result.n_windows:,} | {result.seconds:.3g} | "
                f"{result.per_second:,.0f} | {result.peak_mb:,.0f}; {result.note} |",
                flush=True,
            )


def build_only(n_rows: int, n_inputs: int) -> None:
    """Print time and memory of building one data set in this process."""
    from benchmarks.windows_request import request, series_of
    from shared.windows.dataset import build_dataset

    series = series_of(n_rows, n_inputs)
    before, begin = peak_mb(), time.perf_counter()
    dataset = build_dataset(request(n_rows, n_inputs), series)
    seconds = time.perf_counter() - begin
    rows_bytes = sum(one.nbytes for one in series.values())
    print(
        f"| {n_rows:,} x {n_inputs} | {seconds:.2f} | {seconds / n_rows * 1e6:.2f} | {before:,.0f} | "
        f"{peak_mb():,.0f} | {dataset.nbytes / rows_bytes:.2f} |",
        flush=True,
    )


def growth() -> None:
    """Print how building grows with rows and series, each size in a fresh process."""
    print("\n| rows x inputs | seconds | µs per row | MB before | peak MB | bytes held per byte of series |")
    print("|---|--:|--:|--:|--:|--:|", flush=True)
    for n_rows, n_inputs in ((10_000, 3), (100_000, 3), (1_000_000, 3), (10_000_000, 3), (1_000_000, 50)):
        command = [sys.executable, "-m", "benchmarks.windows", "--build", str(n_rows), str(n_inputs)]
        subprocess.run(command, cwd=ROOT, check=True)


def main() -> None:
    """Run everything, or one build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="interpreter with mlforecast and darts")
    parser.add_argument("--build", nargs=2, type=int, metavar=("ROWS", "INPUTS"))
    options = parser.parse_args()
    if options.build:
        build_only(*options.build)
        return
    side_by_side(SMALL, ROWS, options.python)
    side_by_side(LARGE, 100 * ROWS, options.python)
    growth()


if __name__ == "__main__":
    main()
