"""Lines for users to read, written in batches: through an API a hundred rows cost what one does."""

import asyncio
from collections import deque
from datetime import timedelta

import structlog

from shared.errors import Unavailable
from shared.storage.records import Records
from shared.storage.rows import LogRow

log = structlog.get_logger()


class LogBook:
    """Collects lines and stores them every so often.

    Use it as an async context manager; leaving it stores the rest. While the ledger is away the newest lines
    are kept, up to a limit. A line's id is derived by whoever writes it, so a batch that is written twice
    is there once.
    """

    def __init__(
        self, records: Records, *, every: timedelta = timedelta(seconds=1), keep: int = 10_000
    ) -> None:
        self._records = records
        self._every = every
        self._lines: deque[LogRow] = deque(maxlen=keep)
        self._writing: asyncio.Task[None] | None = None

    def write(self, line: LogRow) -> None:
        """Take a line; it is stored within the next interval."""
        self._lines.append(line)

    async def flush(self) -> None:
        """Store what has been collected; keep it if the ledger is away."""
        lines = list(self._lines)
        if not lines:
            return
        try:
            await self._records.insert(lines)
        except Unavailable as error:
            log.warning("log lines kept for later", n=len(lines), reason=error.message)
            return
        stored = {line.id for line in lines}
        self._lines = deque((line for line in self._lines if line.id not in stored), self._lines.maxlen)

    async def __aenter__(self) -> "LogBook":
        self._writing = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.flush()

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every.total_seconds())
            await self.flush()
