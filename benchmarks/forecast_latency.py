"""How long a forecast of the future takes over HTTP while the only trainer fits a network.

    python -m benchmarks.forecast_latency

One trainer, a linear model that was asked before, then the same question again and again, each with another
horizon so that nothing is answered from the ledger: idle, and while an LSTM is being fitted.
"""

import argparse
import asyncio
import time

import httpx
import numpy as np

from benchmarks.platform import Yard, open_yard
from shared.contracts.kinds import LinearSpec, LstmSpec

LONG = LstmSpec(layers=(64, 64), epochs=1000, patience=0, batch_size=8)


async def ask(http: httpx.AsyncClient, session: str, n: int, *, first: float) -> str:
    """Ask n times; return what the times were."""
    seconds = []
    for k in range(n):
        body = {"intervals": [50, 80, round(first + 0.01 * k, 4)]}
        started = time.perf_counter()
        answer = await http.post(f"/api/training/forecast/{session}", json=body)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
    p50, p95 = 1000 * np.percentile(seconds, (50, 95))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {1000 * max(seconds):.0f} ms"


async def measure(yard: Yard, n: int) -> None:
    """Print the times idle and beside a fit."""
    run = await yard.start((LinearSpec(),))
    await yard.client.wait(run.session_id, run.run_id)
    async with httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        await ask(http, run.session_id, 3, first=90.0)
        print(f"{n} forecasts, idle: {await ask(http, run.session_id, n, first=91.0)}", flush=True)
        busy = await yard.start((LONG,))
        await yard.first(busy, "model.progress", kind="lstm")
        print(f"{n} forecasts beside an LSTM: {await ask(http, run.session_id, n, first=95.0)}", flush=True)
        await yard.client.cancel(busy.session_id, run_id=busy.run_id)


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
