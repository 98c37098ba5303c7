"""Many users at once for a long time: they upload, train and watch, on a whole platform of this machine.

    python -m benchmarks.soak --users 200 --minutes 30        # make soak

Every user has a token and goes round: open a session, upload a CSV, train a small linear model beside two
baselines, watch the run live to its end, read the results, delete the session, think. One more user is
greedy: its runs have dozens of models, one after the other. Every few seconds memory, open files and
connections of every process are read. Answers that say "later" (429, 503) are counted as what they are and
repeated; every other refusal, every run that does not complete and every wait beyond its patience is an
error. The exit status is 1 if there was an error, if something grew, or if somebody got nothing done.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
import psutil
import websockets

from benchmarks.campaign.yard import KINDS, csv
from shared.contracts.kinds import LinearSpec, ModelSpec
from trainyard.client import ApiError, AsyncClient
from trainyard.local import LocalSettings, Platform
from trainyard.plan import plan_dataset

SECRET = "a secret of this measurement, and of nothing else"
T = TypeVar("T")
FAILURES = (ApiError, httpx.HTTPError, OSError, websockets.WebSocketException, TimeoutError)


@dataclass
class Figures:
    """What was measured while the users were at it."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    async def timed(self, step: str, attempt: Callable[[], Awaitable[T]], *, patience: float) -> T:
        """Do something as a patient client does; note how long it took, and how often it was told "later"."""
        began = time.monotonic()
        async with asyncio.timeout(patience):
            while True:
                try:
                    found = await attempt()
                    break
                except ApiError as error:
                    if error.status not in (429, 503):
                        raise
                    self.later[f"{error.status} {error.answer.code if error.answer else ''}"] += 1
                    await asyncio.sleep(2.0)
        self.seconds[step].append(time.monotonic() - began)
        return found


@dataclass
class User:
    """One user: a token, a client, and what it does over and over."""

    name: str
    url: str
    figures: Figures
    models: Sequence[ModelSpec]
    pause: float
    patience: float

    async def live(self, end: float, rng: random.Random) -> None:
        """Go round until the end; what fails is noted, and the next round begins."""
        now = int(time.time())
        claims = {"sub": self.name, "role": "authenticated", "aud": "authenticated", "exp": now + 10**6}
        token = jwt.encode(claims, SECRET, algorithm="HS256")
        await asyncio.sleep(rng.uniform(0.0, min(self.pause, max(end - time.monotonic(), 0.0) / 4)))
        async with AsyncClient(self.url, token=token, timeout=60.0) as client:
            while time.monotonic() < end:
                try:
                    await self._round(client)
                    self.figures.rounds[self.name] += 1
                except (
                    ApiError,
                    httpx.HTTPError,
                    OSError,
                    websockets.WebSocketException,
                    TimeoutError,
                ) as error:
                    code = error.answer.code if isinstance(error, ApiError) and error.answer else ""
                    self.figures.errors[f"{type(error).__name__} {code}".strip()] += 1
                except RuntimeError as error:
                    self.figures.errors[str(error)] += 1
                await asyncio.sleep(rng.uniform(0.5, 1.5) * self.pause)

    async def _round(self, client: AsyncClient) -> None:
        timed, patience = self.figures.timed, self.patience
        session = await timed("open", lambda: client.create_session("soak"), patience=patience)
        content = csv()
        await timed(
            "upload",
            lambda: client.upload(session, content, role="input", name="load.csv", timeout=patience),
            patience=patience,
        )
        series = await timed("series", lambda: client.series(session), patience=patience)
        spec = plan_dataset(
            series,
            target="load",
            horizon=timedelta(hours=6),
            lookback=timedelta(hours=24),
            stride=timedelta(hours=1),
            timezone="UTC",
        )
        key = f"soak-{session}"
        run = await timed(
            "start",
            lambda: client.run(session, spec, self.models, idempotency_key=key),
            patience=patience,
        )
        began = time.monotonic()
        async with asyncio.timeout(patience):
            async for _ in client.watch(session, run.run_id):
                pass
        self.figures.seconds["run"].append(time.monotonic() - began)
        self.figures.seconds[f"run of {self.name.partition('-')[0]}"].append(time.monotonic() - began)
        await timed("status", lambda: client.status(session, run_id=run.run_id), patience=patience)
        results = await timed(
            "results", lambda: client.results(session, run_id=run.run_id), patience=patience
        )
        if results.status != "completed":
            raise RuntimeError(f"a run is {results.status}")
        path = f"/session/{session}/delete"
        await timed("delete", lambda: client._call("POST", path, params={"force": "true"}), patience=patience)


async def sample(yard: Platform, figures: Figures, *, every: float) -> None:
    """Read memory, files and connections of every process, again and again."""
    began = time.monotonic()
    while True:
        named = {name: service.pid for name, service in yard.services.items()} | {"broker": yard.broker.pid}
        read: dict[str, Any] = {"at": round(time.monotonic() - began)}
        for name, pid in named.items():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                read[name] = {
                    "MiB": round(process.memory_info().rss / 2**20, 1),
                    "files": process.num_fds(),
                    "connections": len(process.net_connections()),
                    "children": len(process.children(recursive=True)),
                }
        figures.samples.append(read)
        await asyncio.sleep(every)


def growth(samples: Sequence[dict[str, Any]], name: str, what: str) -> tuple[float, float]:
    """Return a figure of a process in the second and in the last quarter: until then it warms up."""
    values = [one[name][what] for one in samples if name in one]
    quarter = max(len(values) // 4, 1)
    return statistics.median(values[quarter : 2 * quarter] or values), statistics.median(values[-quarter:])


def fairness(rounds: Iterable[int]) -> float:
    """Return Jain's index: 1 where everybody had the same, 1/n where one had all.

    >>> fairness([3, 3, 3]), fairness([4, 0, 0, 0])
    (1.0, 0.25)
    """
    counts = list(rounds)
    squares = sum(n * n for n in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 1.0


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of some seconds."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def report(figures: Figures, users: Sequence[str], asked: argparse.Namespace) -> list[str]:
    """Print the figures; return what is not as it has to be."""
    print(f"{len(users)} users and one greedy one, {asked.minutes:g} minutes")
    print("\n| step | n | median s | 95th percentile s | longest s |\n|---|---:|---:|---:|---:|")
    for step, seconds in figures.seconds.items():
        numbers = " | ".join(f"{quantile(seconds, share):.2f}" for share in (0.5, 0.95, 1.0))
        print(f"| {step} | {len(seconds)} | {numbers} |")
    print("\n| process | MiB | files | connections | child processes |\n|---|---:|---:|---:|---:|")
    wrong = [f"{n} x {error}" for error, n in figures.errors.items()]
    for name in [name for name in figures.samples[-1] if name != "at"]:
        told = {w: growth(figures.samples, name, w) for w in ("MiB", "files", "connections", "children")}
        print(f"| {name} | " + " | ".join(f"{a:g} -> {b:g}" for a, b in told.values()) + " |")
        (mib, mib_after), (files, files_after) = told["MiB"], told["files"]
        if mib_after > 1.15 * mib + 30:
            wrong.append(f"{name} grew from {mib:g} to {mib_after:g} MiB")
        if files_after > 1.2 * files + 25:
            wrong.append(f"{name} holds {files_after:g} files, before {files:g}")
    counts = [figures.rounds[user] for user in users]
    print(f"\nrounds of a user: {min(counts)} to {max(counts)}, median {statistics.median(counts):g},")
    print(f"fairness {fairness(counts):.3f} (Jain); greedy: {figures.rounds['greedy-1']} rounds")
    print(f"answers that said later: {dict(figures.later) or 'none'}")
    print("errors: " + ("; ".join(wrong) or "none"))
    if min(counts) == 0:
        wrong.append("somebody got nothing done")
    return wrong


async def soak(asked: argparse.Namespace) -> list[str]:
    """Run the platform and its users; return what was wrong."""
    figures, rng = Figures(), random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="trainyard-soak-") as folder:
        settings = LocalSettings(
            data_dir=Path(folder),
            trainers=asked.trainers,
            ack_wait=timedelta(seconds=60),
            environment={
                "TRAINYARD_GATEWAY_JWT_SECRET": SECRET,
                "TRAINYARD_TRAINER_THREADS": "1",
                "TRAINYARD_TRAINER_KINDS": json.dumps(KINDS),
                "TRAINYARD_LOG_LEVEL": "WARNING",
            },
        )
        async with Platform(settings) as yard:
            end = time.monotonic() + 60 * asked.minutes
            sampling = asyncio.create_task(sample(yard, figures, every=asked.every))
            small = [LinearSpec(lookbacks=(6,), penalties=(0.01,))]
            many = [
                LinearSpec(lookbacks=(6,), penalties=(0.01 * n,)) for n in range(1, asked.greedy_models + 1)
            ]
            names = [f"user-{n}" for n in range(asked.users)]
            users = [User(name, yard.url, figures, small, asked.pause, asked.patience) for name in names]
            users.append(User("greedy-1", yard.url, figures, many, 1.0, asked.patience * 4))
            await asyncio.gather(*(user.live(end, rng) for user in users))
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            if asked.out:
                asked.out.write_text(json.dumps({"samples": figures.samples, "seconds": figures.seconds}))
    return report(figures, names, asked)


def main() -> int:
    """Return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pause", type=float, default=120.0, help="seconds a user thinks between two rounds")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds a user waits for anything")
    parser.add_argument("--greedy-models", type=int, default=30, help="models in each run of the greedy user")
    parser.add_argument("--trainers", type=int, default=1)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="where to write all samples as JSON")
    return 1 if asyncio.run(soak(parser.parse_args())) else 0


if __name__ == "__main__":
    raise SystemExit(main())
