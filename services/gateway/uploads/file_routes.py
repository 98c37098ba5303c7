"""Files and the records of their series."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue

from services.gateway.auth.identity import Identity
from services.gateway.context import (
    ObjectsDep,
    RecordsDep,
    Session,
    UploadDep,
    Who,
    ensure_session,
    find_session,
)
from services.gateway.datasets.configuration import SessionData, load_session_data, saved_time_steps
from services.gateway.http.json_bodies import JsonRoute
from services.gateway.http.wire import (
    Answer,
    Earlier,
    EarlierAnswer,
    Maybe,
    SessionId,
    remarks,
    spelled,
)
from services.gateway.problems import FileNotFound
from services.gateway.uploads.announcements import Announcement, base_name, open_file
from services.gateway.uploads.answers import answer_question
from services.gateway.uploads.chunks import complete_if_all_received, delete_file
from services.gateway.uploads.wire import (
    ANNOUNCED,
    BOTH,
    FileRecord,
    changed_settings,
    checked_settings,
    display_names,
    known_as,
    record,
)
from shared.contracts.specs import Role
from shared.storage.records import Records, Where
from shared.storage.rows import FileRow, SeriesRow, SessionRow

router = APIRouter(tags=["files"], route_class=JsonRoute)


def records_of(session_data: SessionData, role: Role | None = None) -> list[dict[str, JsonValue]]:
    """Return one record per series, and one per file nothing is known of yet."""
    names = display_names(session_data.files, session_data.series)
    steps = saved_time_steps(session_data.session)
    found: list[dict[str, JsonValue]] = []
    for file in sorted(session_data.files.values(), key=lambda file: file.role):
        rows: list[SeriesRow | None] = [*session_data.of_file(file.id)]
        for row in rows or [None]:
            name = names[row.id] if row else stem(file)
            found.append(record(file, row, name=name, steps=steps, place=len(found)))
    return [told for told in found if role in (None, told["type"])]


def stem(file: FileRow) -> str:
    """Return a file's name without its ending."""
    return file.file_name.rsplit(".", 1)[0]


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


class Files(Answer):
    """The files of a session, and a record per series in the words of the earlier frontend."""

    files: list[dict[str, Any]] = Field(description="with the series read from each")
    data: list[dict[str, JsonValue]] = Field(description="records, also under the earlier columns' names")
    count: int = Field(description="of files")


class FileAnnounced(EarlierAnswer):
    """A file that is known now."""

    file_id: str
    status: str
    missing: list[int] = Field(description="chunks still to come")
    total_chunks: int
    data: dict[str, JsonValue] = Field(description="its record")


class RecordChanged(EarlierAnswer):
    """A record as it is now."""

    data: dict[str, JsonValue]


class FileDeleted(Answer):
    """A file that is gone."""

    deleted: str
    message: str


@router.get("/csv-files/{sid}")
async def list_files(
    records: RecordsDep, session: Session, type: Annotated[Literal["input", "output"] | None, Query()] = None
) -> Files:
    """Return the session's files with their series, and as records of one series each."""
    session_data = await load_session_data(records, session)
    return Files(
        files=files_of(session_data, type), data=records_of(session_data, type), count=len(session_data.files)
    )


class FileData(Earlier):
    """A file to come, as far as somebody says something about it."""

    file_name: str = Field(max_length=1024, validation_alias=spelled("fileName", "file_name"))
    role: Annotated[Role | Literal["both"] | None, Maybe] = Field(
        None,
        validation_alias=spelled("type", "fileType", "role"),
        description="both: one file is input and output and is sent once",
    )
    total_chunks: int = Field(1, ge=1, validation_alias=spelled("totalChunks", "total_chunks"))
    size_bytes: int | None = Field(None, ge=0, validation_alias=spelled("fileSize", "sizeBytes"))
    sha256: Annotated[Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None, Maybe] = Field(
        None, validation_alias=spelled("fileHash", "sha256")
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="how to read it: timezone, time_columns, delimiter, ..."
    )
    record: FileRecord = Field(FileRecord(), validation_alias=spelled("record", "fileMetadata", "settings"))

    def announcement(self, role: Role) -> Announcement:
        """Return what is announced."""
        return Announcement(
            file_name=base_name(self.file_name),
            role=role,
            total_chunks=self.total_chunks,
            size_bytes=self.size_bytes,
            sha256=self.sha256.lower() if self.sha256 else None,
            options=self.options,
            settings={
                **checked_settings(self.record.stored(), role),
                **({BOTH: True} if self.role == "both" else {}),
            },
        )


class CreateFile(FileData):
    """A file to come, announced before its chunks; the earlier frontend says it in a ``fileData``."""

    session_id: SessionId = Field(validation_alias=spelled("sessionId", "session_id"))

    @classmethod
    def translated(cls, value: Any) -> Any:
        told = value.get("fileData") if isinstance(value, dict) else None
        if not isinstance(told, dict):
            return value
        own = {k: told[k] for k in ("fileName", "file_name", "type", "fileHash", "fileSize") if k in told}
        return {**own, "record": told, **{k: v for k, v in value.items() if k != "fileData"}}


async def role_of(records: Records, session: SessionRow, told: FileData) -> tuple[Role, list[str]]:
    """Return the role of a file and what is assumed: it is said beside it, in its record, or not at all."""
    if told.role == "both":
        return "input", []
    if told.role and told.record.role and told.role != told.record.role:
        return told.role, [f"fileMetadata.type says {told.record.role}; fileType counts: {told.role}"]
    if role := told.role or told.record.role:
        return role, []
    where: Where = {
        "session_id": session.id, "file_name": base_name(told.file_name), "status": "receiving",
    }  # fmt: skip
    coming = await records.select(FileRow, where)
    if coming:  # a later chunk of a file whose first one said it
        return coming[-1].role, []
    return "input", ["type: not said, neither as fileType nor in fileMetadata; the file is taken as an input"]


@router.post("/csv-files", status_code=201)
async def create_file(body: CreateFile, context: UploadDep, who: Who) -> FileAnnounced:
    """Announce a file; its chunks follow by ``PUT /upload/{sid}/{file_id}/{index}``.

    Announced again, it goes on where it was; if its chunks are all there, it is announced to the others.
    """
    session, _ = await ensure_session(context.records, who, body.session_id)
    role, assumed = await role_of(context.records, session, body)
    state = await complete_if_all_received(
        context, await open_file(context, session, body.announcement(role))
    )
    file = state.file
    told = record(file, None, name=stem(file))
    return FileAnnounced(
        file_id=file.id, status=file.status, missing=state.missing, total_chunks=file.total_chunks,
        data={**told, "message": f"{file.file_name} is announced"}, **remarks(body, warnings=assumed),
    )  # fmt: skip


class FileAnswer(Earlier):
    """What the user says to the question about a file."""

    options: dict[str, JsonValue] = Field(
        description="the candidate that holds, by its option: decimal, key_columns, doubled, day_first, ..."
    )


@router.post("/csv-files/{file_id}/answer", status_code=201)
async def answer_file(file_id: str, body: FileAnswer, context: UploadDep, who: Who) -> FileAnnounced:
    """Read a file again with the answer to the question it was rejected with; its bytes are here still."""
    file, _ = await find_file(context.records, who, file_id)
    session = await find_session(context.records, who, file.session_id)
    state = await answer_question(context, session, file, body.options)
    told = record(state.file, None, name=stem(state.file))
    return FileAnnounced(
        file_id=state.file.id, status=state.file.status, missing=state.missing,
        total_chunks=state.file.total_chunks,
        data={**told, "message": f"{file.file_name} is read again"}, **remarks(body),
    )  # fmt: skip


@router.put("/csv-files/{file_id}")
async def update_file(file_id: str, body: FileRecord, records: RecordsDep, who: Who) -> RecordChanged:
    """Change the settings of a record; its bytes stay. What comes as the record shows it changes nothing."""
    file, series = await find_file(records, who, file_id)
    session = await find_session(records, who, file.session_id)
    shown = _record_of(await load_session_data(records, session), file, series)
    said = changed_settings(body, shown)
    if series is not None:
        kept = checked_settings({**series.settings, **said}, file.role)
        series = await records.update(SeriesRow, series.id, {"settings": kept}) or series
    else:
        checked_settings({**file.settings, **said}, file.role)
        kept = {ANNOUNCED: known_as(file)[2], **file.settings, **said}
        file = await records.update(FileRow, file.id, {"settings": kept}) or file
    told = _record_of(await load_session_data(records, session), file, series)
    return RecordChanged(data=told, **remarks(body))


def _record_of(session_data: SessionData, file: FileRow, series: SeriesRow | None) -> dict[str, JsonValue]:
    """Return the record of one series, or of a file nothing is known of yet, as the list of files has it."""
    wanted = series.id if series else file.id
    known = {told["id"]: told for told in records_of(session_data)}
    return known.get(wanted) or record(file, series, name=stem(file))


@router.delete("/csv-files/{file_id}")
async def remove_file(file_id: str, records: RecordsDep, objects: ObjectsDep, who: Who) -> FileDeleted:
    """Delete a file, or one series of a file with several columns."""
    file, series = await find_file(records, who, file_id)
    siblings = await records.count(SeriesRow, {"file_id": file.id})
    if series is not None and siblings > 1:
        await objects.delete(series.object_key)
        await records.delete(SeriesRow, {"id": series.id})
    else:
        session = await find_session(records, who, file.session_id)
        await delete_file(records, objects, session, file)
    return FileDeleted(deleted=file_id, message=f"{file.file_name} is deleted")


async def find_file(records: Records, who: Identity, text: str) -> tuple[FileRow, SeriesRow | None]:
    """Return the file of a file's or series' id, and the series if it was one; only the caller's own."""
    series = await records.get(SeriesRow, text)
    file = await records.get(FileRow, series.file_id if series else text)
    if file is None or file.owner != who.user_id or who.session_id not in (None, file.session_id):
        raise FileNotFound("there is no such file", file_id=text[:64])
    return file, series
