"""Files and the records of their series."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue

from services.gateway.auth.identity import Identity
from services.gateway.context import Gateway, Here, Session, Who, ensure_session, find_session
from services.gateway.datasets.configuration import SessionData, load_session_data, saved_time_steps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import Answer, SessionId, Wire, spelled
from services.gateway.problems import FileNotFound
from services.gateway.uploads.chunks import Announcement, base_name, delete_file, open_file, settle
from services.gateway.uploads.wire import FileRecord, display_names, record
from shared.contracts.specs import Role
from shared.storage.rows import FileRow, SeriesRow

router = APIRouter(tags=["files"], route_class=JsonRoute)


def records_of(session_data: SessionData, role: Role | None = None) -> list[dict[str, JsonValue]]:
    """Return one record per series, and one per file nothing is known of yet."""
    names = display_names(session_data.files, session_data.series)
    steps = saved_time_steps(session_data.session)
    found: list[dict[str, JsonValue]] = []
    for file in session_data.files.values():
        if role not in (None, file.role):
            continue
        n_steps = steps.input if file.role == "input" else steps.output
        stem = file.file_name.rsplit(".", 1)[0]
        series = session_data.of_file(file.id)
        found += [record(file, row, name=names[row.id], n_steps=n_steps) for row in series]
        found += [] if series else [record(file, None, name=stem, n_steps=n_steps)]
    return found


def files_of(session_data: SessionData, role: Role | None = None) -> list[dict[str, Any]]:
    """Return every file with the series read from it."""
    names = display_names(session_data.files, session_data.series)
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
                for row in session_data.of_file(file.id)
            ],
        }
        for file in session_data.files.values()
        if role in (None, file.role)
    ]


@router.get("/csv-files/{sid}")
async def list_files(
    gateway: Here, session: Session, type: Annotated[Literal["input", "output"] | None, Query()] = None
) -> Answer:
    """Return the session's files with their series, and as records of one series each."""
    session_data = await load_session_data(gateway, session)
    return Answer(
        files=files_of(session_data, type), data=records_of(session_data, type), count=len(session_data.files)
    )


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
async def create_file(body: CreateFile, gateway: Here, who: Who) -> Answer:
    """Announce a file; its chunks follow by ``PUT /upload/{sid}/{file_id}/{index}``.

    Announced again, it goes on where it was; if its chunks are all there, it is announced to the others.
    """
    session, _ = await ensure_session(gateway, who, body.session_id)
    state = await settle(gateway, await open_file(gateway, session, announcement(body)))
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
async def update_file(file_id: str, body: FileRecord, gateway: Here, who: Who) -> Answer:
    """Change the settings of a record; its bytes stay."""
    file, series = await _find(gateway, who, file_id)
    if series is not None:
        said = {**series.settings, **body.stored()}
        series = await gateway.records.update(SeriesRow, series.id, {"settings": said}) or series
    else:
        said = {**file.settings, **body.stored()}
        file = await gateway.records.update(FileRow, file.id, {"settings": said}) or file
    name = series.name if series else file.file_name.rsplit(".", 1)[0]
    return Answer(data=record(file, series, name=name))


@router.delete("/csv-files/{file_id}")
async def remove_file(file_id: str, gateway: Here, who: Who) -> Answer:
    """Delete a file, or one series of a file with several columns."""
    file, series = await _find(gateway, who, file_id)
    siblings = await gateway.records.count(SeriesRow, {"file_id": file.id})
    if series is not None and siblings > 1:
        await gateway.objects.delete(series.object_key)
        await gateway.records.delete(SeriesRow, {"id": series.id})
    else:
        session = await find_session(gateway, who, file.session_id)
        await delete_file(gateway, session, file)
    return Answer(deleted=file_id)


async def _find(gateway: Gateway, who: Identity, text: str) -> tuple[FileRow, SeriesRow | None]:
    """Return the file of a file's or series' id, and the series if it was one; only the caller's own."""
    series = await gateway.records.get(SeriesRow, text)
    file = await gateway.records.get(FileRow, series.file_id if series else text)
    if file is None or file.owner != who.user_id or who.session_id not in (None, file.session_id):
        raise FileNotFound("there is no such file", file_id=text[:64])
    return file, series
