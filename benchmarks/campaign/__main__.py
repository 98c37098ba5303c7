"""The fault campaign: small runs, many faults, and after each round the question what became of them.

``make campaign`` goes on where it was stopped; ``--seed`` draws other faults.
"""

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.campaign import faults as f
from benchmarks.campaign.yard import (
    RESUMED_WITHIN_S,
    VARIANTS,
    Board,
    FaultyPlatform,
    SmallRun,
    agree,
    begin,
    check_once,
    csv,
    follow,
    orphans,
    persist,
    platform,
)
from shared.storage.connect import Storage, open_embedded
from trainyard.client import ApiError, AsyncClient

RUNS_PER_ROUND, FAULTS_PER_ROUND, ROUNDS_PER_PLATFORM = 3, 16, 25
FATES = ("undisturbed", "cancel", "delete")


async def play(
    yard: FaultyPlatform, storage: Storage, seed: int, number: int, expected: list[Board]
) -> dict[str, Any]:
    """Play one round and return what is to be remembered of it."""
    rng = random.Random(f"{seed}-{number}")
    runs = [SmallRun(rng.randrange(len(VARIANTS))) for _ in range(RUNS_PER_ROUND)]
    drawn = f.draw(rng, number, FAULTS_PER_ROUND)
    fate = rng.choices(FATES, weights=(4, 1, 1))[0]
    fate_after = rng.uniform(0.5, 6.0)
    for mark in yard.faults.glob("*.fired"):
        mark.unlink()
    f.order(yard.faults, drawn)
    async with AsyncClient(rng.choice(yard.urls), timeout=20.0) as client:
        striking = asyncio.create_task(f.strike(yard, drawn))
        victim = SmallRun(0)
        ending = (
            asyncio.create_task(meet(client, victim, fate, fate_after)) if fate != "undisturbed" else None
        )
        began = time.monotonic()
        ended = await asyncio.gather(*(one(client, run, began) for run in runs), return_exceptions=True)
        struck = await striking
        if ending:
            await asyncio.gather(ending, return_exceptions=True)
        for run, end in zip(runs, ended, strict=True):
            if isinstance(end, BaseException):
                code = getattr(getattr(end, "answer", None), "code", "")
                run.wrong.append(
                    f"lost: {type(end).__name__} {code}: {end} {run.session_id} {run.run_id}"[:250]
                )
        f.order(yard.faults, [])
        done = [*struck, *f.fired(yard.faults, drawn)]
        hurt = any(fault.kind in f.DAMAGE for fault in done)
        less = any(fault.kind in f.MAY_LOSE_A_MODEL for fault in done)
        await examine(yard, storage, runs, expected, hurt=less)
        if fate != "undisturbed" and victim.wrong:
            runs.append(victim)
        left = await settled(yard, storage, hurt=hurt)
        kept = any(run.wrong for run in runs) or left  # as evidence
        for run in [] if kept else [*runs, victim]:
            if run.session_id:
                await persist(lambda run=run: gone(client, run))  # type: ignore[misc]  # bound at once
    return {
        "round": number,
        "seconds": round(time.monotonic() - began, 1),
        "runs": len(runs) + (fate != "undisturbed"),
        "faults": [fault.kind for fault in done] + ([FATE_NAMES[fate]] if fate in FATE_NAMES else []),
        "wrong": [wrong for run in runs for wrong in run.wrong] + left,
        "slowest": round(max((run.seconds for run in runs), default=0.0), 1),
    }


FATE_NAMES = {"cancel": "cancel of a run at any time", "delete": "delete of a session in mid-run"}


async def one(client: AsyncClient, run: SmallRun, began: float) -> None:
    """Upload, train, wait."""
    async with asyncio.timeout(2 * RESUMED_WITHIN_S):
        await begin(client, run, csv())
        await follow(client, run)
    run.seconds = time.monotonic() - began


async def meet(client: AsyncClient, run: SmallRun, fate: str, after: float) -> None:
    """Begin one more run and cancel it, or delete its session, at some moment."""
    async with asyncio.timeout(2 * RESUMED_WITHIN_S):
        await begin(client, run, csv())
        await asyncio.sleep(after / 3)
        if fate == "cancel":
            with suppress(ApiError):  # it is over already
                await persist(lambda: client.cancel(run.session_id, run_id=run.run_id))
            await follow(client, run)
            if run.status not in ("cancelled", "completed"):
                run.wrong.append(f"a cancelled run is {run.status}")
        else:
            await persist(lambda: gone(client, run))


async def gone(client: AsyncClient, run: SmallRun) -> None:
    """Delete a session, whatever is under way in it."""
    try:
        await client._call("POST", f"/session/{run.session_id}/delete", params={"force": "true"})
    except ApiError as error:
        if error.status != 404:
            raise


async def examine(
    yard: FaultyPlatform, storage: Storage, runs: list[SmallRun], expected: list[Board], *, hurt: bool
) -> None:
    """Compare every run with the same run undisturbed.

    Where stored bytes were damaged, or a fit got no memory, a run may fail, or be refused, with a problem; it
    may not end with other numbers.
    """
    for run in runs:
        if hurt and (run.status == "failed" or any("DAMAGED" in w or "rejected" in w for w in run.wrong)):
            run.wrong.clear()
            continue
        if run.wrong:
            continue
        if hurt and run.status == "completed" and set(run.board) < set(expected[run.variant]):
            continue  # a model whose files were damaged failed, the others are as they should be
        if run.status != "completed":
            run.wrong.append(f"lost: the run is {run.status}")
        elif run.board != expected[run.variant]:
            run.wrong.append(f"another leaderboard: {run.board} {expected[run.variant]}")
        for attempt in range(20):
            try:
                await check_once(yard, storage, run)
                break
            except Exception:
                if attempt == 19:
                    raise
                await asyncio.sleep(0.5)


async def settled(yard: FaultyPlatform, storage: Storage, *, hurt: bool) -> list[str]:
    """Wait until rows and objects agree and no process is left over; return what stays wrong.

    A report is written after its run has ended; it is given as long as a run is.
    """
    wrong: list[str] = []
    end = time.monotonic() + RESUMED_WITHIN_S
    while time.monotonic() < end:
        report = await agree(storage)
        errors = [e for e in report.errors if not (hurt and e.kind == "damaged")]  # fsck names what was hurt
        wrong = [f"fsck: {finding.kind}: {finding.what}" for finding in errors]
        wrong += [f"orphan process {pid}" for pid in orphans(yard)]
        if not wrong:
            break
        await asyncio.sleep(1.0)
    return wrong[:5]


async def undisturbed(yard: FaultyPlatform) -> list[Board]:
    """Return the leaderboard of every variant, without faults."""
    f.order(yard.faults, [])
    runs = [SmallRun(n) for n in range(len(VARIANTS))]
    async with AsyncClient(yard.url) as client:
        for run in runs:
            await one(client, run, time.monotonic())
            await gone(client, run)
    return [run.board for run in runs]


def table(lines: list[dict[str, Any]]) -> str:
    """Return how often each fault struck, and what went wrong in rounds where it did."""
    struck: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for line in lines:
        struck.update(line["faults"])
        if line["wrong"]:
            bad.update(set(line["faults"]))
    runs, wrong = sum(line["runs"] for line in lines), sum(bool(line["wrong"]) for line in lines)
    rows = ["| fault | injected | in rounds with something wrong |", "|---|---:|---:|"]
    rows += [f"| {kind} | {n} | {bad[kind]} |" for kind, n in struck.most_common()]
    rows += [f"| **all** | **{sum(struck.values())}** | {wrong} of {len(lines)} rounds, {runs} runs |"]
    slowest = max((line["slowest"] for line in lines), default=0.0)
    return "\n".join([*rows, "", f"slowest run: {slowest} s"])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=1_000, help="how many have to strike")
    parser.add_argument("--minutes", type=float, default=600.0, help="longest time of this call")
    parser.add_argument("--folder", type=Path, default=Path("var/campaign"))
    return parser.parse_args()


def main() -> int:
    """Go on with the campaign of a seed; return 1 where something was lost."""
    asked = parse()
    folder: Path = asked.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"campaign-{asked.seed}.jsonl"
    lines = [json.loads(text) for text in record.read_text().splitlines()] if record.exists() else []
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
    asyncio.run(campaign(asked, folder, record, lines, commit.strip()))
    print(f"seed {asked.seed}, {commit.strip()}\n{table(lines)}")
    return 1 if any(line["wrong"] for line in lines) else 0


async def campaign(
    asked: argparse.Namespace, folder: Path, record: Path, lines: list[dict[str, Any]], commit: str
) -> None:
    """Play rounds until enough faults have struck, each platform for some of them."""
    end = time.monotonic() + 60 * asked.minutes

    def enough() -> bool:
        n_faults = sum(len(line["faults"]) for line in lines)
        return n_faults >= int(asked.faults) or time.monotonic() > end

    while not enough():
        data = folder / "yard"
        shutil.rmtree(data, ignore_errors=True)
        yard = platform(data)
        async with yard:
            storage = await open_embedded(data)
            try:
                expected = await undisturbed(yard)
                for _ in range(ROUNDS_PER_PLATFORM):
                    line = await play(yard, storage, asked.seed, len(lines), expected)
                    line["commit"] = commit
                    lines.append(line)
                    with record.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    print(json.dumps(line), flush=True)
                    if enough() or line["wrong"]:
                        break
            finally:
                await storage.close()
        if lines and lines[-1]["wrong"]:
            shutil.rmtree(folder / f"wrong-{asked.seed}-{len(lines) - 1}", ignore_errors=True)
            shutil.copytree(data, folder / f"wrong-{asked.seed}-{len(lines) - 1}", dirs_exist_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
