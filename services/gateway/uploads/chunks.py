"""Chunks on their way into the store: any order, any number at once, repeats harmless."""

import asyncio
import hashlib
from collections.abc import AsyncIterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from services.gateway.auth.identity import Identity
from services.gateway.context import UploadContext, find_session, own_ids
from services.gateway.problems import ChunkConflict, FileNotFound, InvalidConfiguration, TooLarge
from services.gateway.uploads.announcements import generation_key
from services.gateway.uploads.wire import known_as
from shared.contracts.base import derive
from shared.contracts.events import UploadCompleted
from shared.errors import InvalidInput
from shared.fingerprint import Fingerprint, differ
from shared.storage import keys
from shared.storage.objects import Content, Digest, Objects, Source, read_turn, read_whole
from shared.storage.records import Records
from shared.storage.rows import ChunkRow, FileRow, SeriesRow, SessionRow

# Within one process a chunk is written by one request at a time. Between replicas the first row holds,
# and the hash of the whole file tells ingest if the bytes of a conflicting repeat came last.
_one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class ChunkDamaged(InvalidInput):
    """The bytes of a chunk are not what was announced."""

    code = "CHUNK_DAMAGED"
    advice = ("Send the chunk again.",)


@dataclass(eq=False)
class ChunkDigest:
    """The fingerprint of a chunk, and whether its SHA-256 is the announced one, if one was."""

    _: KW_ONLY
    announced: str | None
    _sha256: Digest = field(default_factory=hashlib.sha256)
    _fingerprint: Fingerprint = field(default_factory=Fingerprint)

    def update(self, content: bytes | memoryview) -> None:
        """Take more bytes in."""
        self._fingerprint.update(content)
        if self.announced:
            self._sha256.update(content)

    def hexdigest(self) -> str:
        """Return the fingerprint of all bytes so far."""
        return self._fingerprint.hexdigest()

    @property
    def as_announced(self) -> bool:
        """Whether the bytes are what was announced, as far as anything was."""
        return not self.announced or self._sha256.hexdigest() == self.announced.lower()


@dataclass(frozen=True)
class Received:
    """How far an upload is."""

    file: FileRow
    indexes: frozenset[int]
    size_bytes: int = 0

    @property
    def missing(self) -> list[int]:
        """The chunks still to come."""
        if self.complete:
            return []
        return [index for index in range(self.file.total_chunks) if index not in self.indexes]

    @property
    def complete(self) -> bool:
        """Whether every byte has arrived; what is announced as completed is on the disk, too."""
        return self.file.status != "receiving" or len(self.indexes) >= self.file.total_chunks

    @property
    def progress(self) -> float:
        """Quota of the chunks that have arrived, in percent."""
        return 100.0 if self.complete else round(100 * len(self.indexes) / self.file.total_chunks, 1)


async def find_file(records: Records, session: SessionRow, file_id: str) -> FileRow:
    """Return a file of the session."""
    row = await records.get(FileRow, file_id)
    if row is None or row.session_id != session.id:
        raise FileNotFound("the session has no such file", file_id=file_id[:64])
    return row


async def find_upload(records: Records, who: Identity, sid: str, file_id: str) -> FileRow:
    """Return a file of the session that a path names; its own row names session and owner, too."""
    row = await records.get(FileRow, file_id)
    if row is not None and row.owner == who.user_id and row.session_id in own_ids(who, sid):
        return row
    return await find_file(records, await find_session(records, who, sid), file_id)


async def store_chunk(
    context: UploadContext,
    file: FileRow,
    index: int,
    content: Content,
    *,
    sha256: str | None,
    n_bytes: int = 0,
) -> Received:
    """Store one chunk and tell what is still missing; the last one announces the upload.

    Raises
    ------
    ChunkConflict
        If the same chunk came before with other bytes.
    ChunkDamaged
        If the bytes do not have the announced hash.
    StorageFull, QuotaExceeded
        If ``n_bytes`` more have no room; nothing of them is stored.
    """
    if not 0 <= index < file.total_chunks:
        raise InvalidConfiguration(
            f"chunkIndex is {index}; this file has chunks 0 to {file.total_chunks - 1}", field="chunkIndex"
        )
    row_id = derive("chunk", file.id, str(index))
    async with _one_at_a_time.setdefault(row_id, asyncio.Lock()):
        known = await context.records.get(ChunkRow, row_id)
        if known or file.status != "receiving":
            await _compare(known, index, content)
        else:
            await context.room.require(file.owner, file.session_id, n_bytes)
            await _store(context, file, index, row_id, content, sha256)
    return await complete_if_all_received(context, file)


async def _store(
    context: UploadContext, file: FileRow, index: int, row_id: str, content: Content, sha256: str | None
) -> None:
    key, digest = keys.chunk(file.session_id, file.id, index), ChunkDigest(announced=sha256)
    # Not durable yet: all chunks are, before the upload is complete.
    stored = await context.objects.put(key, content, durable=False, digest=digest)
    if not digest.as_announced:
        await context.objects.delete(key)
        raise ChunkDamaged(f"chunk {index} has other bytes than its hash says", chunk_index=index)
    row = ChunkRow(
        id=row_id,
        owner=file.owner,
        session_id=file.session_id,
        file_id=file.id,
        index=index,
        size_bytes=stored.size_bytes,
        fingerprint=stored.digest,
    )
    if await context.records.insert([row]):
        context.received.note(row)
    else:
        known = await context.records.get(ChunkRow, row_id)  # another replica was faster
        if known and differ(known.fingerprint, stored.digest):
            raise _conflict(index)


async def _compare(known: ChunkRow | None, index: int, content: Content) -> None:
    """Read a repeated chunk and refuse it if it is another one."""
    digest = Fingerprint()
    match content:
        case Source():
            await read_whole(content, lambda: read_turn(content, digest.update) or None)
        case AsyncIterable():
            async for piece in content:
                digest.update(piece)
        case bytes():
            digest.update(content)
        case Path():
            digest.update(await asyncio.to_thread(content.read_bytes))
    if known and differ(known.fingerprint, digest.hexdigest()):
        raise _conflict(index)


def _conflict(index: int) -> ChunkConflict:
    return ChunkConflict(f"chunk {index} came twice with different bytes", chunk_index=index)


async def received(context: UploadContext, file: FileRow) -> Received:
    """Return which chunks of a file have arrived."""
    sizes = await context.received.of(context.records, file.id)
    return Received(file, frozenset(sizes), sum(sizes.values()))


async def complete_if_all_received(context: UploadContext, file: FileRow) -> Received:
    """Announce the upload if its last chunk is there; saying so again is harmless."""
    state = await received(context, file)
    limit = min(context.settings.gateway_max_file_bytes, file.size_bytes or 1 << 62)
    if state.size_bytes > limit:
        error = TooLarge(f"the file has more than {limit:,} bytes", field="chunk", limit_bytes=limit)
        await context.records.update(FileRow, file.id, {"status": "rejected", "problem": error.problem()})
        await context.objects.delete(keys.chunks(file.session_id, file.id))
        raise error
    if not state.complete or file.status in ("ready", "rejected"):
        return state
    await context.objects.sync(keys.chunks(file.session_id, file.id))
    changed = await context.records.update(
        FileRow,
        file.id,
        {"status": "uploaded", "size_bytes": state.size_bytes},
        expect={"status": "receiving"},
    )
    await context.post.publish(UploadCompleted.first(session_id=file.session_id, file_id=file.id))
    return Received(changed or file, state.indexes, state.size_bytes)


async def delete_file(records: Records, objects: Objects, session: SessionRow, file: FileRow) -> None:
    """Remove a file: rows, bytes, and the series read from it."""
    memory = {**session.metadata, generation_key(*known_as(file)): file.generation}
    await records.update(SessionRow, session.id, {"metadata": memory})
    series = await records.select(SeriesRow, {"file_id": file.id})
    for row in series:
        await objects.delete(row.object_key)
    await objects.delete(keys.chunks(session.id, file.id))
    await records.delete(SeriesRow, {"file_id": file.id})
    await records.delete(ChunkRow, {"file_id": file.id})
    await records.delete(FileRow, {"id": file.id})
