"""How long a forecast of the future takes over HTTP while the only trainer fits a network.

    python -m benchmarks.forecast_latency

One trainer, a linear model that was asked before, then the same question again and again, each with another
horizon so that nothing is answered from the ledger: idle, and while an LSTM is being fitted.
At last questions with levels nobody asked for before, whose intervals are calibrated anew, as those of the
first forecast after new rows are.
"""

import argparse
import asyncio
import time
from collections.abc import Iterable, Mapping

import httpx
import numpy as np

from benchmarks.platform import Yard, open_yard
from shared.contracts.kinds import LinearSpec, LstmSpec

LONG = LstmSpec(layers=(64, 64), epochs=1000, patience=0, batch_size=8)


async def ask(http: httpx.AsyncClient, session: str, bodies: Iterable[Mapping[str, object]]) -> str:
    """Ask each of these; return what the times were."""
    seconds = []
    for body in bodies:
        started = time.perf_counter()
        answer = await http.post(f"/api/training/forecast/{session}", json=body)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
    p50, p95 = 1000 * np.percentile(seconds, (50, 95))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {1000 * max(seconds):.0f} ms"


def horizons(n: int, longest: float) -> list[dict[str, float]]:
    """Return so many questions, each with another horizon, about a day."""
    return [{"horizon": round(longest - 0.0001 * k, 4)} for k in range(n)]


async def measure(yard: Yard, n: int) -> None:
    """Print the times idle, beside a fit, and of intervals that are calibrated anew."""
    run = await yard.start((LinearSpec(),))
    await yard.client.wait(run.session_id, run.run_id)
    async with httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        await ask(http, run.session_id, horizons(3, 23.0))
        print(f"{n} forecasts, idle: {await ask(http, run.session_id, horizons(n, 24.0))}", flush=True)
        busy = await yard.start((LONG,))
        await yard.first(busy, "model.progress", kind="lstm")
        beside = await ask(http, run.session_id, horizons(n, 23.9))
        print(f"{n} forecasts beside an LSTM: {beside}", flush=True)
        await yard.client.cancel(busy.session_id, run_id=busy.run_id)
        levels = [{"intervals": [50, 80, round(91.0 + 0.01 * k, 2)]} for k in range(n // 10)]
        anew = await ask(http, run.session_id, levels)
        print(f"{len(levels)} forecasts with other levels, idle: {anew}", flush=True)


def main() -> None:
    """Run the benchmark."""
    given = argparse.ArgumentParser()
    given.add_argument("--n", type=int, default=200)
    arguments = given.parse_args()

    async def work() -> None:
        async with open_yard() as yard:
            await measure(yard, arguments.n)

    asyncio.run(work())


if __name__ == "__main__":
    main()
