"""Do a stored run again and compare: ``python -m services.trainer.rerun RUN --data FOLDER``.

The data set is built again from the rows of then; every model is fitted again on the stored data set, in a
child process as a replica would. Both are compared byte by byte with what is stored; nothing is stored.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from services.trainer.child.protocol import TrainTask
from services.trainer.child.warm import WarmChild
from services.trainer.core.model import Progress
from services.trainer.settings import TrainerSettings
from shared.contracts.kinds import EnsembleSpec
from shared.errors import DatasetNotFound, ModelNotFound, NotFound, TrainyardError
from shared.fingerprint import file_facts
from shared.models.passport import PASSPORT, Passport, parse_passport, read_passport
from shared.series.extend import extended
from shared.series.series import Series
from shared.storage.codecs import arrays_to_bytes, bytes_to_arrays
from shared.storage.connect import Storage, open_storage
from shared.storage.folders import fetch_tree
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.records import OneOf
from shared.storage.rows import DatasetRow, JobRow, RunRow, SeriesRow
from shared.storage.verified import digest_in, get_verified
from shared.windows.dataset import build_dataset, dataset_key

# Other formats of model.npz: archives name the moment of writing, graphs number what was exported before.
DERIVED = (".keras", ".skops", ".h5", ".onnx")
UNKNOWN = "not written down"


class RerunImpossible(NotFound):
    """What a run was made of is not there any more."""

    code = "RERUN_IMPOSSIBLE"
    advice = ("Restore a backup that has the run's rows, or train again.",)


class DatasetAgain(BaseModel):
    """The data set of then and of now; ``differ`` names files with other bytes.

    ``same_rows``: whether the rows it was built from are known to be those of then.
    """

    same: bool
    same_rows: bool
    differ: tuple[str, ...]
    n_windows: int


class ModelAgain(BaseModel):
    """One model of then and of now; scores are [then, now] by part and metric.

    ``same_model``: arrays, forecasts and curves are the same bytes; other formats are made from the arrays.
    """

    model: str
    kind: str
    same_model: bool
    same_scores: bool
    differ: tuple[str, ...]
    largest_difference: float | None
    scores: dict[str, dict[str, tuple[float | None, float | None]]]


class Version(BaseModel):
    """Something the run was made with that is another one now."""

    what: str
    then: str
    now: str


class Rerun(BaseModel):
    """A run done again; ``same`` when data set, scores and models are byte by byte what they were."""

    run_id: str
    session_id: str
    same: bool
    dataset: DatasetAgain
    models: tuple[ModelAgain, ...]
    left_out: tuple[str, ...]
    versions: tuple[Version, ...]


async def rerun(
    storage: Storage, run_id: str, worker: WarmChild, scratch: Path, *, threads: int | None
) -> Rerun:
    """Do a run again in a scratch folder and say what is other than it was.

    Averages of models follow from their members and are left out, as are the trials of a search: its models
    are fitted with the parameters it chose.

    Raises
    ------
    RerunImpossible, DatasetNotFound, ModelNotFound
        If the run, its data set or its rows are not there.
    """
    run = await storage.records.get(RunRow, run_id)
    row = await storage.records.get(DatasetRow, run.dataset_id) if run else None
    if run is None:
        raise RerunImpossible("there is no such run in this store", run_id=run_id[:64])
    if row is None or row.object_key is None:
        raise DatasetNotFound("the data set of this run was deleted", dataset_id=run.dataset_id)
    mine = storage.of_owner(run.owner)
    stored, built = scratch / "stored", scratch / "built"
    await fetch_tree(mine.objects, row.object_key, stored, row.report.get("files"))
    series, same_rows = await rows_then(mine, row)
    dataset = await asyncio.to_thread(build_dataset, row.spec, series)
    await asyncio.to_thread(dataset.save, built)
    differ = tuple(
        sorted(
            path.name
            for path in built.iterdir()
            if not (before := stored / path.name).is_file() or file_facts(path) != file_facts(before)
        )
    )
    again = DatasetAgain(same=not differ, same_rows=same_rows, differ=differ, n_windows=dataset.n_windows)
    jobs = await mine.records.select(JobRow, {"run_id": run.id, "status": "finished"}, order="position")
    models, left_out, versions = [], [], dict[str, Version]()
    for job in jobs:
        if job.trial is not None:
            continue
        if isinstance(job.spec, EnsembleSpec):
            left_out.append(f"{job.label}: an average of the others")
            continue
        fitted = scratch / job.id
        task = TrainTask(spec=job.spec, dataset=stored, output=fitted, backtest=job.backtest, threads=threads)
        await worker.train(task, _ignore)
        passport = await _passport(mine, job)
        models.append(await _compared(mine, job, passport, fitted))
        for one in other_versions(passport, read_passport(fitted)):
            versions.setdefault(one.what, one)
    if not models:
        raise ModelNotFound("the run has no finished model that could be fitted again", run_id=run.id)
    same = again.same and all(one.same_model and one.same_scores for one in models)
    return Rerun(
        run_id=run.id,
        session_id=run.session_id,
        same=same,
        dataset=again,
        models=tuple(models),
        left_out=tuple(left_out),
        versions=tuple(versions.values()),
    )


async def rows_then(mine: Storage, row: DatasetRow) -> tuple[dict[str, Series], bool]:
    """Return the series a data set was built of, and whether these are known to be the rows of then."""
    ids = tuple({one.series_id for one in row.spec.series})
    found = await mine.records.select(SeriesRow, {"session_id": row.session_id, "id": OneOf(ids)})
    if len(found) < len(ids):
        raise RerunImpossible("series of the run were deleted", session_id=row.session_id)
    series, hashes = {}, {}
    untouched = all(one.version == 0 and one.updated_at <= row.created_at for one in found)
    for one in found:
        batches: Sequence[RowBatchRow] = ()
        if one.version:
            every = await mine.records.select(RowBatchRow, {"file_id": one.file_id}, order="version")
            batches = [batch for batch in every if batch.created_at <= row.created_at]
        if len(batches) == one.version:
            content = await get_verified(mine.objects, one.object_key, one.sha256)
            series[one.id] = Series.from_arrays(bytes_to_arrays(content))
            hashes[one.id] = one.sha256
            continue
        key, digest = (one.base_key, one.base_sha256) if one.base_key else (one.object_key, one.sha256)
        base = Series.from_arrays(bytes_to_arrays(await get_verified(mine.objects, key, digest)))
        contents = [await get_verified(mine.objects, batch.object_key, batch.sha256) for batch in batches]
        parts = [_part(content, one.position) for content in contents]
        series[one.id] = extended(base, parts) if parts else base
        hashes[one.id] = sha256(arrays_to_bytes(series[one.id].to_arrays())).hexdigest()
    return series, untouched or dataset_key(row.spec, hashes) == row.content_key


def other_versions(then: Passport, now: Passport) -> list[Version]:
    """Return what a model was made with that is another one now: libraries, code, interpreter, machine."""
    known = {**then.libraries, **then.environment}
    present = {**now.libraries, **now.environment}
    pairs = (
        (name, known.get(name, UNKNOWN), present.get(name, "not installed")) for name in {**known, **present}
    )
    return [Version(what=name, then=old, now=new) for name, old, new in pairs if old != new]


async def _compared(mine: Storage, job: JobRow, passport: Passport, fitted: Path) -> ModelAgain:
    now = read_passport(fitted)
    names = sorted(name for name in passport.files.keys() | now.files.keys() if not name.endswith(DERIVED))
    differ = tuple(name for name in names if passport.files.get(name) != now.files.get(name))
    scores = {
        part: {name: (value, now.metrics.get(part, {}).get(name)) for name, value in metrics.items()}
        for part, metrics in passport.metrics.items()
    }
    entry = job.files.get("forecasts.npz")
    largest = None
    if "forecasts.npz" in differ and isinstance(entry, dict):
        content = await get_verified(mine.objects, str(entry["key"]), digest_in(job.files, "forecasts.npz"))
        largest = _largest(bytes_to_arrays(content), bytes_to_arrays((fitted / "forecasts.npz").read_bytes()))
    return ModelAgain(
        model=job.label,
        kind=job.kind,
        same_model=not differ,
        same_scores=all(old == new for metrics in scores.values() for old, new in metrics.values()),
        differ=differ,
        largest_difference=largest,
        scores=scores,
    )


async def _passport(mine: Storage, job: JobRow) -> Passport:
    entry = job.files.get(PASSPORT)
    if not isinstance(entry, dict):
        raise RerunImpossible(f"{job.label} has no passport to compare with", job_id=job.id)
    digest = digest_in(job.files, PASSPORT)
    return parse_passport(await get_verified(mine.objects, str(entry["key"]), digest), sha256=digest)


def _largest(then: Mapping[str, Any], now: Mapping[str, Any]) -> float | None:
    """Return how far forecasts lie apart at most; None where they have other shapes."""
    apart = [0.0]
    for name in ("validation_y_pred", "test_y_pred"):
        if then[name].shape != now[name].shape:
            return None
        apart += np.abs(then[name] - now[name]).max(initial=0.0, keepdims=True).ravel().tolist()
    return max(apart)


def _part(content: bytes, position: int) -> Series:
    prefix = f"{position}."
    arrays = bytes_to_arrays(content).items()
    return Series.from_arrays({n.removeprefix(prefix): a for n, a in arrays if n.startswith(prefix)})


async def _ignore(progress: Progress) -> None:
    """Take progress and do nothing."""


async def _main(run_id: str, settings: TrainerSettings) -> Rerun:
    storage = await open_storage(settings)
    worker = WarmChild(
        threads=settings.trainer_threads, memory_bytes=settings.trainer_memory_bytes, warm_for=()
    )
    try:
        await worker.start()
        with tempfile.TemporaryDirectory(prefix="trainyard-rerun-") as scratch:
            return await rerun(storage, run_id, worker, Path(scratch), threads=settings.trainer_threads)
    finally:
        await worker.stop()
        await storage.close()


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison as JSON; 0 when all is the same, 1 when not, 2 with a problem on stderr."""
    parser = argparse.ArgumentParser(prog="trainyard rerun", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--data", type=Path, help="data folder; default: as the environment says")
    given = parser.parse_args(arguments)
    try:
        if given.data and not (given.data / "ledger.sqlite").exists():
            raise RerunImpossible(f"there is no ledger in {given.data}")
        settings = TrainerSettings(data_dir=given.data) if given.data else TrainerSettings()
        found = asyncio.run(_main(given.run, settings))
    except TrainyardError as error:
        sys.stderr.write(error.problem().model_dump_json() + "\n")
        return 2
    sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    return 0 if found.same else 1


if __name__ == "__main__":
    sys.exit(main())
