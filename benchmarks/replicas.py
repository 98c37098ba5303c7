"""Twelve models through the whole platform: one trainer or two, one thread each or two.

    python -m benchmarks.replicas

Every setting is a platform of its own whose trainers have loaded their libraries before the clock starts. It
runs from the request to the last model that is done, baselines included; scores are computed beside it, and
the plots of one round are drawn before the next begins. The last row is what two processes gain that share
nothing but the machine: no setting can gain more.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time

from benchmarks.platform import open_yard
from shared.contracts.kinds import CnnSpec, DenseSpec, LstmSpec, ModelSpec, SvrMimoSpec

SETTINGS = ((1, 1), (2, 1), (1, 2), (2, 2))  # replicas, threads of each


def twelve(epochs: int) -> tuple[ModelSpec, ...]:
    """Return twelve fits of about the same few seconds each; none learns on, as earlier commits did not."""
    return (
        *(DenseSpec(layers=(64,), epochs=3 * epochs, patience=0, refit=False, seed=k) for k in range(5)),
        *(CnnSpec(layers=(16,), epochs=epochs, patience=0, refit=False, seed=k) for k in range(3)),
        *(LstmSpec(layers=(8,), epochs=epochs, patience=0, refit=False, seed=k) for k in range(2)),
        *(SvrMimoSpec(seed=seed) for seed in range(2)),
    )


def capacity(rounds: int = 3) -> tuple[float, float]:
    """Return the seconds of a loop in Python alone, and of two of them side by side."""
    loop = [sys.executable, "-c", "for _ in range(60_000_000): pass"]

    def run(copies: int) -> float:
        started = time.perf_counter()
        for process in [subprocess.Popen(loop) for _ in range(copies)]:
            process.wait()
        return time.perf_counter() - started

    alone, both = zip(*((run(1), run(2)) for _ in range(rounds)), strict=True)
    return statistics.median(alone), statistics.median(both)


async def measure(replicas: int, threads: int, *, epochs: int, rounds: int) -> list[float]:
    """Return the seconds of each round on a platform of that setting."""
    async with open_yard(trainers=replicas, threads=threads) as yard:
        await yard.warm_up(replicas)
        seconds = []
        for _ in range(rounds):
            started, last = time.perf_counter(), 0.0
            run = await yard.start(twelve(epochs))
            async for event in yard.client.watch(run.session_id, run.run_id, until="run.reported"):
                if event.type == "model.done":
                    if event.data["status"] != "finished":
                        raise SystemExit(f"a model ended as {event.data['status']}: {event.data}")
                    last = time.perf_counter() - started
            seconds.append(last)
        return seconds


def main() -> None:
    """Print one row per setting."""
    parser = argparse.ArgumentParser(prog="benchmarks.replicas", description="replicas and threads")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="how many of the settings")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print("| replicas | threads each | 12 models, s | times as fast |\n|--:|--:|--:|--:|")
    alone = 0.0
    for replicas, threads in SETTINGS[: given.settings]:
        seconds = statistics.median(
            asyncio.run(measure(replicas, threads, epochs=given.epochs, rounds=given.rounds))
        )
        alone = alone or seconds
        print(f"| {replicas} | {threads} | {seconds:.1f} | {alone / seconds:.2f} |", flush=True)
    one, two = capacity()
    print(f"| a loop in Python, two at once | 1 | {2 * one:.1f} -> {two:.1f} | {2 * one / two:.2f} |")


if __name__ == "__main__":
    main()
