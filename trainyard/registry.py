"""Commands about models that forecast: how they do."""

import asyncio
from typing import Annotated

import typer

from trainyard.client import AsyncClient
from trainyard.forecasting import show_monitoring
from trainyard.operating import console

Url = Annotated[str, typer.Option(envvar="TRAINYARD_URL")]
Token = Annotated[
    str | None, typer.Option("--token", envvar="TRAINYARD_TOKEN", help="access token or API key")
]
LOCAL = "http://127.0.0.1:8000"


def monitor(
    session: str,
    model: Annotated[str | None, typer.Option(help="a job id, a label or best; none: all")] = None,
    last: Annotated[int, typer.Option(min=1, max=1000, help="newest scored forecasts per model")] = 30,
    url: Url = LOCAL,
    token: Token = None,
) -> None:
    """Show how the forecasts of a session met their truth: scores, skill, coverage, drift."""

    async def work() -> None:
        async with AsyncClient(url, token=token) as client:
            show_monitoring(console, await client.monitoring(session, model=model, last=last))

    asyncio.run(work())
