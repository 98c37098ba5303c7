"""New rows of a file in the ledger and the object store: a version per batch, all rows in one piece."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.ingest.core.contract import read_rows
from shared.contracts.base import derive, utc_now
from shared.contracts.events import RowsArrived
from shared.errors import NotFound, Unavailable
from shared.series.extend import extended
from shared.series.series import Series
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes, bytes_to_arrays
from shared.storage.connect import Storage
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.rows import FileRow, SeriesRow
from shared.storage.verified import get_verified

_TRIES = 8  # two batches that come at once: one waits for the other


class FileNotReady(NotFound):
    """There is no checked file of that id."""

    code = "FILE_NOT_READY"
    advice = ("Wait until the file is ready, or upload it again.",)


class RowsBusy(Unavailable):
    """Too many batches for one file come at the same time."""

    code = "ROWS_BUSY"
    advice = ("Send the batch again.",)


@dataclass(frozen=True)
class Extended:
    """What a batch changed."""

    version: int
    n_new: int
    n_changed: int
    n_rows: int
    first: datetime  # earliest stamp of the batch
    series: tuple[SeriesRow, ...]

    def event(self, session_id: str, file_id: str) -> RowsArrived | None:
        """Return what is said of it; of the same version the same, and nothing of the upload itself."""
        if self.version == 0:
            return None
        return RowsArrived.first(
            session_id=session_id,
            file_id=file_id,
            version=self.version,
            n_rows=self.n_rows,
            since=self.first,
        )

    def to_json(self) -> dict[str, JsonValue]:
        """Return what a batch changed as JSON."""
        series: list[JsonValue] = [
            {"series_id": row.id, "name": row.name, "statistics": row.statistics} for row in self.series
        ]
        return {
            "version": self.version,
            "n_new": self.n_new,
            "n_changed": self.n_changed,
            "series": series,
        }


@dataclass(eq=False)
class LedgerRows:
    """Batches of new rows."""

    _storage: Storage

    async def extend(
        self, session_id: str, file_id: str, text: bytes, available_at: datetime | None, *, trust_values: bool
    ) -> Extended:
        """Add rows to a file's series; rows that change nothing make no version.

        Raises
        ------
        FileNotReady
            If the session has no such checked file.
        InvalidInput
            One of ``services.ingest.core``, if the rows do not fit the file.
        """
        file = await self._storage.records.get(FileRow, file_id)
        if file is None or file.session_id != session_id or file.status != "ready":
            raise FileNotReady("there is no such checked file in this session", file_id=file_id)
        mine = self._storage.of_owner(file.owner)
        for _ in range(_TRIES):
            rows = await self._current(mine, file)
            known = [await _series(mine, row) for row in rows]
            facts = rows[0].quality.get("file")
            fresh = await asyncio.to_thread(
                read_rows,
                text,
                known,
                options=file.options,
                facts=facts if isinstance(facts, dict) else {},
                file_name=file.file_name,
                trust_values=trust_values,
            )
            changes = [_changes(old, new) for old, new in zip(known, fresh, strict=True)]
            n_new, n_changed = max(n for n, _ in changes), max(n for _, n in changes)
            version, n_rows = rows[0].version, max(map(len, fresh))
            first_ns = min(int(one.times_ns[0]) for one in fresh)
            first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first_ns // 1000)
            if n_new + n_changed == 0:
                return Extended(version, 0, 0, n_rows, first, tuple(rows))
            if await self._write(mine, file, version + 1, fresh, available_at or utc_now(), n_new, n_changed):
                current = tuple(await self._current(mine, file))
                return Extended(version + 1, n_new, n_changed, n_rows, first, current)
        raise RowsBusy("other rows for this file kept coming", file_id=file_id)

    async def _current(self, mine: Storage, file: FileRow) -> list[SeriesRow]:
        """Return the file's series with every batch in them; what a crash left out is put in."""
        rows = await mine.records.select(SeriesRow, {"file_id": file.id}, order="position")
        batches = await mine.records.select(RowBatchRow, {"file_id": file.id}, order="version")
        newest = batches[-1].version if batches else 0
        return [row if row.version == newest else await self._grown(mine, row, batches) for row in rows]

    async def _grown(self, mine: Storage, row: SeriesRow, batches: Sequence[RowBatchRow]) -> SeriesRow:
        missing = [batch for batch in batches if batch.version > row.version]
        series = await _series(mine, row)
        prefix, fresh = f"{row.position}.", []
        for batch in missing:
            arrays = bytes_to_arrays(await get_verified(mine.objects, batch.object_key, batch.sha256))
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            fresh.append(Series.from_arrays(own))
        grown = extended(series, fresh)
        key = keys.series_version(row.session_id, row.id, missing[-1].version)
        stored = await mine.objects.put(key, await asyncio.to_thread(arrays_to_bytes, grown.to_arrays()))
        changes: Mapping[str, object] = {
            "object_key": key,
            "sha256": stored.digest,
            "version": missing[-1].version,
            "base_key": row.base_key or row.object_key,
            "base_sha256": row.base_sha256 if row.base_key else row.sha256,
            "statistics": to_jsonable_python(grown.statistics(), inf_nan_mode="null"),
        }
        updated = await mine.records.update(SeriesRow, row.id, changes, expect={"version": row.version})
        if row.version > 1:  # whoever reads now has the one before, not one older than that
            await mine.objects.delete(keys.series_version(row.session_id, row.id, row.version - 1))
        return updated or row.changed(**changes)

    async def _write(
        self,
        mine: Storage,
        file: FileRow,
        version: int,
        fresh: Sequence[Series],
        available_at: datetime,
        n_new: int,
        n_changed: int,
    ) -> bool:
        """Claim a version for a batch; False if another batch has it."""
        arrays = {f"{k}.{name}": a for k, one in enumerate(fresh) for name, a in one.to_arrays().items()}
        content = await asyncio.to_thread(arrays_to_bytes, arrays)
        batch_id = derive("rows", file.id, str(version))
        key = f"{keys.batches(file.session_id, file.id)}/{version:06d}-{derive(content.hex())[:12]}.npz"
        stored = await mine.objects.put(key, content)
        row = RowBatchRow(
            id=batch_id,
            owner=file.owner,
            session_id=file.session_id,
            file_id=file.id,
            version=version,
            available_at=available_at,
            n_rows=len(fresh[0]),
            n_new=n_new,
            n_changed=n_changed,
            object_key=key,
            sha256=stored.digest,
        )
        if await mine.records.insert([row]):
            return True
        kept = await mine.records.get(RowBatchRow, batch_id)
        if kept is None or kept.object_key != key:
            await mine.objects.delete(key)
        return False


async def _series(mine: Storage, row: SeriesRow) -> Series:
    content = await get_verified(mine.objects, row.object_key, row.sha256)
    return await asyncio.to_thread(lambda: Series.from_arrays(bytes_to_arrays(content)))


def _changes(old: Series, new: Series) -> tuple[int, int]:
    """Return how many rows of a batch are new, and how many change a value that was there."""

    def keyed(series: Series) -> dict[tuple[int, int], float]:
        issued = series.times_ns if series.issued_ns is None else series.issued_ns
        return dict(
            zip(
                zip(series.times_ns.tolist(), issued.tolist(), strict=True),
                series.values.tolist(),
                strict=True,
            )
        )

    known = keyed(old)
    fresh = keyed(new)
    n_new = sum(1 for key in fresh if key not in known)
    differs = (key for key, value in fresh.items() if key in known and known[key] != value)
    return n_new, sum(1 for key in differs if fresh[key] == fresh[key] or known[key] == known[key])
