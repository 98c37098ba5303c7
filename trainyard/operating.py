"""Commands for operators: check a data folder, provision a broker, build a data set offline."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.messaging.provision import provision_as
from shared.settings import CommonSettings
from shared.storage.connect import open_embedded
from shared.storage.fsck import check_store, remove_leftovers
from shared.storage.manifest import KEY_FILE
from trainyard.local import ROOT

console = Console()
Data = Annotated[Path, typer.Option("--data", help="folder of the embedded platform")]
DEFAULT_DATA = Path("var/trainyard")


def fsck(
    data: Data = DEFAULT_DATA,
    remove: Annotated[
        bool, typer.Option("--remove-leftovers", help="delete objects no row names; stop the platform first")
    ] = False,
) -> None:
    """Check that rows and objects of a data folder agree; ends with 1 where something is wrong."""

    async def look() -> int:
        storage = await open_embedded(data.absolute())
        try:
            report = await check_store(storage)
            for finding in report.findings:
                console.print(f"[bold]{finding.kind}[/]: {finding.what} {finding.key}", highlight=False)
            if remove:
                console.print(f"{await remove_leftovers(storage, report)} leftovers removed")
        finally:
            await storage.close()
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(report.counts().items())) or "nothing is wrong"
        console.print(f"{report.n_sessions} sessions, {report.n_objects} objects: {counts}")
        return 1 if report.errors else 0

    if not (data / "ledger.sqlite").exists():
        raise typer.BadParameter(f"there is no ledger in {data}")
    raise typer.Exit(asyncio.run(look()))


def backup(
    target: Annotated[Path, typer.Argument(help="a new folder; becomes a data folder of its own")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Copy the rows and objects of a data folder, also while it is in use; `up --data TARGET` restores."""
    if not (data / "ledger.sqlite").exists():
        raise typer.BadParameter(f"there is no ledger in {data}")
    if target.exists():
        raise typer.BadParameter(f"{target} is there already; name a new folder")
    os.umask(0o077)
    target.mkdir(parents=True)
    with (
        closing(sqlite3.connect(data / "ledger.sqlite")) as ours,
        closing(sqlite3.connect(target / "ledger.sqlite")) as copy,
    ):
        ours.backup(copy)
    inside = (path.relative_to(data) for path in (data / "objects").rglob("*"))
    whole = (path for path in inside if not any(part.startswith(".") for part in path.parts))  # no key does
    n_objects = sum(_copied(data / path, target / path) for path in whole)
    key = _copied(
        data / KEY_FILE, target / KEY_FILE
    )  # else nobody could tell what the copy signs from a forgery
    console.print(f"{n_objects} objects and the rows that name them are in {target}")
    if key:
        console.print(
            "the key models are signed with is there, too: keep the copy as private as the original"
        )
    console.print(f"check it with trainyard fsck --data {target}")


def _copied(path: Path, copy: Path) -> bool:
    """Copy one object; False for a folder, or where it was deleted meanwhile."""
    if not path.is_file():
        return False
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(path, copy)
    except FileNotFoundError:
        return False
    return True


def provision(
    replicas: Annotated[int, typer.Option(help="copies of each stream; 3 on a cluster of three")] = 1,
) -> None:
    """Create the broker's streams and consumers, as TRAINYARD_NATS_URL names it; safe to repeat."""
    asyncio.run(provision_as(CommonSettings(), replicas=replicas))
    console.print("streams and consumers are there")


def dataset(
    settings: Annotated[Path, typer.Argument(exists=True, help='JSON: {"files": {...}, "dataset": {...}}')],
    out: Annotated[Path, typer.Option(help="where to write X and Y")] = Path("data.npz"),
) -> None:
    """Build a data set from files, without a broker."""
    command = [sys.executable, "-m", "services.datasets.offline", str(settings.absolute()), "--out"]
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [*command, str(out.absolute())], env={**os.environ, "PYTHONPATH": search}, check=False
    )
    raise typer.Exit(done.returncode)
