"""A stored run done again: data set, scores and models of then beside those of now."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.table import Table

from shared.contracts.problems import Problem
from shared.errors import PassedOn
from trainyard.local import ROOT
from trainyard.operating import console


class NotRerun(PassedOn):
    """The run cannot be done again: the problem says why."""


class Rerun(BaseModel):
    """A run done again; ``versions`` has what it was made with (``then``) and is another one ``now``.

    ``same``: data set, scores and models are byte by byte what they were.
    """

    run_id: str
    session_id: str
    same: bool
    dataset: dict[str, Any]
    models: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    versions: tuple[dict[str, str], ...]


def replay(run_id: str, *, data: Path | None = None) -> Rerun:
    """Do a stored run again and compare; nothing is written into the store.

    Parameters
    ----------
    data
        A data folder, in use or not; None takes the store the environment names.

    Raises
    ------
    NotRerun
        If the run, its rows or its files are not there.
    """
    command = [sys.executable, "-m", "services.trainer.rerun", run_id]
    command += ["--data", str(data.absolute())] if data else []
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        lines = done.stderr.strip().splitlines() or [""]
        try:
            raise NotRerun(Problem.model_validate_json(lines[-1]))
        except ValueError:
            raise NotRerun(Problem(code="RERUN_FAILED", message=lines[-1] or "no answer")) from None
    return Rerun.model_validate_json(done.stdout)


def rerun(
    run: Annotated[str, typer.Argument(help="id of a finished run")],
    data: Annotated[
        Path | None, typer.Option("--data", help="data folder; default: the store the environment names")
    ] = None,
) -> None:
    """Do a stored run again: same data set, scores and model bytes, or which version differs; then 1."""
    if data is not None and not (data / "ledger.sqlite").exists():
        raise typer.BadParameter(f"there is no ledger in {data}")
    with console.status("building the data set and fitting the models again ..."):
        found = replay(run, data=data)
    told = found.dataset
    rows = "" if told["same_rows"] else ", from rows that are not known to be those of then"
    what = "the same bytes" if told["same"] else f"other bytes in {', '.join(told['differ'])}"
    console.print(f"  data set of {told['n_windows']} windows: [bold]{what}[/]{rows}", highlight=False)
    table = Table(title=f"run {run[:8]} again")
    for name in ("model", "model bytes", "scores", "test MAE then", "test MAE now", "files that differ"):
        table.add_column(name)
    for one in found.models:
        same = ["same" if one[name] else "[yellow]other[/]" for name in ("same_model", "same_scores")]
        pair = one["scores"].get("test", {}).get("mae", (None, None))
        maes = ["-" if value is None else f"{value:.6g}" for value in pair]
        table.add_row(one["model"], *same, *maes, ", ".join(one["differ"]) or "-")
    console.print(table)
    for name in found.left_out:
        console.print(f"  left out: {name}", highlight=False)
    for one in found.versions:
        console.print(f"  {one['what']} was {one['then']}, is {one['now']}", highlight=False, markup=False)
    raise typer.Exit(0 if found.same else 1)
