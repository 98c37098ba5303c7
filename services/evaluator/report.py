"""What a closed run leaves for people: numbers, tables, plots, and one archive of everything."""

import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import JsonValue

from services.evaluator.core.archive import write_zip
from services.evaluator.core.backtest import fold_table
from services.evaluator.core.backtest_contents import BacktestData, write_backtest_files
from services.evaluator.core.figures.render import FigureData, from_json, render
from services.evaluator.core.figures.style import ThemeName
from services.evaluator.core.problems import PlotNotFound
from services.evaluator.core.report_files import write_files
from services.evaluator.core.run_data import ModelFacts, OutputFacts, RunData, compute, json_bytes, slug
from services.evaluator.plots import give_up_report, plot_row
from services.evaluator.ports import Results, RunState
from shared.contracts.problems import Problem
from shared.runtime.parent import die_with_parent
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import DatasetRow, JobRow, PlotRow, RunRow, ScalerRow
from shared.storage.verified import (
    ObjectDamaged,
    digest_in,
    fetch_verified,
    get_verified,
    without_keys,
)

T = TypeVar("T")
NICE = 2  # two fifths of a core beside a busy one: somebody waits for the report, and events go first
MAX_WORKERS = 4  # a report of ten models is 42 pictures: more processes would wait for each other's start
Json = dict[str, JsonValue]
Writer = Callable[[Path], tuple[Json, dict[str, FigureData]]]


class ReportWriter:
    """Writes reports in processes of their own, so that a plot never delays an event."""

    def __init__(self, storage: Storage, results: Results) -> None:
        self._storage, self._results = storage, results
        self._pool = ProcessPoolExecutor(
            max_workers=min(os.cpu_count() or 1, MAX_WORKERS),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def report(self, state: RunState) -> tuple[str, ...]:
        """Store the report of a run, add what it found to the verdict; return the names of the plots.

        A report that was written before is not written again.
        """
        if state.run.reported:
            rows = await self._storage.of_owner(state.run.owner).records.select(
                PlotRow, {"run_id": state.run.id}
            )
            prefix = f"{keys.run(state.run.session_id, state.run.id)}/"
            return tuple(sorted(row.object_key.removeprefix(prefix) for row in rows))
        mine = self._storage.of_owner(state.run.owner)
        with tempfile.TemporaryDirectory(prefix="trainyard-report-") as scratch:
            folder, extras = Path(scratch) / "report", Path(scratch) / "extras"
            write, files = await self._writer(state, extras)
            found, drawn = await self._run(write, folder)
            await asyncio.gather(*(self._run(draw, figure, folder / path) for path, figure in drawn.items()))
            await self._run(pack, folder, files)
            stored = await put_tree(mine.objects, folder, keys.run(state.run.session_id, state.run.id))
        plots = tuple(sorted(drawn))
        rows = [plot_row(state.run, path, stored) for path in plots]
        if await mine.records.insert(rows) < len(rows):  # since the run was closed there are rows
            for row in rows:
                await mine.records.update(PlotRow, row.id, {"settings": row.settings})
        kept = {name: value for name, value in state.run.verdict.items() if name != "report_problem"}
        verdict = {**kept, **found, "archive": _archive(stored)}
        await mine.records.update(RunRow, state.run.id, {"verdict": verdict})
        return plots

    async def give_up(self, run: RunRow, problem: Problem) -> None:
        """Keep why the run has no report."""
        await give_up_report(self._storage.of_owner(run.owner).records, run, problem)

    async def picture(self, run: RunRow, name: str, theme: ThemeName) -> tuple[str, str | None]:
        """Return key and digest of a plot of a run in a theme, drawn now unless it is there as it was drawn.

        Raises
        ------
        PlotNotFound
            If the run has no plot of that name.
        """
        mine = self._storage.of_owner(run.owner)
        rows = await mine.records.select(PlotRow, {"run_id": run.id, "name": name}, limit=1)
        if not rows:
            raise PlotNotFound("the run has no such plot", name=name[:100])
        suffix = "png" if theme == "light" else f"{theme}.png"
        stem, known = rows[0].object_key.removesuffix(".png"), rows[0].settings.get(suffix)
        key, sha256 = f"{stem}.{suffix}", known if isinstance(known, str) else None
        try:
            if theme == "light" or sha256 is not None:  # of an earlier release no digest: drawn anew
                await get_verified(mine.objects, key, sha256)
                return key, sha256
        except (ObjectNotFound, ObjectDamaged):
            pass
        try:
            digest = rows[0].settings.get("json")
            data = await get_verified(
                mine.objects, f"{stem}.json", digest if isinstance(digest, str) else None
            )
        except ObjectNotFound:
            raise PlotNotFound("the run has no such plot", name=name[:100]) from None
        stored = await mine.objects.put(key, await self._run(redraw, data, theme))
        settings = {**rows[0].settings, suffix: stored.digest}
        await mine.records.update(
            PlotRow, rows[0].id, {"settings": settings}, expect={"revision": rows[0].revision}
        )  # should a new report have been written meanwhile, the next to ask draws it again
        return key, stored.digest

    async def _run(self, work: Callable[..., T], *about: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *about))

    async def _writer(self, state: RunState, scratch: Path) -> tuple[Writer, dict[str, Path]]:
        """Fetch what a report is made of; return what writes it, and files to add as they are."""
        jobs = [job for job in state.jobs if job.id in state.results]
        await asyncio.to_thread(scratch.mkdir)
        if state.run.backtest is None:
            run_data = await self._run_data(state.run, jobs)
            named = [(name, job) for (name, _), job in zip(run_data.named(), jobs, strict=True)]
            extras = await self._models(named, scratch) | await self._configuration(state.run, scratch)
            return partial(write_report, run_data), extras
        named = [(f"{number:02d}-{slug(job.label)}", job) for number, job in enumerate(jobs, start=1)]
        last = state.run.backtest.folds[-1]
        newest = [(name, job) for name, job in named if job.backtest and job.backtest.folds[-1] == last]
        extras = await self._models(newest, scratch) | await self._forecasts(named, scratch)
        extras |= await self._configuration(state.run, scratch)
        table = fold_table(state.run.backtest.folds, state.jobs, state.results, metric=state.run.metric)
        fits = {
            name: (job.backtest.model, [fold.number for fold in job.backtest.folds])
            for name, job in named
            if job.backtest
        }
        data = BacktestData(state.run.id, state.run.backtest, table, fits)
        return partial(write_backtest, data), extras

    async def _run_data(self, run: RunRow, jobs: list[JobRow]) -> RunData:
        context = await self._results.scoring_context(jobs[0])
        models = [
            ModelFacts(
                job_id=job.id,
                label=job.label,
                kind=job.kind,
                forecast=await self._results.forecast(job),
                history=await self._results.history(job),
            )
            for job in jobs
        ]
        outputs = zip(
            context.names, context.delta_minutes, context.offset_hours, context.y_train, strict=True
        )
        return RunData(
            run_id=run.id,
            metric=run.metric,
            timezone=context.timezone,
            season_length=1,
            outputs=tuple(OutputFacts(*facts) for facts in outputs),
            models=tuple(models),
        )

    async def _models(self, named: Iterable[tuple[str, JobRow]], folder: Path) -> dict[str, Path]:
        """Fetch the files of models, passports included, by their path in the archive."""
        found: dict[str, Path] = {}
        for name, job in named:
            for file_name, file in job.files.items():
                if isinstance(file, dict) and file_name not in ("forecasts.npz", "history.json"):
                    path = folder / f"{name}-{len(found)}"
                    objects = self._storage.of_owner(job.owner).objects
                    await fetch_verified(objects, str(file["key"]), path, digest_in(job.files, file_name))
                    found[f"models/{name}/{file_name}"] = path
        return found

    async def _forecasts(self, named: Iterable[tuple[str, JobRow]], folder: Path) -> dict[str, Path]:
        """Write the forecasts of every fit of a backtest to files, by their path in the archive."""
        found = {}
        for name, job in named:
            forecast = await self._results.forecast(job)
            path = found[f"arrays/{name}.npz"] = folder / f"{name}.npz"
            await asyncio.to_thread(np.savez, path, allow_pickle=False, **forecast.to_arrays())
        return found

    async def _configuration(self, run: RunRow, folder: Path) -> dict[str, Path]:
        """Write down the settings of a run, and the scalings of its data set."""
        dataset = await self._storage.of_owner(run.owner).records.get(DatasetRow, run.dataset_id)
        configuration: dict[str, JsonValue] = {
            "dataset": dataset.spec.model_dump(mode="json") if dataset else None,
            "models": [model.model_dump(mode="json") for model in run.models],
            "metric": run.metric,
        }
        scalers = await self._storage.of_owner(run.owner).records.select(
            ScalerRow, {"dataset_id": run.dataset_id}, order="position"
        )
        scalings: list[JsonValue] = [
            {"role": row.role, "position": row.position, "name": row.name, **row.parameters}
            for row in scalers
        ]
        written = {}
        for name, content in (("configuration.json", configuration), ("scalers.json", scalings)):
            if content:
                written[name] = folder / name
                await asyncio.to_thread(written[name].write_bytes, json_bytes(content))
        return written


def _begin(parent: int) -> None:
    """Prepare the report process: events and fits on the same machine come a little before it."""
    die_with_parent(parent, signal.SIGKILL)
    os.nice(NICE)


def write_report(run_data: RunData, folder: Path) -> tuple[Json, dict[str, FigureData]]:
    """Write the numbers of a run into a folder; return what they add to the verdict, and what is to be drawn.

    This and the next functions run in the report processes; nothing but plain values goes in and out.
    """
    findings = compute(run_data)
    drawn = write_files(run_data, findings, folder)
    found: Json = json.loads(json_bytes({"claims": [asdict(claim) for claim in findings.claims]}))
    return found, drawn


def write_backtest(run_data: BacktestData, folder: Path) -> tuple[Json, dict[str, FigureData]]:
    """Write table and plan of a backtest into a folder; return what they add, and what is to be drawn.

    Folds are few and their windows neighbours: no test says which difference between them holds, so nothing
    is claimed.
    """
    return {"claims": []}, write_backtest_files(run_data, folder)


def draw(figure: FigureData, target: Path) -> None:
    """Draw one plot for a light page."""
    target.write_bytes(render(figure))


def _archive(stored: Mapping[str, JsonValue]) -> JsonValue:
    """Return size and digest of the archive, and the bytes of the whole report."""
    files = without_keys(stored)
    sizes = [entry.get("size_bytes") for entry in files.values() if isinstance(entry, dict)]
    archive = files.get("results.zip")
    n_bytes = sum(size for size in sizes if isinstance(size, int))
    return {**archive, "report_bytes": n_bytes} if isinstance(archive, dict) else None


def redraw(data: bytes, theme: ThemeName) -> bytes:
    """Draw a plot from its stored data."""
    return render(from_json(json.loads(data)), theme)


def pack(folder: Path, extras: Mapping[str, Path]) -> None:
    """Put a folder and further files into one archive; leave it there with what is also shown by itself."""
    own = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    write_zip(folder / "results.zip", {**own, **extras})
    for path, file in own.items():
        if not path.startswith(("plots/", "metrics/", "tables/")):
            file.unlink()
