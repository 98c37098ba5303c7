"""Bytes of files: in multipart chunks, as raw bodies, or all at once."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from pydantic import Field, JsonValue, ValidationError

from services.gateway.context import Gateway, Here, Session, Who, ensure_session
from services.gateway.datasets.configuration import load_session_data
from services.gateway.datasets.wire import TimeInfo, TimeSteps
from services.gateway.http.access import LIMITS
from services.gateway.http.direct_body import body_of
from services.gateway.http.json_bodies import JsonRoute, parse_json
from services.gateway.http.wire import Answer, Wire, spelled
from services.gateway.problems import ValidationFailed, refused_by
from services.gateway.uploads.chunks import Received, find_upload, open_file, received, store_chunk
from services.gateway.uploads.file_routes import CreateFile, announcement
from services.gateway.uploads.wire import FileRecord
from shared.storage.rows import SessionRow

router = APIRouter(tags=["uploads"], route_class=JsonRoute)
PIECE = 1 << 20
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class ChunkMetadata(CreateFile):
    """What comes with every chunk."""

    session_id: str = Field(validation_alias=spelled("sessionId", "uploadId", "session_id"))
    total_chunks: int = Field(ge=1, validation_alias=spelled("totalChunks", "total_chunks"))
    index: int = Field(ge=0, validation_alias=spelled("chunkIndex", "chunk_index"))
    chunk_sha256: Sha256 | None = Field(None, validation_alias=spelled("chunkHash", "chunk_hash"))


class AdditionalData(Wire):
    """What the earlier frontend sends along with a chunk."""

    record: FileRecord = Field(FileRecord(), validation_alias=spelled("fileMetadata", "file_metadata"))
    session_info: dict[str, JsonValue] = Field(
        default_factory=dict, validation_alias=spelled("sessionInfo", "session_info")
    )
    time_info: TimeInfo | None = Field(None, validation_alias=spelled("timeInfo", "time_info"))
    time_steps: TimeSteps | None = Field(None, validation_alias=spelled("zeitschritte", "timeSteps"))


class ChunkReceived(Answer):
    """How far the upload is."""

    status: str
    file_id: str
    file_status: str
    chunk_index: int | None = None
    total_chunks: int
    received: int
    missing: list[int]
    progress: float


@router.post("/upload-chunk")
async def upload_chunk(
    gateway: Here,
    who: Who,
    chunk: Annotated[UploadFile, File(description="the bytes")],
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
    told = _metadata(metadata, {name: value for name, value in fields.items() if value is not None})
    session, _ = await ensure_session(gateway, who, told.session_id)
    if additionalData:
        extra = _json(AdditionalData, additionalData, "additionalData")
        await _keep(gateway, session, extra)
        told = told.model_copy(update={"record": extra.record})
    file = await open_file(gateway, session, announcement(told))
    state = await store_chunk(gateway, file, told.index, _pieces(chunk), sha256=told.chunk_sha256)
    return answer(state, told.index)


@router.put("/upload/{sid}/{file_id}/{index}")
async def put_chunk(
    sid: str,
    file_id: str,
    index: int,
    gateway: Here,
    who: Who,
    request: Request,
    x_chunk_sha256: Annotated[Sha256 | None, Header()] = None,
) -> ChunkReceived:
    """Take one chunk of an announced file as a raw body: the fast way."""
    file = await find_upload(gateway, who, sid, file_id)
    with body_of(request, patience_s=gateway.settings.gateway_body_stall.total_seconds()) as body:
        state = await store_chunk(gateway, file, index, body, sha256=x_chunk_sha256)
    return answer(state, index)


@router.post("/instant-upload")
async def instant_upload(
    gateway: Here,
    who: Who,
    file: Annotated[UploadFile, File(description="a small CSV file")],
    sessionId: Annotated[str, Form()],
    fileType: Annotated[str, Form()] = "input",
) -> ChunkReceived:
    """Take one small file in one request."""
    fields = {"sessionId": sessionId, "fileName": file.filename, "fileType": fileType}
    told = _metadata(None, {**fields, "chunkIndex": 0, "totalChunks": 1, "fileSize": file.size})
    session, _ = await ensure_session(gateway, who, told.session_id)
    row = await open_file(gateway, session, announcement(told))
    return answer(await store_chunk(gateway, row, 0, _pieces(file), sha256=None), 0)


@router.get("/upload-status/{sid}")
async def upload_status(
    gateway: Here, session: Session, fileName: Annotated[str | None, Query(max_length=1024)] = None
) -> Answer:
    """Return what is still missing of each upload, so that a page reload goes on where it was."""
    session_data = await load_session_data(gateway, session)
    asked = [file for file in session_data.files.values() if fileName in (None, file.file_name)]
    uploads = [answer(await received(gateway, file), None) for file in asked]
    return Answer(uploads=uploads, missing=uploads[0].missing if len(uploads) == 1 else None)


def answer(state: Received, index: int | None) -> ChunkReceived:
    """Return how far an upload is."""
    return ChunkReceived(
        status="completed" if state.complete else "receiving",
        file_id=state.file.id,
        file_status=state.file.status,
        chunk_index=index,
        total_chunks=state.file.total_chunks,
        received=len(state.indexes),
        missing=state.missing,
        progress=state.progress,
        fileName=state.file.file_name,
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


def _json(kind: type[AdditionalData], text: str, field: str) -> AdditionalData:
    try:
        return kind.model_validate(parse_json(text, LIMITS["chunk"], field=field))
    except ValidationError as error:
        raise refused_by(error, ValidationFailed, within=field) from None


async def _keep(gateway: Gateway, session: SessionRow, extra: AdditionalData) -> None:
    """Keep the session settings that came along with a chunk."""
    changes: dict[str, object] = {}
    if extra.time_info:
        changes["time_info"] = extra.time_info.model_dump(mode="json")
    if extra.time_steps:
        changes["time_steps"] = extra.time_steps.model_dump(mode="json")
    if extra.session_info:
        changes["metadata"] = {**session.metadata, **extra.session_info}
    if changes:
        await gateway.records.update(SessionRow, session.id, changes)
