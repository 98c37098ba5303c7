"""What a closed run leaves for people: numbers, tables, plots, and one archive of everything."""

import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from services.evaluator.core.archive import Content, stream_zip
from services.evaluator.core.contents import archive_files
from services.evaluator.core.dossier import Dossier, ModelFacts, OutputFacts, examine, json_bytes
from services.evaluator.ports import Results, RunState, Yardstick
from shared.contracts.base import derive
from shared.runtime.parent import die_with_parent
from shared.storage import places
from shared.storage.connect import Storage
from shared.storage.rows import DatasetRow, JobRow, PlotRow, RunRow
from shared.storage.trees import put_tree

_PIECE = 2**20


class Reporter:
    """Writes reports in a process of its own, so that a plot never delays an event."""

    def __init__(self, storage: Storage, results: Results) -> None:
        self._storage, self._results = storage, results
        self._pool = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=die_with_parent,
            initargs=(os.getpid(), signal.SIGKILL),
        )

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def report(self, state: RunState) -> tuple[str, ...]:
        """Store the report of a run, add what it found to the verdict; return the names of the plots.

        A report that was written before is not written again.
        """
        if state.run.reported:
            return await self._written(state.run)
        jobs = [job for job in state.jobs if job.id in state.results]
        mine = self._storage.of_owner(state.run.owner)
        dossier = await self._dossier(state.run, jobs)
        with tempfile.TemporaryDirectory(prefix="trainyard-report-") as scratch:
            extras = await self._extras(state.run, dossier, jobs, Path(scratch) / "extras")
            folder = Path(scratch) / "report"
            work = partial(write_report, dossier, extras, folder)
            found = await asyncio.get_running_loop().run_in_executor(self._pool, work)
            await put_tree(mine.objects, folder, places.run(state.run.session_id, state.run.id))
            plots = tuple(sorted(p.relative_to(folder).as_posix() for p in folder.rglob("plots/**/*.png")))
        await mine.records.insert([_plot_row(state.run, path) for path in plots])
        await mine.records.update(RunRow, state.run.id, {"verdict": {**state.run.verdict, **found}})
        return plots

    async def _written(self, run: RunRow) -> tuple[str, ...]:
        rows = await self._storage.of_owner(run.owner).records.select(PlotRow, {"run_id": run.id})
        prefix = f"{places.run(run.session_id, run.id)}/"
        return tuple(sorted(row.object_key.removeprefix(prefix) for row in rows))

    async def _dossier(self, run: RunRow, jobs: list[JobRow]) -> Dossier:
        yardstick = await self._results.yardstick(jobs[0])
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
        return Dossier(
            run_id=run.id,
            metric=run.metric,
            timezone=yardstick.timezone,
            season_length=1,
            outputs=_outputs(yardstick),
            models=tuple(models),
        )

    async def _extras(
        self, run: RunRow, dossier: Dossier, jobs: list[JobRow], folder: Path
    ) -> dict[str, Path]:
        """Fetch what the archive holds beside numbers: models with their passports, and the configuration."""
        await asyncio.to_thread(folder.mkdir)
        found: dict[str, Path] = {}
        mine = self._storage.of_owner(run.owner)
        for (name, _), job in zip(dossier.named(), jobs, strict=True):
            for file_name, file in job.files.items():
                if isinstance(file, dict) and file_name not in ("forecasts.npz", "history.json"):
                    path = folder / f"{name}-{len(found)}"
                    await mine.objects.fetch(str(file["key"]), path)
                    found[f"models/{name}/{file_name}"] = path
        dataset = await mine.records.get(DatasetRow, run.dataset_id)
        configuration: dict[str, JsonValue] = {
            "dataset": dataset.spec.model_dump(mode="json") if dataset else None,
            "models": [model.model_dump(mode="json") for model in run.models],
            "metric": run.metric,
        }
        found["configuration.json"] = folder / "configuration.json"
        found["configuration.json"].write_bytes(json_bytes(configuration))
        return found


def write_report(dossier: Dossier, extras: Mapping[str, Path], folder: Path) -> dict[str, JsonValue]:
    """Write plots, numbers and the archive into a folder; return what they add to the verdict.

    Runs in the report process; nothing but plain values goes in and out.
    """
    findings = examine(dossier)
    own = archive_files(dossier, findings)
    made = {path: b"".join(content()) for path, content in own.items()}
    for path, content in made.items():
        if path.startswith(("plots/", "metrics/", "tables/")):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    whole: dict[str, Content] = {path: partial(_ready, content) for path, content in made.items()}
    whole |= {path: partial(_pieces, source) for path, source in extras.items()}
    with (folder / "results.zip").open("wb") as archive:
        for piece in stream_zip(whole):
            archive.write(piece)
    found: dict[str, JsonValue] = json.loads(
        json_bytes({"claims": [claim.to_json() for claim in findings.claims]})
    )
    return found


def _plot_row(run: RunRow, path: str) -> PlotRow:
    """Return the row of a picture, ``plots/<name>.png`` or ``plots/<model>/<name>.png``."""
    name = path.removeprefix("plots/").removesuffix(".png")
    return PlotRow(
        id=derive("plot", run.id, path),
        owner=run.owner,
        session_id=run.session_id,
        run_id=run.id,
        name=name,
        kind=name.rsplit("/", 1)[-1].removesuffix(".dark"),
        object_key=f"{places.run(run.session_id, run.id)}/{path}",
    )


def _ready(content: bytes) -> tuple[bytes]:
    return (content,)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _outputs(yardstick: Yardstick) -> tuple[OutputFacts, ...]:
    return tuple(
        OutputFacts(name, delta, offsets, y_train)
        for name, delta, offsets, y_train in zip(
            yardstick.names,
            yardstick.delta_minutes,
            yardstick.offset_hours,
            yardstick.y_train,
            strict=True,
        )
    )
