"""Which chunks of a file have arrived, without reading all their rows again for every chunk."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.storage.records import Records
from shared.storage.rows import ChunkRow


@dataclass(eq=False)
class ReceivedChunks:
    """Sizes of the chunks this process knows to be written down, by index, of the files it met last.

    The ledger counts: where it has another number of rows, somebody else wrote some, and all are read.
    """

    limit: int = field(default=1000, kw_only=True)
    _files: OrderedDict[str, dict[int, int]] = field(default_factory=OrderedDict)

    def note(self, row: ChunkRow) -> None:
        """Remember a chunk that was written down."""
        self._files.setdefault(row.file_id, {})[row.index] = row.size_bytes
        self._files.move_to_end(row.file_id)
        while len(self._files) > self.limit:
            self._files.popitem(last=False)

    async def of(self, records: Records, file_id: str) -> Mapping[int, int]:
        """Return the size of every chunk of a file that is written down, by index."""
        known = self._files.get(file_id, {})
        if await records.count(ChunkRow, {"file_id": file_id}) == len(known):
            return known
        rows = await records.select(ChunkRow, {"file_id": file_id}, order="index")
        self._files[file_id] = {row.index: row.size_bytes for row in rows}
        return self._files[file_id]
