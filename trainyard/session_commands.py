"""Commands on a session of a gateway that is running already."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from shared.contracts.kinds import ModelSpec
from shared.contracts.specs import DatasetSpec
from trainyard.client import AsyncClient
from trainyard.console import RunBars, show_backtest, show_leaderboard
from trainyard.forecasting import save_forecast, show_forecast, show_monitoring
from trainyard.operating import console
from trainyard.plan import parse_duration

Url = Annotated[
    str | None, typer.Option("--url", envvar="TRAINYARD_URL", help="gateway; none starts its own")
]
Token = Annotated[
    str | None, typer.Option("--token", envvar="TRAINYARD_TOKEN", help="access token or API key")
]
RunningUrl = Annotated[str, typer.Option("--url", envvar="TRAINYARD_URL")]


class RunSettings(BaseModel):
    """The settings file of ``trainyard train``."""

    dataset: DatasetSpec
    models: tuple[ModelSpec, ...]
    metric: str = "rmse"
    ensemble: bool = True


def asking(command: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of what is done with a client: it has the options --url and --token, too."""
    options = (("url", RunningUrl, "http://127.0.0.1:8000"), ("token", Token, None))
    parameters = list(inspect.signature(command).parameters.values())[1:]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in options
    ]

    @functools.wraps(command)
    def run(*, url: str, token: str | None, **given: Any) -> None:
        async def work() -> None:
            async with AsyncClient(url, token=token) as client:
                await command(client, **given)

        asyncio.run(work())

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


@asking
async def train(
    client: AsyncClient,
    session: str,
    settings: Annotated[Path, typer.Argument(exists=True, help='JSON: {"dataset": ..., "models": [...]}')],
) -> None:
    """Start a run on files that are already uploaded."""
    order = RunSettings.model_validate_json(settings.read_bytes())
    started = await client.run(
        session, order.dataset, order.models, metric=order.metric, ensemble=order.ensemble
    )
    console.print(started.run_id)


@asking
async def status(client: AsyncClient, session: str) -> None:
    """Show how far the session's newest run is."""
    console.print_json(data=(await client.status(session)).model_dump(mode="json"))


@asking
async def results(client: AsyncClient, session: str) -> None:
    """Show the leaderboard of the session's newest run."""
    show_leaderboard(console, await client.results(session))


@asking
async def backtest(
    client: AsyncClient,
    session: str,
    folds: Annotated[int, typer.Option(help="number of cutoffs")] = 4,
    windows: Annotated[int | None, typer.Option(help="windows forecast after each cutoff")] = None,
    refit: Annotated[bool, typer.Option(help="fit anew at every cutoff, or once before the first")] = True,
    sliding: Annotated[
        bool, typer.Option(help="train on as much as the first fold, not on all before")
    ] = False,
    models: Annotated[str | None, typer.Option(help="models of the run, separated by commas")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="whose models; default: the newest run")] = None,
    metric: Annotated[str | None, typer.Option(help="ranks the models; default: that of the run")] = None,
) -> None:
    """Put a run's models to the test at several cutoffs, show each of them."""
    started = await client.backtest(
        session,
        run_id=run_id,
        models=[name.strip() for name in models.split(",")] if models else None,
        n_folds=folds,
        refit=refit,
        test_windows=windows,
        window="sliding" if sliding else "expanding",
        metric=metric,
    )
    await RunBars(console).follow(client.watch(session, started.run_id))
    show_backtest(console, await client.backtest_results(session, run_id=started.run_id))


@asking
async def forecast(
    client: AsyncClient,
    session: str,
    model: Annotated[
        str, typer.Option(help="a job id, a label, best, or champion (best where nobody was promoted)")
    ] = "champion",
    horizon: Annotated[str | None, typer.Option(help="how far, such as 24h")] = None,
    csv: Annotated[Path | None, typer.Option(help="write the values there")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw the values and their intervals there")] = None,
) -> None:
    """Forecast from the newest rows with the session's best model."""
    hours = parse_duration(horizon).total_seconds() / 3600 if horizon else None
    found = await client.forecast(session, model=model, horizon=hours)
    show_forecast(console, found)
    for path in await asyncio.to_thread(save_forecast, found, csv=csv, plot=plot):
        console.print(f"  [bold]{path}[/]")


@asking
async def monitor(
    client: AsyncClient,
    session: str,
    model: Annotated[str | None, typer.Option(help="a job id, a label, best or champion; none: all")] = None,
    last: Annotated[int, typer.Option(min=1, max=1000, help="newest scored forecasts per model")] = 30,
) -> None:
    """Show how the forecasts of a session met their truth: scores, skill, coverage, drift."""
    show_monitoring(console, await client.monitoring(session, model=model, last=last))


@asking
async def watch(client: AsyncClient, session: str, run_id: str) -> None:
    """Follow a run until it is finished."""
    await client.status(
        session, run_id=run_id
    )  # following waits for a gateway for ever; it has to be there once
    await RunBars(console).follow(client.watch(session, run_id))


@asking
async def cancel(
    client: AsyncClient,
    session: str,
    run_id: Annotated[str | None, typer.Option()] = None,
    job_id: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Stop the session's run, or one model of it."""
    await client.cancel(session, run_id=run_id, job_id=job_id)


@asking
async def download(client: AsyncClient, session: str, target: Path) -> None:
    """Save the results archive of the session's newest run."""
    console.print(str(await client.download(session, target)))


COMMANDS = (train, status, results, backtest, forecast, monitor, watch, cancel, download)
