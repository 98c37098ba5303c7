"""The command line. ``trainyard up`` keeps the platform running; ``run`` does the main job on your files."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from shared.contracts.kinds import ModelSpec
from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec
from shared.contracts.trials import MOST_TRIALS
from trainyard.client import AsyncClient
from trainyard.console import RunBars, show_file, show_leaderboard, show_problem
from trainyard.demo import EXAMPLES
from trainyard.failures import FAILURES, told
from trainyard.forecasting import save_forecast, show_forecast
from trainyard.local import LocalSettings, Platform
from trainyard.operating import DEFAULT_DATA, Data, backup, console, dataset, fsck, provision
from trainyard.plan import (
    DEFAULT_MODELS,
    left_out,
    parse_duration,
    parse_lags,
    parse_models,
    parse_reading,
    plan_dataset,
)
from trainyard.registry import REGISTRY_COMMANDS
from trainyard.rerun import rerun
from trainyard.schedules import SCHEDULE_COMMANDS
from trainyard.session_commands import COMMANDS, Token, Url
from trainyard.verifying import manifest, verify

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

COMMAND_GROUPS = (*COMMANDS, *REGISTRY_COMMANDS, *SCHEDULE_COMMANDS, manifest, verify)
for command in (fsck, backup, rerun, provision, dataset, *COMMAND_GROUPS):
    app.command()(command)


def main() -> None:
    """Run the command line; problems are printed, not traced."""
    try:
        app()
    except FAILURES as error:
        show_problem(console, told(error))
        sys.exit(1)


@app.command()
def up(
    port: Annotated[int, typer.Option(help="port of the gateway")] = 8000,
    trainers: Annotated[int, typer.Option(help="trainer replicas")] = 1,
    data: Data = DEFAULT_DATA,
) -> None:
    """Keep the whole platform running on this machine until Ctrl-C."""
    asyncio.run(_up(LocalSettings(data_dir=data.absolute(), port=port, trainers=trainers)))


@app.command()
def demo(
    data: Data = Path("var/demo"),
    example: Annotated[str, typer.Option("--example", help="flights, or elecdemand")] = "flights",
    future: Annotated[
        list[str] | None, typer.Option(help="series known in advance; tomorrow is not forecast then")
    ] = None,
) -> None:
    """Train models on a year of a real series with weather and show the leaderboard."""
    if example not in EXAMPLES:
        raise typer.BadParameter(f"known are {', '.join(EXAMPLES)}")
    shown = EXAMPLES[example]

    async def show() -> None:
        shutil.rmtree(data, ignore_errors=True)
        console.print(f"[bold]Trainyard demo[/]\n  {shown.source}")
        async with _platform(None, None, data) as client:
            session = await client.create_session("demo")
            for file in shown.files():
                options = {"timezone": shown.timezone}
                found = await client.upload(
                    session, file.content, role="input", name=file.name, options=options
                )
                show_file(console, found)
            spec = plan_dataset(
                await client.series(session),
                target=shown.target,
                horizon=shown.horizon,
                stride=shown.stride,
                timezone=shown.timezone,
                country=shown.country,
                subdivision=shown.subdivision,
                future=future or (),
            )
            completed = await _train(client, session, spec, shown.models, data / "results")
            if completed and future:
                known = ", ".join(future)
                console.print(
                    f"  tomorrow is not forecast: it takes tomorrow's {known}, which nobody has here"
                )
            elif completed:
                tomorrow = await client.forecast(session)
                show_forecast(console, tomorrow)
                table, picture = data / "tomorrow.csv", data / "tomorrow.png"
                saved = await asyncio.to_thread(save_forecast, tomorrow, csv=table, plot=picture)
                console.print(f"  tomorrow's numbers: [bold]{', '.join(map(str, saved))}[/]")
        console.print("  see it live in a browser: [bold]trainyard up[/]  (make up)")

    asyncio.run(show())


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV files")],
    target: Annotated[str, typer.Option(help="display name of the series to forecast")],
    horizon: Annotated[str, typer.Option(help="how far to forecast, such as 24h")] = "24h",
    lookback: Annotated[str | None, typer.Option(help="how much of the past a model sees")] = None,
    stride: Annotated[str | None, typer.Option(help="distance between two samples")] = None,
    models: Annotated[str, typer.Option(help="kinds, separated by commas")] = DEFAULT_MODELS,
    tune: Annotated[
        int, typer.Option(min=0, max=MOST_TRIALS, help="trials of a search for better parameters, per model")
    ] = 0,
    future: Annotated[
        list[str] | None, typer.Option(help="series known in advance, seen with their past")
    ] = None,
    future_only: Annotated[
        list[str] | None, typer.Option(help="series known in advance, seen without their past")
    ] = None,
    lag: Annotated[
        list[str] | None,
        typer.Option(help="show a series once more as it was before: 7d (the target), or wind=7d"),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="zone of stamps without offset, and of the calendar")
    ] = None,
    ensemble: Annotated[bool, typer.Option(help="average the models, too")] = True,
    interval_end: Annotated[
        str | None, typer.Option(help="length of the interval whose end a stamp names, such as 60min")
    ] = None,
    bounds: Annotated[
        bool, typer.Option(help="no forecast below zero if the target never was, zero where it is dark")
    ] = True,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="how to read the files: decimal=, or one: load.csv:key_columns=meter (docs/files.md)"
        ),
    ] = None,
    interpolate: Annotated[
        bool, typer.Option(help="interpolate targets in gaps instead of leaving their samples out")
    ] = False,
    country: Annotated[str | None, typer.Option(help="whose holidays, such as AT or US")] = None,
    subdivision: Annotated[str | None, typer.Option(help="state or province of the holidays")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the results")] = None,
    url: Url = None,
    token: Token = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Upload files, train models that forecast the target, show and save the results."""
    ahead, specs = parse_duration(horizon), parse_models(models, tune=tune)
    reading: dict[str, JsonValue] = {"timezone": timezone} if timezone else {}
    for path in files:
        parse_reading(read or (), file_name=path.name)  # refused before anything is started
    parse_lags(lag or ())
    if interval_end:
        reading["interval_end_minutes"] = parse_duration(interval_end).total_seconds() / 60

    async def work() -> bool:
        async with _platform(url, token, data) as client:
            session = await client.create_session(files[0].stem)
            for path in files:
                options = reading | parse_reading(read or (), file_name=path.name)
                show_file(console, await client.upload(session, path, role="input", options=options))
            spec = plan_dataset(
                await client.series(session),
                target=target,
                horizon=ahead,
                lookback=_duration(lookback),
                stride=_duration(stride),
                future=future or (),
                future_only=future_only or (),
                lags=parse_lags(lag or ()),
                timezone=timezone or "UTC",
                country=country,
                subdivision=subdivision,
                bounded=bounds,
                interpolate=interpolate,
            )
            for line in left_out(await client.series(session), spec):
                console.print(f"  {line}", highlight=False, markup=False)
            return await _train(client, session, spec, specs, out or data / "results", ensemble=ensemble)

    if not asyncio.run(work()):
        raise typer.Exit(1)


def _duration(text: str | None) -> timedelta | None:
    return parse_duration(text) if text else None


async def _up(settings: LocalSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Platform(settings) as platform:
        console.print(f"Trainyard is running at [bold]{platform.url}[/]  (API: {platform.url}/docs)")
        console.print(f"  data and logs: {settings.data_dir}\n  Ctrl-C ends it")
        await stop.wait()
        console.print("ending ...")


@asynccontextmanager
async def _platform(url: str | None, token: str | None, data: Path) -> AsyncIterator[AsyncClient]:
    """Yield a client of the named gateway, or of a platform of our own that ends with the block."""
    if url:
        async with AsyncClient(url, token=token) as client:
            yield client
        return
    settings = LocalSettings(data_dir=data.absolute())
    with console.status("starting broker and services ..."):
        platform = await Platform(settings).start()
    try:
        console.print(f"  platform at {platform.url}")
        async with AsyncClient(platform.url) as client:
            yield client
    finally:
        await platform.stop()


async def _train(
    client: AsyncClient,
    session: str,
    spec: DatasetSpec,
    models: tuple[ModelSpec, ...],
    out: Path,
    *,
    ensemble: bool = True,
) -> bool:
    """Run, show and save; return whether the run completed."""
    started = await client.run(session, spec, models, ensemble=ensemble)
    last = await RunBars(console).follow(client.watch(session, started.run_id))
    found = await client.results(session, run_id=started.run_id)
    if found.leaderboard.get("rows"):
        show_leaderboard(console, found)
    if found.status != "completed":
        console.print(f"[red bold]the run {found.status}[/]")
        if last is not None and last.data.get("problem"):
            show_problem(console, Problem.model_validate(last.data["problem"]))
        return False
    out.mkdir(parents=True, exist_ok=True)
    with console.status("writing tables, plots and the archive ..."):
        async with asyncio.timeout(300):
            async for _ in client.watch(session, started.run_id, until="run.reported"):
                pass
    results = await client.results(session, run_id=started.run_id)
    for claim in results.leaderboard.get("claims") or []:
        console.print(f"  {claim['sentence']}")
    archive = await client.download(session, out / "results.zip", run_id=started.run_id)
    await asyncio.to_thread(shutil.unpack_archive, archive, out)
    console.print(f"  results, tables, plots and models: [bold]{out}[/]")
    return True
