"""Small valid rows of the ledger, for tests."""

from shared.contracts.base import new_id
from shared.contracts.kinds import LinearSpec
from shared.storage.rows import ChunkRow, JobRow, SessionRow


def session_row(owner: str, *, name: str = "load") -> SessionRow:
    """Return a session of an owner, not stored yet."""
    return SessionRow(id=new_id(), owner=owner, name=name)


def job_row(session: SessionRow, *, position: int = 0, label: str = "linear") -> JobRow:
    """Return a queued job in a session, not stored yet."""
    return JobRow(
        id=new_id(),
        owner=session.owner,
        session_id=session.id,
        run_id=new_id(),
        dataset_id=new_id(),
        position=position,
        kind="lin",
        label=label,
        spec=LinearSpec(),
    )


def chunk_row(session: SessionRow, *, file_id: str, index: int) -> ChunkRow:
    """Return one chunk of a file in a session, not stored yet."""
    return ChunkRow(
        id=f"{file_id}-{index}",
        owner=session.owner,
        session_id=session.id,
        file_id=file_id,
        index=index,
        size_bytes=4,
        fingerprint="0" * 32,
    )
