"""What the ingest service does when an upload is complete."""

import asyncio
from typing import Annotated

import structlog
from faststream import Context
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from services.ingest.core.read import ReadOptions, read_file
from services.ingest.ports import Scanner, Uploads
from services.ingest.rows import LedgerRows
from shared.contracts.events import FileReady, FileRejected, UploadCompleted
from shared.errors import InvalidInput
from shared.messaging.broker import Reactions
from shared.messaging.publish import Publisher

reactions = Reactions()


class RowsQuestion(BaseModel):
    """Rows that came for a file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    file_id: str
    csv: str
    available_at: AwareDatetime | None = None
    trust_values: bool = False


log = structlog.get_logger()


@reactions.on(UploadCompleted, durable="ingest-upload-completed")
async def ingest(
    event: UploadCompleted, uploads: Annotated[Uploads, Context()], scanner: Annotated[Scanner, Context()]
) -> FileReady | FileRejected | None:
    """Assemble, scan, read and check one file; store its series."""
    upload = await uploads.load(event.file_id)
    if upload is None:
        return None
    named = {"file_id": event.file_id, "file_name": upload.file_name}
    if upload.status == "ready":  # said before: the chunks are gone, the series are there
        return FileReady.caused_by(event, **named, series=await uploads.accepted(upload))
    if upload.status == "rejected" and upload.problem:
        await uploads.reject(upload, upload.problem)  # the bytes outlive a crash between the two steps of it
        return FileRejected.caused_by(event, **named, problem=upload.problem)
    try:
        options = ReadOptions.from_json(upload.options)
        async with uploads.assembled(upload) as path:
            await scanner.scan(path, file_name=upload.file_name)
            columns = await asyncio.to_thread(read_file, path, options=options, file_name=upload.file_name)
    except InvalidInput as error:
        log.info("file rejected", code=error.code, reason=error.message)
        await uploads.reject(upload, error.problem())
        return FileRejected.caused_by(event, **named, problem=error.problem())
    series = await uploads.accept(upload, columns)
    log.info("file ready", n_series=len(series))
    return FileReady.caused_by(event, **named, series=series)


@reactions.on_question("ingest.rows")
async def extend(
    question: RowsQuestion, rows: Annotated[LedgerRows, Context()], post: Annotated[Publisher, Context()]
) -> dict[str, JsonValue]:
    """Add rows to the series of a checked file and say so, or say what differs.

    Rows sent again are no new version; that they arrived is said again, in case it was not said before.
    """
    found = await rows.extend(
        question.session_id,
        question.file_id,
        question.csv.encode(),
        question.available_at,
        trust_values=question.trust_values,
    )
    if event := found.event(question.session_id, question.file_id):
        await post.publish(event)
    return found.to_json()
