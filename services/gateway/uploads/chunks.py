"""Chunks on their way into the store: any order, any number at once, repeats harmless."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import JsonValue

from services.gateway.auth.identity import Identity
from services.gateway.context import Gateway, find_session, own_ids
from services.gateway.problems import ChunkConflict, FileNotFound, InvalidConfiguration, NotCsv, TooLarge
from services.gateway.uploads.wire import known_as
from shared.contracts.base import derive
from shared.contracts.events import UploadCompleted
from shared.contracts.specs import Role
from shared.errors import InvalidInput
from shared.fingerprint import Fingerprint, differ
from shared.storage import keys
from shared.storage.objects import Content, Source, read_turn, read_whole
from shared.storage.rows import ChunkRow, FileRow, SeriesRow, SessionRow

_CSV = re.compile(r"\.(csv|txt|tsv)(\.gz)?$|\.csv$", re.IGNORECASE)
_FOLDERS = re.compile(r"[/\\]")

# Within one process a chunk is written by one request at a time. Between replicas the first row holds,
# and the hash of the whole file tells ingest if the bytes of a conflicting repeat came last.
_one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class ChunkDamaged(InvalidInput):
    """The bytes of a chunk are not what was announced."""

    code = "CHUNK_DAMAGED"
    advice = ("Send the chunk again.",)


class ChunkDigest:
    """The fingerprint of a chunk, and whether its SHA-256 is the announced one, if one was."""

    def __init__(self, *, announced: str | None) -> None:
        self._announced = announced
        self._sha256 = hashlib.sha256()
        self._fingerprint = Fingerprint()

    def update(self, content: bytes | memoryview) -> None:
        """Take more bytes in."""
        self._fingerprint.update(content)
        if self._announced:
            self._sha256.update(content)

    def hexdigest(self) -> str:
        """Return the fingerprint of all bytes so far."""
        return self._fingerprint.hexdigest()

    @property
    def as_announced(self) -> bool:
        """Whether the bytes are what was announced, as far as anything was."""
        return not self._announced or self._sha256.hexdigest() == self._announced.lower()


@dataclass(frozen=True)
class Announcement:
    """What a client says about a file before its bytes are read."""

    file_name: str
    role: Role
    total_chunks: int
    size_bytes: int | None = None
    sha256: str | None = None
    options: dict[str, JsonValue] | None = None
    settings: dict[str, JsonValue] | None = None

    @property
    def name(self) -> str:
        """The display name; files of one name and role are told apart by it."""
        return str((self.settings or {}).get("name") or "")


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


def base_name(name: str) -> str:
    """Return the last part of a file name as a browser may send it; it is shown, never used as a path.

    >>> base_name("C:\\\\data\\\\load.csv")
    'load.csv'
    """
    return _FOLDERS.split(name.strip())[-1]


def check_announcement(gateway: Gateway, announced: Announcement) -> None:
    """Refuse what will not be read, before its bytes come.

    Raises
    ------
    NotCsv, TooLarge, InvalidConfiguration
    """
    settings = gateway.settings
    if not _CSV.search(announced.file_name) or len(announced.file_name) > 255:
        raise NotCsv(f"{announced.file_name[:80]!r} is no CSV file", field="fileName")
    if announced.size_bytes is not None and announced.size_bytes > settings.gateway_max_file_bytes:
        limit = settings.gateway_max_file_bytes
        raise TooLarge(
            f"the file has {announced.size_bytes:,} bytes; accepted are {limit:,}",
            field="fileSize",
            limit_bytes=limit,
        )
    if not 1 <= announced.total_chunks <= settings.gateway_max_total_chunks:
        raise InvalidConfiguration(
            f"totalChunks is {announced.total_chunks}; needed is 1 to {settings.gateway_max_total_chunks}",
            field="totalChunks",
        )


async def open_file(gateway: Gateway, session: SessionRow, announced: Announcement) -> FileRow:
    """Return the file's row, new for a new name or after a rejected version.

    Raises
    ------
    ChunkConflict
        If the announcement contradicts an upload that is under way or done.
    """
    check_announcement(gateway, announced)
    where = {"session_id": session.id, "role": announced.role, "file_name": announced.file_name}
    rows = await gateway.records.select(FileRow, where)
    meant = _meant([row for row in rows if row.status != "rejected"], announced.name)
    if meant is not None:
        return _same(await _described(gateway, meant, announced), announced)
    # From the rows as they were seen: two first chunks at once get the same number, and the same id.
    generation = _next_generation(session, announced, rows)
    told_apart = (announced.name,) if announced.name else ()
    file_id = derive("file", session.id, announced.role, announced.file_name, *told_apart, str(generation))
    row = FileRow(
        id=file_id,
        owner=session.owner,
        session_id=session.id,
        role=announced.role,
        file_name=announced.file_name,
        generation=generation,
        total_chunks=announced.total_chunks,
        size_bytes=announced.size_bytes,
        sha256=announced.sha256,
        settings=announced.settings or {},
        options=announced.options or {},
    )
    await gateway.plans.spend(session.owner, "processing", file_id)
    await gateway.records.insert([row])
    return _same(await gateway.records.get(FileRow, file_id) or row, announced)


def _meant(versions: list[FileRow], name: str) -> FileRow | None:
    """Return the file an announcement means: of its display name, or where one side has none, the nearest.

    Chunks may come without the record their first one brought, and before it.
    """
    newest = sorted(versions, key=lambda row: (row.status == "receiving", row.generation), reverse=True)
    if not name:
        return newest[0] if newest else None
    own = [row for row in newest if known_as(row)[2] == name]
    nameless = [row for row in newest if not known_as(row)[2]]
    return next(iter([*own, *nameless]), None)


async def _described(gateway: Gateway, file: FileRow, announced: Announcement) -> FileRow:
    """Take over settings that came with a later chunk than the first to arrive."""
    said = announced.settings or {}
    if len(said) < 2 or "name" in file.settings or file.status != "receiving":
        return file  # a default alone says nothing
    changed = await gateway.records.update(FileRow, file.id, {"settings": {**file.settings, **said}})
    return changed or file


def _next_generation(session: SessionRow, announced: Announcement, rows: list[FileRow]) -> int:
    """Return a number no version of this file had, deleted ones included: events are said once per id."""
    versions = [row.generation for row in rows if known_as(row)[2] == announced.name]
    deleted = session.metadata.get(generation_key(announced.role, announced.file_name, announced.name), -1)
    return max([*versions, deleted if isinstance(deleted, int) else -1]) + 1


def generation_key(role: str, file_name: str, name: str) -> str:
    """Return where a session remembers the last deleted version of a file."""
    return f"deleted:{role}:{file_name}" + (f":{name}" if name else "")


def _same(row: FileRow, announced: Announcement) -> FileRow:
    if row.total_chunks != announced.total_chunks or (
        announced.sha256 and row.sha256 and announced.sha256 != row.sha256
    ):
        raise ChunkConflict(
            f"{row.file_name} is already uploaded in this role, and differs",
            file_id=row.id,
            field="totalChunks" if row.total_chunks != announced.total_chunks else "fileHash",
        )
    return row


async def find_file(gateway: Gateway, session: SessionRow, file_id: str) -> FileRow:
    """Return a file of the session."""
    row = await gateway.records.get(FileRow, file_id)
    if row is None or row.session_id != session.id:
        raise FileNotFound("the session has no such file", file_id=file_id[:64])
    return row


async def find_upload(gateway: Gateway, who: Identity, sid: str, file_id: str) -> FileRow:
    """Return a file of the session that a path names; its own row names session and owner, too."""
    row = await gateway.records.get(FileRow, file_id)
    if row is not None and row.owner == who.user_id and row.session_id in own_ids(who, sid):
        return row
    return await find_file(gateway, await find_session(gateway, who, sid), file_id)


async def store_chunk(
    gateway: Gateway,
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
        known = await gateway.records.get(ChunkRow, row_id)
        if known or file.status != "receiving":
            await _compare(known, index, content)
        else:
            await gateway.quota.require_room(gateway.records, gateway.settings, file, n_bytes)
            await _store(gateway, file, index, row_id, content, sha256)
    return await settle(gateway, file)


async def _store(
    gateway: Gateway, file: FileRow, index: int, row_id: str, content: Content, sha256: str | None
) -> None:
    key, digest = keys.chunk(file.session_id, file.id, index), ChunkDigest(announced=sha256)
    # Not durable yet: all chunks are, before the upload is complete.
    stored = await gateway.objects.put(key, content, durable=False, digest=digest)
    if not digest.as_announced:
        await gateway.objects.delete(key)
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
    if await gateway.records.insert([row]):
        gateway.arrivals.note(row)
    else:
        known = await gateway.records.get(ChunkRow, row_id)  # another replica was faster
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


async def received(gateway: Gateway, file: FileRow) -> Received:
    """Return which chunks of a file have arrived."""
    sizes = await gateway.arrivals.of(gateway.records, file.id)
    return Received(file, frozenset(sizes), sum(sizes.values()))


async def settle(gateway: Gateway, file: FileRow) -> Received:
    """Announce the upload if its last chunk is there; saying so again is harmless."""
    state = await received(gateway, file)
    limit = min(gateway.settings.gateway_max_file_bytes, file.size_bytes or 1 << 62)
    if state.size_bytes > limit:
        error = TooLarge(f"the file has more than {limit:,} bytes", field="chunk", limit_bytes=limit)
        await gateway.records.update(FileRow, file.id, {"status": "rejected", "problem": error.problem()})
        await gateway.objects.delete(keys.chunks(file.session_id, file.id))
        raise error
    if not state.complete or file.status in ("ready", "rejected"):
        return state
    await gateway.objects.sync(keys.chunks(file.session_id, file.id))
    changed = await gateway.records.update(
        FileRow,
        file.id,
        {"status": "uploaded", "size_bytes": state.size_bytes},
        expect={"status": "receiving"},
    )
    await gateway.post.publish(UploadCompleted.first(session_id=file.session_id, file_id=file.id))
    return Received(changed or file, state.indexes, state.size_bytes)


async def delete_file(gateway: Gateway, session: SessionRow, file: FileRow) -> None:
    """Remove a file: rows, bytes, and the series read from it."""
    memory = {**session.metadata, generation_key(*known_as(file)): file.generation}
    await gateway.records.update(SessionRow, session.id, {"metadata": memory})
    series = await gateway.records.select(SeriesRow, {"file_id": file.id})
    for row in series:
        await gateway.objects.delete(row.object_key)
    await gateway.objects.delete(keys.chunks(session.id, file.id))
    await gateway.records.delete(SeriesRow, {"file_id": file.id})
    await gateway.records.delete(ChunkRow, {"file_id": file.id})
    await gateway.records.delete(FileRow, {"id": file.id})
