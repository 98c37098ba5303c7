"""The datasets service's orders over the ledger and the object store."""

import asyncio
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from services.datasets.ports import BuildCancelled, Product
from shared.contracts.base import derive
from shared.contracts.problems import Problem
from shared.errors import DatasetNotFound, NotFound, SessionNotFound
from shared.series.series import Series
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes, bytes_to_arrays
from shared.storage.connect import Storage
from shared.storage.datasets import fetch_dataset
from shared.storage.folders import put_tree
from shared.storage.records import OneOf, Where
from shared.storage.rows import LIVE_RUN, DatasetRow, RunRow, ScalerRow, SeriesRow
from shared.storage.verified import get_verified, without_keys
from shared.windows.dataset import Dataset, dataset_key


class SeriesGone(NotFound):
    """The spec names a series that is not there."""

    code = "SERIES_NOT_FOUND"
    advice = ("Upload the file again, or take the series out of the data set.",)


@dataclass(eq=False)
class LedgerDatasets:
    """Data sets in the ledger, their files in the object store."""

    _storage: Storage

    async def load(self, dataset_id: str) -> DatasetRow | None:
        return await self._storage.records.get(DatasetRow, dataset_id)

    async def series(self, order: DatasetRow) -> Mapping[str, Series]:
        rows = await self._rows(order)
        return {series_id: await self._read(row) for series_id, row in rows.items()}

    async def series_of(self, session_id: str, series_ids: Collection[str]) -> Mapping[str, Series]:
        where: Where = {"session_id": session_id, "id": OneOf(tuple(series_ids))}
        found = {row.id: row for row in await self._storage.records.select(SeriesRow, where)}
        for series_id in series_ids:
            if series_id not in found:
                raise SeriesGone("there is no such series in this session", series_id=series_id[:64])
        return {series_id: await self._read(row) for series_id, row in found.items()}

    async def reused(self, order: DatasetRow) -> DatasetRow | None:
        key = await self._content_key(order)
        same = {"session_id": order.session_id, "content_key": key, "status": "ready"}
        found = await self._storage.of_owner(order.owner).records.select(DatasetRow, same, limit=1)
        return await self._ready(order, found[0].object_key or "", found[0].report) if found else None

    async def unwanted(self, order: DatasetRow) -> bool:
        records = self._storage.of_owner(order.owner).records
        row = await records.get(DatasetRow, order.id)
        if row is None or row.status != "requested":
            return True
        live: Where = {"session_id": row.session_id, "dataset_id": row.id, "status": OneOf(LIVE_RUN)}
        runs = await records.select(RunRow, live)
        return bool(runs) and all(run.cancel_requested for run in runs)

    async def save(self, order: DatasetRow, product: Product) -> DatasetRow:
        prefix = keys.dataset(order.session_id, order.id)
        mine = self._storage.of_owner(order.owner)
        files = await put_tree(mine.objects, product.folder, prefix)
        try:
            await mine.records.insert(_scaler_rows(order, product.report))
        except SessionNotFound:
            await self.forget(order.session_id, order.id)
            raise
        return await self._ready(order, prefix, {**product.report, "files": without_keys(files)})

    async def forget(self, session_id: str, dataset_id: str) -> None:
        await self._storage.records.delete(ScalerRow, {"dataset_id": dataset_id})
        await self._storage.objects.delete(keys.dataset(session_id, dataset_id))

    async def crashed(self, order: DatasetRow) -> int:
        records = self._storage.of_owner(order.owner).records
        row = await records.get(DatasetRow, order.id)
        failures = (row or order).failures + 1
        await records.update(DatasetRow, order.id, {"failures": failures})
        return failures

    async def fail(self, order: DatasetRow, problem: Problem) -> None:
        await self._storage.of_owner(order.owner).records.update(
            DatasetRow, order.id, {"status": "failed", "problem": problem}
        )

    async def open(self, session_id: str, dataset_id: str) -> Dataset:
        row = await self.load(dataset_id)
        if row is None or row.session_id != session_id or row.object_key is None:
            raise DatasetNotFound("there is no such data set, or it is not ready", dataset_id=dataset_id)
        with tempfile.TemporaryDirectory(prefix="trainyard-dataset-") as scratch:
            await fetch_dataset(self._storage.of_owner(row.owner), row, Path(scratch))
            return await asyncio.to_thread(Dataset.open, Path(scratch))  # its maps outlive the names

    async def save_arrays(
        self, session_id: str, dataset_id: str, dataset: Dataset, *, scaled: bool
    ) -> tuple[str, str]:
        row = await self.load(dataset_id)
        if row is None:
            raise DatasetNotFound("the data set was deleted meanwhile", dataset_id=dataset_id)

        def materialised() -> bytes:
            x, y = dataset.x(scaled=scaled), dataset.y(scaled=scaled)
            return arrays_to_bytes({"x": x, "y": y, "ref_ns": dataset.ref_ns})

        name = f"{'arrays' if scaled else 'arrays-original'}.npz"
        key = f"{keys.dataset(session_id, dataset_id)}/{name}"
        mine = self._storage.of_owner(row.owner)
        stored = await mine.objects.put(key, await asyncio.to_thread(materialised))
        made = row.report.get("made")
        entry: dict[str, JsonValue] = {"size_bytes": stored.size_bytes, "sha256": stored.digest}
        report = {**row.report, "made": {**(made if isinstance(made, dict) else {}), name: entry}}
        await mine.records.update(
            DatasetRow, row.id, {"report": report}, expect={"revision": row.revision}
        )  # what somebody else asked for meanwhile is made, and counted, when it is asked for next
        return key, stored.digest

    async def _ready(self, order: DatasetRow, key: str, report: Mapping[str, object]) -> DatasetRow:
        changes = {
            "status": "ready",
            "object_key": key,
            "report": report,
            "content_key": await self._content_key(order),
        }
        mine = self._storage.of_owner(order.owner)
        updated = await mine.records.update(DatasetRow, order.id, changes, expect={"status": "requested"})
        if updated is None:
            updated = await mine.records.get(DatasetRow, order.id)
        if (
            updated is None or updated.status != "ready"
        ):  # deleted or cancelled meanwhile: nothing half-stored
            await self.forget(order.session_id, order.id)
            raise BuildCancelled("the data set is not kept: nobody waits for it any more")
        return updated

    async def _content_key(self, order: DatasetRow) -> str:
        rows = await self._rows(order)
        return dataset_key(order.spec, {series_id: row.sha256 for series_id, row in rows.items()})

    async def _rows(self, order: DatasetRow) -> dict[str, SeriesRow]:
        wanted = {spec.series_id: spec.name for spec in order.spec.series}
        found = await self._storage.of_owner(order.owner).records.select(
            SeriesRow, {"session_id": order.session_id, "id": OneOf(tuple(wanted))}
        )
        rows = {row.id: row for row in found}
        for series_id, name in wanted.items():
            if series_id not in rows:
                raise SeriesGone(f"there is no series {name!r} in this session", series=name)
        return rows

    async def _read(self, row: SeriesRow) -> Series:
        objects = self._storage.of_owner(row.owner).objects
        content = await get_verified(objects, row.object_key, row.sha256)
        return await asyncio.to_thread(lambda: Series.from_arrays(bytes_to_arrays(content)))


def _scaler_rows(order: DatasetRow, report: Mapping[str, JsonValue]) -> list[ScalerRow]:
    """Return one row per column of the report's table of scalings."""
    table = report["scalers"]
    entries = [entry for entry in table if isinstance(entry, dict)] if isinstance(table, list) else []
    return [
        ScalerRow.model_validate(
            {
                "id": derive("scaler", order.id, str(entry["role"]), str(entry["position"])),
                "owner": order.owner,
                "session_id": order.session_id,
                "dataset_id": order.id,
                "role": entry["role"],
                "position": entry["position"],
                "name": entry["name"],
                "parameters": {key: entry[key] for key in ("lo", "hi", "min", "max")},
            }
        )
        for entry in entries
    ]
