"""The ingest service's uploads over the ledger and the object store."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.ingest.core.chunks import intact, require_all_chunks, verified
from services.ingest.core.read import SeriesRead
from shared.contracts.base import derive
from shared.contracts.events import SeriesFacts
from shared.contracts.problems import Problem
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes
from shared.storage.connect import Storage
from shared.storage.folders import fetch_tree
from shared.storage.rows import ChunkRow, FileRow, SeriesRow


@dataclass(eq=False)
class LedgerUploads:
    """Uploaded files in the ledger, their chunks and series in the object store."""

    _storage: Storage

    async def load(self, file_id: str) -> FileRow | None:
        return await self._storage.records.get(FileRow, file_id)

    @asynccontextmanager
    async def assembled(self, upload: FileRow) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix="trainyard-upload-") as scratch:
            parts, whole = Path(scratch) / "chunks", Path(scratch) / "upload.csv"
            mine = self._storage.of_owner(upload.owner)
            received = await mine.records.select(ChunkRow, {"file_id": upload.id}, order="index")
            await fetch_tree(mine.objects, keys.chunks(upload.session_id, upload.id), parts)
            await asyncio.to_thread(assemble, parts, whole, upload, received)
            yield whole

    async def accepted(self, upload: FileRow) -> tuple[SeriesFacts, ...]:
        rows = await self._storage.of_owner(upload.owner).records.select(
            SeriesRow, {"file_id": upload.id}, order="position"
        )
        return tuple(_facts(row) for row in rows)

    async def accept(self, upload: FileRow, columns: Sequence[SeriesRead]) -> tuple[SeriesFacts, ...]:
        mine, rows = self._storage.of_owner(upload.owner), []
        for position, column in enumerate(columns):
            series_id = derive("series", upload.id, str(position))
            key = keys.series(upload.session_id, series_id)
            content = await asyncio.to_thread(arrays_to_bytes, column.series.to_arrays())
            stored = await mine.objects.put(key, content)
            rows.append(
                SeriesRow(
                    id=series_id,
                    owner=upload.owner,
                    session_id=upload.session_id,
                    file_id=upload.id,
                    position=position,
                    name=column.series.name,
                    object_key=key,
                    sha256=stored.digest,
                    statistics=_json(column.statistics),
                    quality={**_json(column.quality), "file": _json(column.file)},
                )
            )
        await mine.records.insert(rows)
        await mine.records.update(FileRow, upload.id, {"status": "ready", "problem": None})
        await mine.objects.delete(keys.chunks(upload.session_id, upload.id))
        return tuple(_facts(row) for row in rows)

    async def reject(self, upload: FileRow, problem: Problem) -> None:
        mine = self._storage.of_owner(upload.owner)
        await mine.records.update(FileRow, upload.id, {"status": "rejected", "problem": problem})
        if not problem.details.get("question"):  # an answer needs the bytes again
            await mine.objects.delete(keys.chunks(upload.session_id, upload.id))


def assemble(parts: Path, whole: Path, upload: FileRow, received: Sequence[ChunkRow]) -> None:
    """Join the chunks in order; raise if one is missing or not what was received or announced."""
    chunks = {int(path.name): path for path in parts.glob("*")}
    fingerprints = {row.index: row.fingerprint for row in received}
    require_all_chunks(chunks.keys() & fingerprints.keys(), n_chunks=upload.total_chunks)
    order = range(upload.total_chunks)
    contents = intact((chunks[n].read_bytes() for n in order), fingerprints=[fingerprints[n] for n in order])
    with whole.open("wb") as target:
        for content in verified(contents, size_bytes=upload.size_bytes, sha256=upload.sha256):
            target.write(content)


def _json(facts: object) -> dict[str, JsonValue]:
    """Return a dataclass as JSON values; what is not finite becomes null."""
    plain: dict[str, JsonValue] = to_jsonable_python(facts, inf_nan_mode="null")
    return plain


def _facts(row: SeriesRow) -> SeriesFacts:
    return SeriesFacts(series_id=row.id, name=row.name, statistics=row.statistics)
