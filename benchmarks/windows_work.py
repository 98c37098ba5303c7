"""The work of the windows benchmark: hourly rows, three inputs, all calendar features, 96 in and 96 out.

Plain numpy, so that peers in other environments do the same work without our dependencies.
"""

import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

HOUR_NS = 3_600_000_000_000
START_NS = 1_467_331_200 * 10**9  # 2016-07-01, as ETTh1
ROWS, INPUTS, STEPS = 17_420, 3, 96


@dataclass(frozen=True)
class Result:
    """One contestant: windows, best seconds, and what it had to do."""

    name: str
    n_windows: int
    seconds: float
    peak_mb: float
    note: str = ""

    @property
    def per_second(self) -> float:
        """Windows per second."""
        return self.n_windows / self.seconds


def step_ns(n: int) -> int:
    """Return the spacing of rows: hours, or minutes where hours would leave the range of int64."""
    return HOUR_NS if n <= 2_000_000 else HOUR_NS // 60


def rows(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return stamps (n,) and values (n, 3)."""
    times = START_NS + np.arange(n) * step_ns(n)
    return times, np.random.default_rng(0).normal(size=(n, INPUTS)).cumsum(axis=0)


def calendar_columns(times: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return nine calendar columns (n, 9) for contestants that have none of their own."""
    second = times / 1e9
    angles = [2 * np.pi * second / period for period in (31_557_600, 2_629_800, 604_800, 86_400)]
    waves = [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]
    return np.stack([*waves, (times // (24 * HOUR_NS)) % 7 == 6], axis=1).astype(np.float32)


def best_of(work: Callable[[], int], *, runs: int = 5) -> tuple[int, float]:
    """Return (windows, seconds of the best of some runs)."""
    best, count = float("inf"), 0
    for _ in range(runs):
        begin = time.perf_counter()
        count = work()
        best = min(best, time.perf_counter() - begin)
    return count, best


def peak_mb() -> float:
    """Return the most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(name: str, work: Callable[[], int], *, runs: int = 5, note: str = "") -> Result:
    """Run a contestant in this process."""
    count, seconds = best_of(work, runs=runs)
    return Result(name, count, seconds, peak_mb(), note)


def tell(result: Result) -> None:
    """Print a result for the parent process."""
    print(json.dumps(asdict(result)), flush=True)
