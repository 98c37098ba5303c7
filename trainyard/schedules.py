"""What the SDK and the command line say about schedules."""

from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from trainyard.client import AsyncClient
from trainyard.operating import console
from trainyard.session_commands import asking


@asking
async def schedule(
    client: AsyncClient,
    session: str,
    at: Annotated[str, typer.Option(help="time of the local clock, HH:MM")],
    timezone: Annotated[str, typer.Option(help="whose clock, such as Europe/Vienna")],
    retrain: Annotated[bool, typer.Option(help="train again instead of forecasting")] = False,
    day_of_month: Annotated[int | None, typer.Option(min=1, max=28, help="once a month")] = None,
    if_skill_is_lost: Annotated[bool, typer.Option(help="only if the skill is below zero")] = False,
    webhook: Annotated[str | None, typer.Option(help="https address that is told")] = None,
) -> None:
    """Forecast every day, or train again, at a time of a local clock."""
    action: Literal["forecast", "retrain"] = "retrain" if retrain else "forecast"
    made = await client.schedule(
        session,
        at=at,
        timezone=timezone,
        action=action,
        day_of_month=day_of_month,
        condition="skill_below_zero" if if_skill_is_lost else "always",
        webhook_url=webhook,
    )
    console.print(made["schedule"]["schedule_id"])
    if made.get("secret"):
        console.print(f"  webhooks are signed with [bold]{made['secret']}[/] (told this once)")


@asking
async def schedules(client: AsyncClient, session: str) -> None:
    """Show the session's schedules and what became of their last due times."""
    found = await client.schedules(session)
    table = Table(title="schedules of the session")
    for name in ("schedule", "action", "at", "day", "condition", "last", "status"):
        table.add_column(name)
    newest: dict[str, dict[str, Any]] = {}
    for firing in found["firings"]:
        newest.setdefault(firing["schedule_id"], firing)
    for one in found["schedules"]:
        last = newest.get(one["schedule_id"], {})
        day = str(one["day_of_month"] or "every")
        at = f"{one['at']} {one['timezone']}"
        table.add_row(
            one["schedule_id"], one["action"], at, day, one["condition"],
            last.get("local_day", "-"), last.get("status", "-"),
        )  # fmt: skip
    console.print(table)


@asking
async def unschedule(client: AsyncClient, session: str, schedule_id: str) -> None:
    """Remove a schedule."""
    await client.unschedule(session, schedule_id)


SCHEDULE_COMMANDS = (schedule, schedules, unschedule)
