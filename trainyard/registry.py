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
Level = Annotated[float, typer.Option(help="of the test: how often luck may pass for skill")]


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
    if found.rule:
        console.print(
            f"  promoted by rule: better on the last {found.rule['days']} days, p < {found.rule['level']:g}"
        )
    for judged in (found.judgement, (found.rule or {}).get("judged")):
        if judged:
            pair = f"version {judged['candidate']} against {judged['champion']}"
            console.print(f"  {pair}: [bold]{judged['decision'].replace('_', ' ')}[/], {judged['reason']}")


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
    if_better_on_days: Annotated[
        int | None, typer.Option(min=1, help="only if it was significantly better on so many last days")
    ] = None,
    level: Level = 0.05,
) -> None:
    """Make a version the champion that forecasts are made with."""
    named = (version is not None) + (model is not None)
    if named > 1 or (named == 0 and if_better_on_days is None):
        raise typer.BadParameter("name either --version or --model")
    found = await client.promote(
        session, version=version, model=model, reason=reason, days=if_better_on_days, level=level
    )
    show_versions(console, found)


@asking
async def promotion_rule(
    client: AsyncClient,
    session: str,
    days: Annotated[int, typer.Option(min=1, help="newest days both models are compared on")] = 14,
    level: Level = 0.05,
    remove: Annotated[bool, typer.Option(help="promote by hand only")] = False,
) -> None:
    """Promote the newest run's best model by itself whenever it was significantly better."""
    kept = await client.promote_by_rule(session, days=None if remove else days, level=level)
    show_versions(console, kept)


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


REGISTRY_COMMANDS = (models, promote, promotion_rule, rollback, retire)
