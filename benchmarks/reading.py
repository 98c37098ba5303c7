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
begin, worked = time.perf_counter(), time.process_time()
read_file(content)
print(time.perf_counter() - begin, time.process_time() - worked)
"""


def seconds(checkout: Path, n_rows: int) -> tuple[float, float]:
    """Return how long a checkout reads, and how long it computes meanwhile, in a fresh process."""
    command = [sys.executable, "-c", WORK, str(n_rows)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    passed, worked = map(float, done.stdout.split())
    return passed, worked


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
    measured: list[list[tuple[float, float]]] = [[] for _ in places]
    for _ in range(wanted.repeats):
        for place, found in zip(places, measured, strict=True):
            found.append(seconds(place, wanted.rows))
    for name, number in (("passed", 0), ("computed", 1)):
        taken = [[one[number] for one in found] for found in measured]
        for place, seconds_of in zip(places, taken, strict=True):
            best, usual = min(seconds_of), statistics.median(seconds_of)
            print(f"{place.name}: {name} {best:.2f} s, median {usual:.2f} s for {wanted.rows:,} rows")
        if len(taken) > 1:
            neighbours = statistics.median(ours / theirs for ours, theirs in zip(*taken, strict=True))
            ratio = min(taken[0]) / min(taken[1])
            print(f"{name}: ratio of the best {ratio:.2f}, median ratio of neighbours {neighbours:.2f}")


if __name__ == "__main__":
    main()
