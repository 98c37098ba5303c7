"""Forecasts of the future over the ledger and the object store; what they rest on is fetched once."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from services.trainer.made import keep_made
from services.trainer.ports import ForecastOrder
from shared.contracts.base import derive, new_id, utc_now
from shared.contracts.specs import DatasetSpec
from shared.errors import DatasetNotFound, ModelNotFound
from shared.models.passport import PASSPORT
from shared.series.extend import extended
from shared.series.series import Series
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes, bytes_to_arrays, json_to_bytes
from shared.storage.connect import Storage
from shared.storage.data_contract import data_contract, files_of
from shared.storage.datasets import fetch_dataset
from shared.storage.forecast_documents import forecast_document, keep_forecast
from shared.storage.forecast_rows import ForecastRow, RowBatchRow
from shared.storage.records import OneOf
from shared.storage.rows import DatasetRow, FileRow, JobRow, SeriesRow
from shared.storage.verified import digest_in, fetch_verified, get_verified

KEPT = 64  # folders of data sets, and files of rows, on this machine


@dataclass(eq=False)
class LedgerForecasts:
    """Forecasts in the ledger."""

    _storage: Storage
    cache: Path = field(kw_only=True)

    async def order(self, session_id: str, job_id: str, *, as_of: str | None) -> ForecastOrder:
        job = await self._storage.records.get(JobRow, job_id)
        if job is None or job.session_id != session_id or job.status != "finished":
            raise ModelNotFound("there is no such finished model", job_id=job_id)
        mine = self._storage.of_owner(job.owner)
        dataset = await mine.records.get(DatasetRow, job.dataset_id)
        if dataset is None or dataset.object_key is None:
            raise DatasetNotFound("the data set of this model was deleted", dataset_id=job.dataset_id)
        folder = await self._fetched_dataset(mine, dataset)
        wanted = tuple({spec.series_id for spec in dataset.spec.series})
        series = await mine.records.select(SeriesRow, {"session_id": session_id, "id": OneOf(wanted)})
        seen_by = datetime.fromisoformat(as_of) if as_of else None
        rows, versions = {}, {}
        for row in series:
            version, batches = await self._version(mine, row, seen_by)
            versions[row.id] = f"{row.id}-{version}"
            rows[row.id] = await self._fetched_rows(mine, row, batches)
        files = await files_of(mine.records, series)
        contract = data_contract(dataset.spec, series, files)
        return ForecastOrder(job, folder, rows, versions, _zone(dataset.spec, series, files), contract)

    async def keep(
        self,
        order: ForecastOrder,
        document: Mapping[str, JsonValue],
        asked: Mapping[str, JsonValue],
        parent_id: str | None,
        version: int | None = None,
    ) -> tuple[ForecastRow, dict[str, JsonValue]]:
        job, reference = order.job, str(document["reference_time"])
        rests_on = json_to_bytes(dict(sorted(order.versions.items()))).decode()
        wanted = json_to_bytes({key: asked[key] for key in sorted(asked)}).decode()
        forecast_id = derive("forecast", job.id, str(job.attempt), reference, rests_on, wanted)
        mine = self._storage.of_owner(job.owner)
        if kept := await mine.records.get(ForecastRow, forecast_id):
            return kept, await forecast_document(mine.records, mine.objects, kept)
        row = ForecastRow(
            id=forecast_id,
            owner=job.owner,
            session_id=job.session_id,
            run_id=job.run_id,
            job_id=job.id,
            kind=job.kind,
            label=job.label,
            version=version,
            passport_sha256=digest_in(job.files, PASSPORT),
            reference_time=datetime.fromisoformat(reference),
            last_time=_last_time(document),
            parent_id=parent_id,
            asked=dict(asked),
        )
        whole: dict[str, JsonValue] = {
            "forecast_id": forecast_id,
            "run_id": job.run_id,
            "job_id": job.id,
            "model": job.label,
            "kind": job.kind,
            "version": version,
            "passport_sha256": row.passport_sha256,
            "created_at": utc_now().isoformat(),
            "parent_id": parent_id,
            "asked": dict(asked),
            "row_versions": dict(order.versions),
            **document,
        }
        return await keep_forecast(mine, row, json_to_bytes(whole)), whole

    async def keep_backcast(self, job: JobRow, path: Path) -> str:
        key = keys.backcast(job.session_id, job.run_id, job.id)
        await keep_made(self._storage.of_owner(job.owner), job, keys.BACKCAST, key, path)
        return key

    async def _fetched_dataset(self, mine: Storage, dataset: DatasetRow) -> Path:
        files = json_to_bytes(dataset.report.get("files")).decode()
        folder = self.cache / f"dataset-{derive(dataset.object_key or dataset.id, files)}"
        if not folder.exists():
            part = self.cache / f".{new_id()}"
            await fetch_dataset(mine, dataset, part)
            await asyncio.to_thread(self._put_in_place, part, folder)
        return folder

    async def _version(
        self, mine: Storage, row: SeriesRow, seen_by: datetime | None
    ) -> tuple[str, list[RowBatchRow] | None]:
        """Return what names the rows of a series that had arrived by a moment, and their batches.

        None for batches means: the newest rows, which lie in one piece.
        """
        if seen_by is None or row.version == 0:
            return row.sha256, None
        batches = await mine.records.select(RowBatchRow, {"file_id": row.file_id}, order="version")
        arrived = [
            batch for batch in batches if batch.available_at <= seen_by and batch.version <= row.version
        ]
        if len(arrived) == row.version:
            return row.sha256, None
        return derive(row.base_key or row.object_key, *(batch.object_key for batch in arrived)), arrived

    async def _fetched_rows(self, mine: Storage, row: SeriesRow, batches: list[RowBatchRow] | None) -> Path:
        source = row.object_key if batches is None else row.base_key or row.object_key
        names = [batch.object_key for batch in batches or []]
        path = self.cache / f"rows-{derive(source, row.sha256 if batches is None else '', *names)}.npz"
        if not path.exists():
            part = self.cache / f".{new_id()}"
            await fetch_verified(
                mine.objects, source, part, row.sha256 if source == row.object_key else row.base_sha256
            )
            if batches:
                parts = [await get_verified(mine.objects, one.object_key, one.sha256) for one in batches]
                await asyncio.to_thread(_extend, part, parts, row.position)
            await asyncio.to_thread(self._put_in_place, part, path)
        return path

    def _put_in_place(self, part: Path, target: Path) -> None:
        """Give what was fetched its name, and forget what was fetched longest ago."""
        try:
            part.replace(target)
        except OSError:  # another question fetched the same meanwhile
            if not target.exists():
                raise
            shutil.rmtree(part, ignore_errors=True)
        kept = sorted(self.cache.glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[2 * KEPT :]:
            shutil.rmtree(old) if old.is_dir() else old.unlink()


def _zone(spec: DatasetSpec, series: Sequence[SeriesRow], files: Mapping[str, FileRow]) -> str:
    """Return the clock of the data: the data set's, or where that is UTC the one its file was read by."""
    if spec.calendar.timezone != "UTC":
        return spec.calendar.timezone
    target = next((row for row in series if row.id == spec.outputs[0].series_id), None)
    file = files.get(target.file_id) if target else None
    zone = file.options.get("timezone") if file else None
    return zone if isinstance(zone, str) and zone else "UTC"


def _extend(path: Path, batches: list[bytes], position: int) -> None:
    """Put the rows of batches into the file of a series."""
    prefix = f"{position}."
    grown = extended(
        Series.from_arrays(bytes_to_arrays(path.read_bytes())),
        [
            Series.from_arrays({n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})
            for arrays in map(bytes_to_arrays, batches)
        ],
    )
    path.write_bytes(arrays_to_bytes(grown.to_arrays()))


def _last_time(document: Mapping[str, JsonValue]) -> datetime:
    stamps: list[str] = []
    outputs = document["outputs"]
    for output in outputs if isinstance(outputs, list) else []:
        values = output["values"] if isinstance(output, dict) else []
        stamps += (
            [str(one["time"]) for one in values if isinstance(one, dict)] if isinstance(values, list) else []
        )
    return max(datetime.fromisoformat(stamp) for stamp in stamps)
