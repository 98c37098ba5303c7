"""What clients say about files before their bytes come, and the rows this opens."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from services.gateway.context import UploadContext
from services.gateway.problems import ChunkConflict, InvalidConfiguration, NotCsv, TooLarge
from services.gateway.uploads.wire import known_as
from shared.contracts.base import derive
from shared.contracts.specs import Role
from shared.storage.records import Records
from shared.storage.rows import FileRow, SessionRow

_CSV = re.compile(r"\.(csv|txt|tsv)(\.gz)?$|\.csv$", re.IGNORECASE)
_FOLDERS = re.compile(r"[/\\]")


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


def base_name(name: str) -> str:
    """Return the last part of a file name as a browser may send it; it is shown, never used as a path.

    >>> base_name("C:\\\\data\\\\load.csv")
    'load.csv'
    """
    return _FOLDERS.split(name.strip())[-1]


async def open_file(context: UploadContext, session: SessionRow, announced: Announcement) -> FileRow:
    """Return the file's row, new for a new name or after a rejected version.

    Raises
    ------
    NotCsv, TooLarge, InvalidConfiguration
        If the file will not be read; refused before its bytes come.
    ChunkConflict
        If the announcement contradicts an upload that is under way or done.
    """
    settings = context.settings
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
    where = {"session_id": session.id, "role": announced.role, "file_name": announced.file_name}
    rows = await context.records.select(FileRow, where)
    meant = _meant([row for row in rows if row.status != "rejected"], announced.name)
    if meant is not None:
        return _same(await _described(context.records, meant, announced), announced)
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
    await context.plans.spend(session.owner, "processing", file_id)
    await context.records.insert([row])
    return _same(await context.records.get(FileRow, file_id) or row, announced)


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


async def _described(records: Records, file: FileRow, announced: Announcement) -> FileRow:
    """Take over settings that came with a later chunk than the first to arrive."""
    said = announced.settings or {}
    if len(said) < 2 or "name" in file.settings or file.status != "receiving":
        return file  # a default alone says nothing
    changed = await records.update(FileRow, file.id, {"settings": {**file.settings, **said}})
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
