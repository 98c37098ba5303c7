"""What the SDK and the command line say about the registry of models."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from trainyard.client import AsyncClient
from trainyard.operating import console
from trainyard.responses import Versions
from trainyard.session_commands import asking

Reason = Annotated[str, typer.Option(help="kept in the log of changes")]


def show_versions(console: Console, found: Versions) -> None:
    """Print the registry of a session, newest version first."""
    table = Table(title="models of the session")
    for name in ("version", "stage", "model", "run", "passport"):
        table.add_column(name, justify="right" if name == "version" else "left")
    for one in found.versions:
        passport = (one.passport_sha256 or "-")[:12]
        table.add_row(str(one.version), one.stage, one.model, one.run_id[:8], passport)
    console.print(table)
    if found.champion is None:
        console.print("  nobody was promoted: forecasts are made with the best model of the newest run")


@asking
async def models(client: AsyncClient, session: str) -> None:
    """Show the session's registered models and their stages."""
    show_versions(console, await client.models(session))


@asking
async def promote(
    client: AsyncClient,
    session: str,
    version: Annotated[int | None, typer.Option(help="number of a version")] = None,
    model: Annotated[str | None, typer.Option(help="a job id, a label, or best")] = None,
    reason: Reason = "",
) -> None:
    """Make a version the champion that forecasts are made with."""
    if (version is None) == (model is None):
        raise typer.BadParameter("name either --version or --model")
    show_versions(console, await client.promote(session, version=version, model=model, reason=reason))


@asking
async def rollback(client: AsyncClient, session: str, reason: Reason = "") -> None:
    """Make the champion before the present one champion again."""
    show_versions(console, await client.rollback(session, reason=reason))


@asking
async def retire(
    client: AsyncClient, session: str, version: Annotated[int, typer.Argument()], reason: Reason = ""
) -> None:
    """Retire a version that is not the champion."""
    show_versions(console, await client.retire(session, version, reason=reason))


REGISTRY_COMMANDS = (models, promote, rollback, retire)
