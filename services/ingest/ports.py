"""What the ingest service needs from outside."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from services.ingest.core.read import SeriesRead
from shared.contracts.events import SeriesFacts
from shared.contracts.problems import Problem
from shared.storage.rows import FileRow


class Uploads(Protocol):
    """Uploaded files and what becomes of them."""

    async def load(self, file_id: str) -> FileRow | None:
        """Return the upload's row, or None when it was deleted meanwhile."""
        ...

    def assembled(self, upload: FileRow) -> AbstractAsyncContextManager[Path]:
        """Yield a local file with all chunks in order, verified against the declared size and hash."""
        ...

    async def accepted(self, upload: FileRow) -> tuple[SeriesFacts, ...]:
        """Return the series of a file that is ready."""
        ...

    async def accept(self, upload: FileRow, columns: Sequence[SeriesRead]) -> tuple[SeriesFacts, ...]:
        """Store one canonical series per column and mark the file ready."""
        ...

    async def reject(self, upload: FileRow, problem: Problem) -> None:
        """Mark the file as unusable, with the reason; twice is once. A question leaves the bytes there."""
        ...


class Scanner(Protocol):
    """Who looks for harmful content before anything else reads a file."""

    async def scan(self, path: Path, *, file_name: str) -> None:
        """Return if the file is clean.

        Raises
        ------
        InvalidInput
            If it is not.
        Unavailable
            If nobody can say for now.
        """
        ...
