"""Answers to questions about a file: it is read again with what the user says, without being sent again."""

from collections.abc import Mapping

from pydantic import JsonValue

from services.gateway.context import UploadContext
from services.gateway.problems import NoQuestion
from services.gateway.uploads.announcements import Announcement, open_file
from services.gateway.uploads.chunks import Received, complete_if_all_received, delete_file
from shared.contracts.base import derive
from shared.storage import keys
from shared.storage.rows import ChunkRow, FileRow, SessionRow


async def answer_question(
    context: UploadContext, session: SessionRow, file: FileRow, options: Mapping[str, JsonValue]
) -> Received:
    """Read a file again with more options, as a new version of it; the one that was asked about goes.

    Raises
    ------
    NoQuestion
        If nothing was asked about the file, or its bytes are gone.
    """
    problem = file.problem
    chunks = await context.records.select(ChunkRow, {"file_id": file.id}, order="index")
    if file.status != "rejected" or problem is None or not problem.details.get("question") or not chunks:
        raise NoQuestion(f"nothing is asked about {file.file_name}", file_id=file.id)
    again = Announcement(
        file_name=file.file_name,
        role=file.role,
        total_chunks=file.total_chunks,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        options={**file.options, **options},
        settings=file.settings,
    )
    fresh = await open_file(context, session, again)
    for chunk in chunks:
        content = context.objects.stream(keys.chunk(session.id, file.id, chunk.index))
        await context.objects.put(keys.chunk(session.id, fresh.id, chunk.index), content, durable=False)
    rows = [
        chunk.model_copy(update={"id": derive("chunk", fresh.id, str(chunk.index)), "file_id": fresh.id})
        for chunk in chunks
    ]
    await context.records.insert(rows)
    for row in rows:
        context.received.note(row)
    state = await complete_if_all_received(context, fresh)
    await delete_file(context.records, context.objects, session, file)
    return state
