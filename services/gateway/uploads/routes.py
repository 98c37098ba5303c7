"""Bytes of files: in multipart chunks, as raw bodies, or all at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from pydantic import BaseModel, Field, JsonValue, RootModel, ValidationError
from starlette.datastructures import FormData

from services.gateway.context import Session, UploadDep, Who, ensure_session
from services.gateway.datasets.configuration import load_session_data
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.access import LIMITS
from services.gateway.http.direct_body import body_of
from services.gateway.http.json_bodies import JsonRoute, parse_json
from services.gateway.http.wire import Answer, Earlier, EarlierAnswer, Maybe, remarks, spelled
from services.gateway.problems import MissingBody, MissingFile, ValidationFailed, refused_by
from services.gateway.sessions.metadata import with_metadata
from services.gateway.uploads.announcements import Announcement, open_file
from services.gateway.uploads.chunks import Received, find_upload, received, store_chunk
from services.gateway.uploads.file_routes import FileData, role_of
from services.gateway.uploads.wire import FileRecord
from shared.errors import TrainyardError
from shared.storage import keys
from shared.storage.rows import SessionRow

router = APIRouter(tags=["uploads"], route_class=JsonRoute)
M = TypeVar("M", bound=BaseModel)
PIECE = 1 << 20
_FORM = frozenset(
    ("chunk", "metadata", "additionalData", "sessionId", "uploadId", "fileName", "chunkIndex", "totalChunks",
     "fileType")
)  # fmt: skip
_WHOLE_FORM = frozenset(("file", "sessionId", "fileType", "fileMetadata", "fileHash"))
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class ChunkMetadata(FileData):
    """What comes with every chunk."""

    session_id: str = Field(validation_alias=spelled("sessionId", "uploadId", "session_id"))
    total_chunks: int = Field(ge=1, validation_alias=spelled("totalChunks", "total_chunks"))
    index: int = Field(ge=0, validation_alias=spelled("chunkIndex", "chunk_index"))
    chunk_sha256: Annotated[Sha256 | None, Maybe] = Field(
        None, validation_alias=spelled("chunkHash", "chunk_hash")
    )


class AdditionalData(Earlier):
    """What the earlier frontend sends along with a chunk."""

    record: FileRecord = Field(FileRecord(), validation_alias=spelled("fileMetadata", "file_metadata"))
    session_info: dict[str, JsonValue] = Field(
        default_factory=dict, validation_alias=spelled("sessionInfo", "session_info")
    )
    time_info: TimeInfo | None = Field(None, validation_alias=spelled("timeInfo", "time_info"))
    time_steps: TimeSteps | None = Field(None, validation_alias=spelled("zeitschritte", "timeSteps"))


class ChunkState(BaseModel):
    """A chunk as the system documents name it."""

    chunk_saved: bool = True
    chunk_index: int
    total_chunks: int
    progress: float


class InstantFile(BaseModel):
    """A file that came in one request."""

    id: str
    file_id: str = Field(serialization_alias="fileId")
    is_new: bool = Field(serialization_alias="isNew")
    storage_path: str = Field(serialization_alias="storagePath")
    message: str


class ChunkReceived(EarlierAnswer):
    """How far the upload is."""

    status: str
    message: str
    file_id: str
    file_name: str = Field(serialization_alias="fileName")
    file_status: str
    chunk_index: int | None = None
    total_chunks: int
    received: int
    missing: list[int]
    progress: float
    data: ChunkState | InstantFile | None = None


class Uploads(Answer):
    """What is still missing of each upload."""

    uploads: list[ChunkReceived]
    missing: list[int] | None = Field(description="of the only upload that was asked for")


@router.post("/upload-chunk")
async def upload_chunk(
    context: UploadDep,
    who: Who,
    request: Request,
    chunk: Annotated[UploadFile | None, File(description="the bytes; required")] = None,
    metadata: Annotated[str | None, Form(description="JSON of the fields below")] = None,
    additionalData: Annotated[str | None, Form(description="JSON")] = None,
    sessionId: Annotated[str | None, Form()] = None,
    uploadId: Annotated[str | None, Form()] = None,
    fileName: Annotated[str | None, Form()] = None,
    chunkIndex: Annotated[str | None, Form()] = None,
    totalChunks: Annotated[str | None, Form()] = None,
    fileType: Annotated[str | None, Form()] = None,
) -> ChunkReceived:
    """Take one chunk of a file, in any order; a repeat is harmless, a different repeat is a conflict."""
    fields = {
        "sessionId": sessionId or uploadId, "fileName": fileName, "chunkIndex": chunkIndex,
        "totalChunks": totalChunks, "fileType": fileType,
    }  # fmt: skip
    said: dict[str, JsonValue] = {name: value for name, value in fields.items() if value is not None}
    if chunk is None:
        raise MissingFile("the form has no part 'chunk' with the bytes")
    if metadata is None and not said:
        raise MissingBody("the form says nothing about the chunk: 'metadata' is missing")
    told = _metadata(metadata, said)
    extra = _additional(additionalData, await request.form())
    session, _ = await ensure_session(context.records, who, told.session_id)
    # Keep the session settings that came along with a chunk.
    changes: dict[str, object] = {}
    if extra.time_info:
        changes["time_info"] = extra.time_info.model_dump(mode="json")
    if extra.time_steps:
        changes["time_steps"] = extra.time_steps.model_dump(mode="json")
    if extra.session_info:
        changes["metadata"] = with_metadata(session, extra.session_info)
    if changes:
        await context.records.update(SessionRow, session.id, changes)
    if extra.record.stored() or extra.record.role:
        told = told.model_copy(update={"record": extra.record})
    role, assumed = await role_of(context.records, session, told)
    file = await open_file(context, session, as_before(told.announcement(role)))
    state = await store_chunk(
        context, file, told.index, _pieces(chunk), sha256=told.chunk_sha256, n_bytes=chunk.size or 0
    )
    return answer(state, told.index, **remarks(told, extra, warnings=assumed))


@router.put("/upload/{sid}/{file_id}/{index}")
async def put_chunk(
    sid: str,
    file_id: str,
    index: int,
    context: UploadDep,
    who: Who,
    request: Request,
    x_chunk_sha256: Annotated[Sha256 | None, Header()] = None,
) -> ChunkReceived:
    """Take one chunk of an announced file as a raw body: the fast way."""
    file = await find_upload(context.records, who, sid, file_id)
    with body_of(request, patience_s=context.settings.gateway_body_stall.total_seconds()) as body:
        state = await store_chunk(
            context,
            file,
            index,
            body,
            sha256=x_chunk_sha256,
            n_bytes=int(request.headers.get("content-length", "0")),
        )
    return answer(state, index)


@router.post("/instant-upload")
async def instant_upload(
    context: UploadDep,
    who: Who,
    request: Request,
    file: Annotated[UploadFile, File(description="a small CSV file")],
    sessionId: Annotated[str, Form()],
    fileType: Annotated[str | None, Form(description="default: what fileMetadata says, else input")] = None,
    fileMetadata: Annotated[str | None, Form(description="JSON: the file's record")] = None,
    fileHash: Annotated[str | None, Form(description="SHA-256 of the file, hex")] = None,
) -> ChunkReceived:
    """Take one small file in one request."""
    fields: dict[str, JsonValue] = {
        "sessionId": sessionId, "fileName": file.filename, "fileType": fileType, "fileHash": fileHash,
        "chunkIndex": 0, "totalChunks": 1, "fileSize": file.size,
    }  # fmt: skip
    told = _metadata(None, fields)
    beside = {
        name: value
        for name, value in (await request.form()).multi_items()
        if name not in _WHOLE_FORM and isinstance(value, str)
    }
    inside = _json(Fields, fileMetadata, "fileMetadata").root if fileMetadata else {}
    try:
        record = FileRecord.model_validate({**beside, **inside})
    except ValidationError as error:
        raise refused_by(error, ValidationFailed, within="fileMetadata") from None
    told = told.model_copy(update={"record": record})
    # Store a file that came in one request.
    session, _ = await ensure_session(context.records, who, told.session_id)
    role, assumed = await role_of(context.records, session, told)
    row = await open_file(context, session, as_before(told.announcement(role)))
    is_new = row.status == "receiving"
    state = await store_chunk(context, row, 0, _pieces(file), sha256=None, n_bytes=file.size or 0)
    kept = InstantFile(
        id=row.id,
        file_id=row.id,
        is_new=is_new,
        storage_path=keys.chunks(session.id, row.id),
        message=f"{row.file_name} is uploaded",
    )
    said = answer(state, 0, **remarks(told, warnings=assumed))
    return said.model_copy(update={"data": kept})


@router.get("/upload-status/{sid}")
async def upload_status(
    context: UploadDep, session: Session, fileName: Annotated[str | None, Query(max_length=1024)] = None
) -> Uploads:
    """Return what is still missing of each upload, so that a page reload goes on where it was."""
    session_data = await load_session_data(context.records, session)
    asked = [file for file in session_data.files.values() if fileName in (None, file.file_name)]
    uploads = [answer(await received(context, file), None) for file in asked]
    return Uploads(uploads=uploads, missing=uploads[0].missing if len(uploads) == 1 else None)


def as_before(announced: Announcement) -> Announcement:
    """Return an announcement with the earlier system's default: values between rows are interpolated."""
    return replace(announced, settings={"resample": "linear", **(announced.settings or {})})


def answer(state: Received, index: int | None, **said: list[str]) -> ChunkReceived:
    """Return how far an upload is."""
    n, name = state.file.total_chunks, state.file.file_name
    arrived = (
        ChunkState(chunk_index=index, total_chunks=n, progress=state.progress) if index is not None else None
    )
    return ChunkReceived(
        status="completed" if state.complete else "receiving",
        message=f"{name} is uploaded" if state.complete else f"{name}: {len(state.indexes)} of {n} chunks",
        file_id=state.file.id,
        file_name=name,
        file_status=state.file.status,
        chunk_index=index,
        total_chunks=n,
        received=len(state.indexes),
        missing=state.missing,
        progress=state.progress,
        data=arrived,
        **said,
    )


async def _pieces(upload: UploadFile) -> AsyncIterator[bytes]:
    while piece := await upload.read(PIECE):
        yield piece


def _metadata(text: str | None, fields: dict[str, JsonValue]) -> ChunkMetadata:
    """Return what was said about a chunk, in the JSON field or in plain form fields."""
    try:
        if text is None:
            return ChunkMetadata.model_validate(fields)
        return ChunkMetadata.model_validate(parse_json(text, LIMITS["chunk"], field="metadata"))
    except ValidationError as error:
        raise refused_by(error, ValidationFailed, within="metadata") from None


def _additional(text: str | None, form: FormData) -> AdditionalData:
    """Return what came along: in ``additionalData``, and in form fields of the same names beside it."""
    said: dict[str, Any] = {}
    if text:
        said = _json(Fields, text, "additionalData").root
    for name, value in form.multi_items():
        if name not in _FORM and isinstance(value, str):
            said.setdefault(name, _json_or_text(value))
    try:
        return AdditionalData.model_validate(said)
    except ValidationError as error:
        raise refused_by(error, ValidationFailed, within="additionalData") from None


def _json_or_text(text: str) -> Any:
    try:
        return parse_json(text, LIMITS["chunk"], field="form")
    except TrainyardError:
        return text


class Fields(RootModel[dict[str, JsonValue]]):
    """A JSON object."""


def _json(kind: type[M], text: str, field: str) -> M:
    try:
        return kind.model_validate(parse_json(text, LIMITS["chunk"], field=field))
    except ValidationError as error:
        raise refused_by(error, ValidationFailed, within=field) from None
