"""Accuracy per second beside what can be installed: ``python -m benchmarks.peers ETTh1.csv --python PEERS``.

PEERS is an interpreter of an environment with ``u8darts mlforecast lightgbm neuralforecast`` (and
``torch==2.13.0+cpu``: the usual wheel brings gigabytes for other hardware). Same split and z-scores as
``benchmarks.etth``, every test window, every column; each contestant in a process of its own, from the
training rows to the last forecast, with a limit of time.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.peers_work import Result

ROOT = Path(__file__).parents[1]
OURS = ("LIN", "LIN refit", "Dense")
THEIRS = ("darts linear", "mlforecast LightGBM", "NHITS", "PatchTST")


def contest(name: str, options: argparse.Namespace) -> str:
    """Run one contestant and return its row of the table."""
    python = sys.executable if name in OURS else options.python
    command = [python, "-m", "benchmarks.peers_contestants", name, str(options.file), str(options.steps)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=options.limit, check=True
        )
    except subprocess.TimeoutExpired:
        return f"| {name} | - | - | - | - | - | over the limit of {options.limit} s |"
    except subprocess.CalledProcessError as error:
        return f"| {name} | - | - | - | - | - | not run: {error.stderr.strip().splitlines()[-1][:80]} |"
    result = Result(**json.loads(done.stdout.strip().splitlines()[-1]))
    return (
        f"| {name} | {result.mse:.4f} | {result.mae:.4f} | {result.fit_seconds:.1f} "
        f"| {result.predict_seconds:.1f} | {result.peak_mb:,.0f} | {result.note} |"
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description="accuracy per second")
    parser.add_argument("file", type=Path)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--contestants", default=",".join((*OURS, *THEIRS)))
    parser.add_argument("--steps", type=int, default=500, help="training steps of the neural peers")
    parser.add_argument("--limit", type=int, default=900, help="seconds of one contestant")
    options = parser.parse_args(arguments)
    options.file = options.file.resolve()
    print("| contestant | MSE | MAE | fit s | predict s | peak MB | |\n|---|--:|--:|--:|--:|--:|---|")
    for name in options.contestants.split(","):
        print(contest(name, options), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
