"""The archive of a run, zipped while it is sent: no file and no memory of its size is needed."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from services.gateway.context import Gateway
from services.gateway.models import ModelFile, model_files
from services.gateway.results import METRICS, Outcome
from shared.contracts.kinds import MODEL_SPEC
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import PlotRow, ScalerRow

_README = """Trainyard, run {run}

metrics.json         scores of every model on the test part, and the leaderboard
leaderboard.csv      the same as a table; ranked on the validation part
tables/              the best model on each averaging level, one table per output
configuration.json   the data set and the models as they were asked for
scalers.json         the fitted scalings as plain numbers, where there are any
models/              every stored model; model.npz needs no deep-learning library, .onnx runs anywhere
history/             losses per epoch
plots/               pictures, and the numbers in them as JSON
"""


@dataclass(frozen=True)
class Entry:
    """One file of the archive: bytes at hand, or an object to be read when its turn comes."""

    name: str
    content: bytes | None = None
    key: str = ""


class _Pipe(io.RawIOBase):
    """A file that is only written, and emptied as it grows."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


async def zipped(entries: list[Entry], read: Callable[[str], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """Yield a zip of the entries in pieces; an object that is gone by then is left out."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for entry in entries:
            try:
                async for piece in _member(archive, pipe, entry, read):
                    yield piece
            except ObjectNotFound:
                continue
    yield pipe.take()


async def _member(
    archive: zipfile.ZipFile, pipe: _Pipe, entry: Entry, read: Callable[[str], AsyncIterator[bytes]]
) -> AsyncIterator[bytes]:
    if entry.content is not None:
        archive.writestr(entry.name, entry.content, zipfile.ZIP_DEFLATED)
        yield pipe.take()
        return
    pieces = read(entry.key)
    first = await anext(pieces, b"")  # before the member is opened: it may not be there
    with archive.open(zipfile.ZipInfo(entry.name), "w", force_zip64=True) as member:
        member.write(first)
        async for piece in pieces:
            member.write(piece)
            yield pipe.take()


async def entries_of(here: Gateway, found: Outcome) -> list[Entry]:
    """Return what the archive of a run holds."""
    plots = await here.records.select(PlotRow, {"run_id": found.run.id}, order="name")
    scalers = await here.records.select(ScalerRow, {"dataset_id": found.run.dataset_id}, order="position")
    return [
        Entry("README.txt", _README.format(run=found.run.id).encode()),
        Entry("metrics.json", _json({"leaderboard": found.run.verdict, "models": found.models()})),
        Entry("leaderboard.csv", leaderboard_csv(found)),
        *_tables(found),
        Entry("configuration.json", _json(_configuration(found))),
        *(
            [Entry("scalers.json", _json([row.model_dump(mode="json") for row in scalers]))]
            if scalers
            else []
        ),
        *[Entry(f"models/{file.file_name}", key=file.key) for file in model_files(found.jobs)],
        *_histories(found),
        *[entry for row in plots for entry in _plot(row)],
    ]


def leaderboard_csv(found: Outcome) -> bytes:
    """Return the leaderboard as a table with one line per model."""
    ranks = {row["job_id"]: row.get("rank") for row in found.comparison() if isinstance(row, dict)}
    header = ["rank", "model", "kind", "status", *METRICS, "seconds"]
    lines = [
        [ranks.get(job.id), job.label, job.kind, job.status]
        + [found.results[job.id].headline.get(m) if job.id in found.results else None for m in METRICS]
        + [job.seconds]
        for job in found.jobs
    ]
    return _csv([header, *lines])


def _tables(found: Outcome) -> Iterator[Entry]:
    levels: dict[str, dict[str, list[Any]]] = found.tables()["df_eval"]
    for number, (output, columns) in enumerate(levels.items(), start=1):
        rows = list(zip(*columns.values(), strict=True))
        yield Entry(
            f"tables/levels-{number}.csv", _csv([["output", *columns], *[[output, *r] for r in rows]])
        )


def _histories(found: Outcome) -> Iterator[Entry]:
    for job in found.jobs:
        entry = job.files.get("history.json")
        if isinstance(entry, dict):
            name = ModelFile(job, "model.json", "", 0, "").file_name
            yield Entry(f"history/{name}", key=str(entry["key"]))


def _plot(row: PlotRow) -> Iterator[Entry]:
    stem, _, suffix = row.object_key.rpartition(".")
    name = stem.rsplit("/", 1)[-1]
    yield Entry(f"plots/{name}.{suffix}", key=row.object_key)
    if suffix == "png":
        yield Entry(f"plots/{name}.json", key=f"{stem}.json")


def _configuration(found: Outcome) -> dict[str, Any]:
    return {
        "dataset": found.dataset.spec.model_dump(mode="json") if found.dataset else None,
        "models": [MODEL_SPEC.dump_python(spec, mode="json") for spec in found.run.models],
        "metric": found.run.metric,
    }


def _json(value: object) -> bytes:
    return json.dumps(json.loads(to_json(value, inf_nan_mode="null")), indent=1, ensure_ascii=False).encode()


def _csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
