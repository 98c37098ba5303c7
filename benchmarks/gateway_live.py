"""Events out: how late they reach many clients of one run. ``python -m benchmarks.gateway_live``.

Beside the delays stand the processor time of the gateway and of the clients per event, and how much of the
machine was at work for others: the delays of a run on a busy machine are that machine's.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import websockets
from faststream.nats import NatsBroker
from faststream.nats.security import NatsToken

from benchmarks.gateway_process import ROOT, Gateway, announce, cpu_seconds, gateway
from shared.contracts.base import new_id
from shared.contracts.events import ModelEvaluated
from shared.messaging.publish import Publisher


async def follow(port: int, sid: str, delays: list[float], ready: asyncio.Semaphore) -> None:
    """Listen as one client; note how late each event is."""
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws/sessions/{sid}", compression=None) as socket:
        ready.release()
        async for message in socket:
            body = json.loads(message)
            delays.append(time.time() - float(body["data"]["label"]))


async def listen(port: int, sid: str, n_clients: int, seconds: float) -> None:
    """Run some clients and print their delays, as one process of several."""
    delays: list[float] = []
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(follow(port, sid, delays, ready)) for _ in range(n_clients)]
    for _ in range(n_clients):
        await ready.acquire()
    await asyncio.sleep(2)  # accepted is not yet listening: the last of them still sign in
    print("ready", flush=True)
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(delays), flush=True)


async def stuck(port: int, sid: str, n_clients: int) -> list[asyncio.StreamWriter]:
    """Open clients that never read."""
    writers = []
    for _ in range(n_clients):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            f"GET /ws/sessions/{sid} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket transport has it
        writers.append(writer)
    return writers


@dataclass(frozen=True)
class Measured:
    """The delays of all events at all clients, and what they cost, in seconds."""

    delays: list[float]
    gateway_cpu_s: float
    clients_cpu_s: float
    others_share: float  # of the machine's processors, used by whatever else ran


def busy() -> tuple[float, float]:
    """Return how long the machine's processors have been at work, and how long there were, in seconds."""
    ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    per_second = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - ticks[3] - ticks[4]) / per_second, sum(ticks) / per_second


async def live(house: Gateway, n_clients: int, n_events: int, n_stuck: int) -> Measured:
    """Publish events while many clients listen."""
    sid, _ = announce(house.port, "x.csv", 1)
    session_id = sid.replace("-", "")
    speaker = NatsBroker(house.broker.url, security=NatsToken(house.broker.token), logger=None)
    await speaker.start()
    post = Publisher(speaker)
    writers = await stuck(house.port, sid, n_stuck)
    seconds = n_events * 0.2 + 5
    command = [
        sys.executable,
        "-m",
        "benchmarks.gateway_live",
        "listen",
        str(house.port),
        sid,
        str(n_clients),
        str(seconds),
    ]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    own, theirs = house.cpu_s(), cpu_seconds(process.pid)
    at_work, there_were = busy()
    for _ in range(n_events):
        about = {"session_id": session_id, "run_id": new_id(), "job_id": new_id(), "kind": "lin"}
        await post.publish(ModelEvaluated.first(**about, label=repr(time.time())))
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # the last ones arrive
    own, theirs = house.cpu_s() - own, cpu_seconds(process.pid) - theirs
    at_work, there_were = (now - then for now, then in zip(busy(), (at_work, there_were), strict=True))
    out, _ = await process.communicate()
    for writer in writers:
        writer.close()
    await speaker.stop()
    return Measured(json.loads(out), own, theirs, max(0.0, (at_work - own - theirs) / there_were))


def events(n_clients: int, n_events: int) -> None:
    """Print how late events reach many clients of one run, with and without stuck ones among them."""
    print(
        f"\n| {n_clients} clients on one run | events x clients | p50 ms | p95 ms | p99 ms "
        "| CPU ms per event: gateway | clients | other work on the machine |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for n_stuck in (0, 20):
        with tempfile.TemporaryDirectory(prefix="session_data-") as scratch, gateway(Path(scratch)) as house:
            found = asyncio.run(live(house, n_clients, n_events, n_stuck))
            cuts = statistics.quantiles(found.delays, n=100)
            name = f"and {n_stuck} that never read" if n_stuck else "all read"
            late = " | ".join(f"{1000 * cuts[k]:.0f}" for k in (49, 94, 98))
            cost = " | ".join(
                f"{1000 * seconds / n_events:.0f}" for seconds in (found.gateway_cpu_s, found.clients_cpu_s)
            )
            heard = f"{len(found.delays)} of {n_clients * n_events}"
            print(f"| {name} | {heard} | {late} | {cost} | {100 * found.others_share:.0f} % |")
            print(f"gateway's peak resident set: {house.peak_mb():.0f} MB", file=sys.stderr)


def main() -> None:
    """Measure what is asked for."""
    if sys.argv[1:2] == ["listen"]:
        port, sid, n, seconds = sys.argv[2:]
        asyncio.run(listen(int(port), sid, int(n), float(seconds)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    asked = parser.parse_args()
    events(asked.clients, asked.events)


if __name__ == "__main__":
    main()
