"""How long a trainer keeps its users waiting: until a cancelled fit is gone, until one window is forecast.

    python -m benchmarks.trainer_latency

Through a whole platform with one trainer. A cancel counts from the request to the gateway until the job's
end is announced, which happens after the fitting process has gone and a fresh one has been started. A
forecast is of one window with a model that was asked before: once over the broker, as the gateway asks
the trainer, and once over HTTP.
"""

import argparse
import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable

import httpx
import nats
import numpy as np

from benchmarks.platform import Yard, open_yard
from shared.contracts.kinds import DenseSpec, LinearSpec, LstmSpec, ModelSpec, SvrDirectSpec, SvrMimoSpec
from trainyard.responses import Run

LONG_FITS: tuple[ModelSpec, ...] = (
    LstmSpec(layers=(64, 64), epochs=1000, patience=0, batch_size=8),
    SvrDirectSpec(C=1000.0),
    DenseSpec(layers=(256,), epochs=1000, patience=0, batch_size=8),
    SvrDirectSpec(C=300.0, epsilon=0.01),
)
ASKED: tuple[ModelSpec, ...] = (
    LinearSpec(),
    SvrMimoSpec(),
    DenseSpec(epochs=2),
    LstmSpec(layers=(16,), epochs=1),
)


async def cancel_one(yard: Yard, model: ModelSpec) -> float:
    """Cancel a fit while it runs; return the seconds until the replica is free."""
    run = await yard.start((model,))
    await yard.first(run, "model.progress", kind=model.kind)
    started = time.perf_counter()
    await yard.client.cancel(run.session_id, run_id=run.run_id)
    done = await yard.first(run, "model.done", kind=model.kind)
    seconds = time.perf_counter() - started
    if done.data["status"] != "cancelled":
        raise SystemExit(f"{model.kind} had ended as {done.data['status']} before it could be cancelled")
    await yard.client.wait(run.session_id, run.run_id)
    return seconds


async def measure_cancels(yard: Yard, n: int) -> None:
    """Print how long cancels take."""
    seconds = [await cancel_one(yard, LONG_FITS[i % len(LONG_FITS)]) for i in range(n)]
    p50, p95 = np.percentile(seconds, (50, 95))
    print(
        f"{n} cancels of running fits: p50 {p50:.2f} s, p95 {p95:.2f} s, longest {max(seconds):.2f} s",
        flush=True,
    )


async def measure_predicts(yard: Yard, n: int) -> None:
    """Print how long a forecast of one window takes, for several kinds."""
    run = await yard.start(ASKED)
    await yard.client.wait(run.session_id, run.run_id)
    jobs = {}
    for job in (await yard.client.status(run.session_id)).jobs:
        if job["status"] != "finished":
            raise SystemExit(f"{job['label']} ended as {job['status']}: {job['problem']}")
        jobs[job["kind"]] = job["job_id"]
    session_id = uuid.UUID(run.session_id).hex  # as the services spell it
    broker = await nats.connect(yard.platform.broker.url, **yard.platform.broker.login())
    print("| one window | broker p50 ms | p95 | HTTP p50 ms | p95 |\n|---|--:|--:|--:|--:|")
    async with httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        for model in ASKED:
            question = about(yard, run, jobs[model.kind])

            async def over_broker(question: dict[str, object] = question) -> None:
                asked = json.dumps({"session_id": session_id, **question}).encode()
                answer = await broker.request("ask.trainer.predict", asked, timeout=60)
                assert json.loads(answer.data)["ok"], answer.data

            async def over_http(question: dict[str, object] = question) -> None:
                answer = await http.post(f"/api/training/predict/{run.session_id}", json=question)
                answer.raise_for_status()

            figures = [
                f"{value:.1f}" for ask in (over_broker, over_http) for value in await percentiles(ask, n)
            ]
            print(f"| {model.kind} | {' | '.join(figures)} |", flush=True)
    await broker.close()


def about(yard: Yard, run: Run, job_id: str) -> dict[str, object]:
    """Return the question for a forecast of one window."""
    spec = yard.dataset
    window = np.random.default_rng(0).uniform(3.0, 6.0, (1, spec.input_steps, n_inputs(yard)))
    return {"run_id": run.run_id, "job_id": job_id, "input_data": window.tolist()}


def n_inputs(yard: Yard) -> int:
    """Return the columns of a window: the input series and two or one per calendar feature."""
    calendar = yard.dataset.calendar
    columns = sum(1 if name == "holiday" else 2 for name, _ in calendar.enabled())
    return columns + sum(series.role == "input" for series in yard.dataset.series)


async def percentiles(ask: Callable[[], Awaitable[None]], n: int) -> tuple[float, float]:
    """Return median and 95th percentile in milliseconds, the first answers apart."""
    taken = []
    for _ in range(n + 3):
        started = time.perf_counter()
        await ask()
        taken.append(1e3 * (time.perf_counter() - started))
    p50, p95 = np.percentile(taken[3:], (50, 95))
    return float(p50), float(p95)


async def measure(n_cancels: int, n_predicts: int) -> None:
    """Print both."""
    async with open_yard() as yard:
        await yard.warm_up()
        await measure_predicts(yard, n_predicts)
        await measure_cancels(yard, n_cancels)


def main() -> None:
    """Run both on one platform."""
    parser = argparse.ArgumentParser(prog="benchmarks.trainer_latency", description="cancels and forecasts")
    parser.add_argument("--cancels", type=int, default=20)
    parser.add_argument("--predicts", type=int, default=100)
    given = parser.parse_args()
    asyncio.run(measure(given.cancels, given.predicts))


if __name__ == "__main__":
    main()
