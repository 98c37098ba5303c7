"""Seconds to read a million rows beside another checkout: ``python -m benchmarks.reading --beside PATH``.

Each checkout reads in a process of its own, in turns, so that a busy machine is busy for both.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = """
import sys, time
import numpy as np, pandas as pd
from services.ingest.core.read import read_file
n = int(sys.argv[1])
stamps = pd.date_range("2000-01-01", periods=n, freq="5min").strftime("%d.%m.%Y %H:%M")
values = np.round(np.random.default_rng(0).normal(50, 10, (n, 2)), 3)
table = pd.DataFrame({"time": stamps, "a": values[:, 0], "b": values[:, 1]})
content = table.to_csv(sep=";", decimal=",", index=False).encode()
begin = time.perf_counter()
read_file(content)
print(time.perf_counter() - begin)
"""


def seconds(checkout: Path, n_rows: int) -> float:
    """Return how long a checkout reads, in a fresh process."""
    command = [sys.executable, "-c", WORK, str(n_rows)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print seconds of this checkout and of the other one, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--beside", type=Path, help="another checkout, such as a git worktree of the commit before"
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    places = [ROOT, *([wanted.beside] if wanted.beside else [])]
    measured: list[list[float]] = [[] for _ in places]
    for _ in range(wanted.repeats):
        for place, found in zip(places, measured, strict=True):
            found.append(seconds(place, wanted.rows))
    best = [min(found) for found in measured]
    for place, found, fastest in zip(places, measured, best, strict=True):
        print(
            f"{place.name}: {fastest:.2f} s, median {statistics.median(found):.2f} s for {wanted.rows:,} rows"
        )
    if len(best) > 1:
        print(f"ratio {best[0] / best[1]:.2f}")


if __name__ == "__main__":
    main()
