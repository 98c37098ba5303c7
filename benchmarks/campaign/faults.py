"""The faults of the campaign: what each does, and to whom, drawn from a seed."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nats
import psutil
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from benchmarks.campaign.yard import FaultyPlatform
from shared.messaging.streams import consumers

SERVICES = ("ingest", "datasets", "trainer", "evaluator", "gateway")
# Where a service stores, publishes and acknowledges; the gateway answers requests and acknowledges nothing.
STEPS: dict[str, tuple[str, ...]] = {
    "ingest": ("records.insert", "records.update", "objects.put", "objects.delete", "publish", "ack"),
    "datasets": ("records.insert", "records.update", "objects.put", "publish", "ack"),
    "trainer": ("records.insert", "records.update", "objects.put", "publish", "ack"),
    "evaluator": ("records.insert", "records.update", "objects.put", "publish", "ack"),
    "gateway": ("records.insert", "records.update", "objects.put", "publish"),
}
WEIGHTS = {
    "kill -9 of a service": 14,
    "kill -9 at a step": 34,
    "kill -9 of the trainer's child": 6,
    "kill -9 of the broker": 4,
    "freeze of a service (4 s)": 5,
    "freeze of the broker (3 s)": 3,
    "every event delivered again": 4,
    "message published twice": 8,
    "slow disk or network (1-4 s)": 8,
    "disk full": 6,
    "disk write-protected": 4,
    "clock set by hours": 4,
    "kill -9 of the second gateway": 3,
    "network pause to the broker (4 s)": 6,
    "message handled again after later ones": 6,
    "memory limit in a fit (3 s)": 4,
    "stored bytes flipped": 3,
    "stored object torn": 3,
}


@dataclass(frozen=True)
class Fault:
    """One fault: its kind, where it strikes, and when, in seconds after the round began."""

    id: str
    kind: str
    service: str
    step: str
    nth: int
    value: float
    after_s: float


def draw(rng: random.Random, number: int, count: int) -> list[Fault]:
    """Return the faults of a round."""
    kinds = rng.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=count)
    drawn = []
    for place, kind in enumerate(kinds):
        service = rng.choice(SERVICES)
        step = f"{rng.choice(STEPS[service])}:{rng.choice(('before', 'after'))}"
        if kind.startswith("message"):
            again = kind == "message handled again after later ones"
            service = rng.choice(SERVICES[:-1]) if again else service
            step = "ack:before" if again else "publish:before"
        if kind.startswith("stored"):
            step = "objects.put:after"
        if kind.startswith("disk"):
            step = rng.choice(("disk:before", "objects.put:before"))
        value = rng.choice((-30.0, -5.0, 5.0, 30.0)) if kind.startswith("clock") else rng.uniform(1.0, 4.0)
        drawn.append(
            Fault(f"{number}-{place}", kind, service, step, rng.randint(1, 3), value, rng.uniform(0.0, 6.0))
        )
    return drawn


_ACTIONS = {
    "kill -9 at a step": "kill",
    "message published twice": "twice",
    "slow disk or network (1-4 s)": "delay",
    "disk full": "full",
    "disk write-protected": "readonly",
    "clock set by hours": "clock",
    "message handled again after later ones": "again",
    "stored bytes flipped": "flip",
    "stored object torn": "tear",
}
DAMAGE = ("stored bytes flipped", "stored object torn")
MAY_LOSE_A_MODEL = (*DAMAGE, "memory limit in a fit (3 s)")  # which then says so; others keep their numbers


def order(folder: Path, faults: Sequence[Fault]) -> None:
    """Tell the services which of the faults they do to themselves; replaces earlier orders."""
    for service in SERVICES:
        mine = [
            {"id": f.id, "point": f.step, "nth": f.nth, "action": _ACTIONS[f.kind], "value": f.value}
            for f in faults
            if f.service == service and f.kind in _ACTIONS
        ]
        temporary = folder / f"{service}.tmp"
        temporary.write_text(json.dumps(mine))
        temporary.replace(folder / f"{service}.json")


async def strike(yard: FaultyPlatform, faults: Sequence[Fault]) -> list[Fault]:
    """Do the faults that come from outside, each at its time; return those that struck."""
    struck = await asyncio.gather(*(_one(yard, fault) for fault in faults if fault.kind not in _ACTIONS))
    return [fault for fault in struck if fault is not None]


def fired(folder: Path, faults: Sequence[Fault]) -> list[Fault]:
    """Return the ordered faults that were carried out."""
    return [fault for fault in faults if (folder / f"{fault.id}.fired").exists()]


async def _one(yard: FaultyPlatform, fault: Fault) -> Fault | None:
    await asyncio.sleep(fault.after_s)
    service = yard.services[fault.service]
    match fault.kind:
        case "kill -9 of a service":
            done = service.alive()
            service.signal(signal.SIGKILL)
        case "kill -9 of the trainer's child":
            done = _kill_child(yard.services["trainer"].pid)
        case "kill -9 of the broker":
            done = yard.broker.alive()
            await asyncio.to_thread(yard.broker.kill)
        case "kill -9 of the second gateway":
            done = yard.services["gateway-2"].alive()
            yard.services["gateway-2"].signal(signal.SIGKILL)
        case "network pause to the broker (4 s)":
            done = await _cut_off(yard, fault.service, 4.0)
        case "memory limit in a fit (3 s)":
            done = await _confine(yard.services["trainer"].pid, 3.0)
        case "freeze of a service (4 s)":
            done = await _freeze(service.pid, 4.0)
        case "freeze of the broker (3 s)":
            done = await _freeze(yard.broker.pid, 3.0)
        case _:
            done = await _again(yard, fault)
    return fault if done else None


async def _freeze(pid: int | None, seconds: float) -> bool:
    """Stop a process for a while, as a network or a machine does that answers nothing."""
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    await asyncio.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return True


async def _cut_off(yard: FaultyPlatform, service: str, seconds: float) -> bool:
    """Let nothing pass between a service and the broker for a while; both go on."""
    relay = yard.relays[service]
    relay.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        relay.resume()
    return True


async def _confine(pid: int | None, seconds: float) -> bool:
    """Give the trainer's children no more memory than they have, for a while: what they ask for fails."""
    confined: list[tuple[psutil.Process, tuple[int, int]]] = []
    try:
        for child in psutil.Process(pid).children() if pid else []:
            before = child.rlimit(psutil.RLIMIT_AS)
            child.rlimit(psutil.RLIMIT_AS, (child.memory_info().vms + (1 << 20), before[1]))
            confined.append((child, before))
        await asyncio.sleep(seconds)
    except psutil.Error:
        pass
    for child, before in confined:
        with suppress(psutil.Error):
            child.rlimit(psutil.RLIMIT_AS, before)
    return bool(confined)


def _kill_child(pid: int | None) -> bool:
    try:
        children = psutil.Process(pid).children() if pid else []
        for child in children:
            child.kill()
    except psutil.Error:
        return False
    return bool(children)


async def _again(yard: FaultyPlatform, fault: Fault) -> bool:
    """Have one reaction's every event delivered once more, from the beginning of the stream."""
    events = [c for stream, c in consumers(ack_wait=yard.settings.ack_wait) if stream == "EVT"]
    chosen = events[fault.nth % len(events)]
    try:
        client = await nats.connect(
            yard.broker.url, **yard.broker.login(), connect_timeout=2, allow_reconnect=False
        )
        try:
            js = client.jetstream(timeout=2)
            await js.delete_consumer("EVT", chosen.durable_name or "")
            await js.add_consumer("EVT", chosen)
        finally:
            await client.close()
    except (NatsError, APIError, OSError, TimeoutError):
        return False
    return True
