"""Files and the records of their series."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue

from services.gateway.auth.identity import Identity
from services.gateway.context import Gateway, Here, Session, Who, ensure_session, find_session
from services.gateway.datasets.configuration import Workbench, saved_time_steps, workbench
from services.gateway.http.wire import Answer, SessionId, Wire, spelled
from services.gateway.problems import FileNotFound
from services.gateway.uploads.chunks import Announcement, base_name, delete_file, open_file, settle
from services.gateway.uploads.wire import FileRecord, display_names, record
from shared.contracts.specs import Role
from shared.storage.rows import FileRow, SeriesRow

router = APIRouter(tags=["files"])


def records_of(bench: Workbench, role: Role | None = None) -> list[dict[str, JsonValue]]:
    """Return one record per series, and one per file nothing is known of yet."""
    names = display_names(bench.files, bench.series)
    steps = saved_time_steps(bench.session)
    found: list[dict[str, JsonValue]] = []
    for file in bench.files.values():
        if role not in (None, file.role):
            continue
        n_steps = steps.input if file.role == "input" else steps.output
        stem = file.file_name.rsplit(".", 1)[0]
        series = bench.of_file(file.id)
        found += [record(file, row, name=names[row.id], n_steps=n_steps) for row in series]
        found += [] if series else [record(file, None, name=stem, n_steps=n_steps)]
    return found


def files_of(bench: Workbench, role: Role | None = None) -> list[dict[str, Any]]:
    """Return every file with the series read from it."""
    names = display_names(bench.files, bench.series)
    return [
        {
            "id": file.id,
            "fileName": file.file_name,
            "type": file.role,
            "status": file.status,
            "totalChunks": file.total_chunks,
            "sizeBytes": file.size_bytes,
            "problem": file.problem.model_dump(mode="json") if file.problem else None,
            "series": [
                {
                    "seriesId": row.id,
                    "name": names[row.id],
                    "column": row.name,
                    "statistics": row.statistics,
                    "quality": row.quality,
                }
                for row in bench.of_file(file.id)
            ],
        }
        for file in bench.files.values()
        if role in (None, file.role)
    ]


@router.get("/csv-files/{sid}")
async def list_files(
    here: Here, session: Session, type: Annotated[Literal["input", "output"] | None, Query()] = None
) -> Answer:
    """Return the session's files with their series, and as records of one series each."""
    bench = await workbench(here, session)
    return Answer(files=files_of(bench, type), data=records_of(bench, type), count=len(bench.files))


class CreateFile(Wire):
    """A file to come, announced before its chunks."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))
    file_name: str = Field(max_length=1024, validation_alias=spelled("fileName", "file_name"))
    role: Role = Field(validation_alias=spelled("type", "fileType", "role"))
    total_chunks: int = Field(1, ge=1, validation_alias=spelled("totalChunks", "total_chunks"))
    size_bytes: int | None = Field(None, ge=0, validation_alias=spelled("fileSize", "sizeBytes"))
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = Field(
        None, validation_alias=spelled("fileHash", "sha256")
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="how to read it: timezone, time_columns, delimiter, ..."
    )
    record: FileRecord = Field(FileRecord(), validation_alias=spelled("record", "fileMetadata", "settings"))


@router.post("/csv-files", status_code=201)
async def create_file(body: CreateFile, here: Here, who: Who) -> Answer:
    """Announce a file; its chunks follow by ``PUT /upload/{sid}/{file_id}/{index}``.

    Announced again, it goes on where it was; if its chunks are all there, it is announced to the others.
    """
    session, _ = await ensure_session(here, who, body.session_id)
    state = await settle(here, await open_file(here, session, announcement(body)))
    file = state.file
    return Answer(
        file_id=file.id, status=file.status, missing=state.missing, total_chunks=file.total_chunks,
        data=record(file, None, name=file.file_name.rsplit(".", 1)[0]),
    )  # fmt: skip


def announcement(body: CreateFile) -> Announcement:
    """Return what a body announces."""
    return Announcement(
        file_name=base_name(body.file_name),
        role=body.role,
        total_chunks=body.total_chunks,
        size_bytes=body.size_bytes,
        sha256=body.sha256.lower() if body.sha256 else None,
        options=body.options,
        settings=body.record.stored(),
    )


@router.put("/csv-files/{file_id}")
async def update_file(file_id: str, body: FileRecord, here: Here, who: Who) -> Answer:
    """Change the settings of a record; its bytes stay."""
    file, series = await _find(here, who, file_id)
    if series is not None:
        said = {**series.settings, **body.stored()}
        series = await here.records.update(SeriesRow, series.id, {"settings": said}) or series
    else:
        said = {**file.settings, **body.stored()}
        file = await here.records.update(FileRow, file.id, {"settings": said}) or file
    name = series.name if series else file.file_name.rsplit(".", 1)[0]
    return Answer(data=record(file, series, name=name))


@router.delete("/csv-files/{file_id}")
async def remove_file(file_id: str, here: Here, who: Who) -> Answer:
    """Delete a file, or one series of a file with several columns."""
    file, series = await _find(here, who, file_id)
    siblings = await here.records.count(SeriesRow, {"file_id": file.id})
    if series is not None and siblings > 1:
        await here.objects.delete(series.object_key)
        await here.records.delete(SeriesRow, {"id": series.id})
    else:
        session = await find_session(here, who, file.session_id)
        await delete_file(here, session, file)
    return Answer(deleted=file_id)


async def _find(here: Gateway, who: Identity, text: str) -> tuple[FileRow, SeriesRow | None]:
    """Return the file of a file's or series' id, and the series if it was one; only the caller's own."""
    series = await here.records.get(SeriesRow, text)
    file = await here.records.get(FileRow, series.file_id if series else text)
    if file is None or file.owner != who.user_id or who.session_id not in (None, file.session_id):
        raise FileNotFound("there is no such file", file_id=text[:64])
    return file, series
