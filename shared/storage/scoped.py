"""Both ports narrowed to one owner: what event-driven work may touch with a key that could touch all."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import SessionNotFound
from shared.storage.objects import Content, Digest, Objects, Stored, checked
from shared.storage.records import R, Records, Row, Where
from shared.storage.rows import SessionRow


class OtherOwner(SessionNotFound):
    """The row or object belongs to somebody else; told as if it did not exist."""


@dataclass(eq=False)
class OwnedRecords:
    """The ledger as one owner has it: every question and every change names the owner."""

    _records: Records
    _owner: str

    async def insert(self, rows: Sequence[Row]) -> int:
        if any(row.owner != self._owner for row in rows):
            raise OtherOwner("a row of another owner was to be stored")
        return await self._records.insert(rows)

    async def get(self, kind: type[R], row_id: str) -> R | None:
        row = await self._records.get(kind, row_id)
        return row if row is not None and row.owner == self._owner else None

    async def select(
        self,
        kind: type[R],
        where: Where,
        *,
        order: str = "created_at",
        limit: int | None = None,
        offset: int = 0,
    ) -> list[R]:
        return await self._records.select(kind, self._mine(where), order=order, limit=limit, offset=offset)

    async def update(
        self, kind: type[R], row_id: str, changes: Mapping[str, object], *, expect: Where | None = None
    ) -> R | None:
        return await self._records.update(kind, row_id, changes, expect=self._mine(expect or {}))

    async def delete(self, kind: type[Row], where: Where) -> int:
        return await self._records.delete(kind, self._mine(where))

    async def count(self, kind: type[Row], where: Where) -> int:
        return await self._records.count(kind, self._mine(where))

    async def ping(self) -> None:
        await self._records.ping()

    async def close(self) -> None:
        """Nothing of its own to let go of: the connections belong to the ledger it narrows."""

    def _mine(self, where: Where) -> Where:
        return {**where, "owner": self._owner}


@dataclass(eq=False)
class OwnedObjects:
    """The objects of one owner's sessions; a key names its session, the ledger says whose that is."""

    _objects: Objects
    _records: OwnedRecords
    _known: set[str] = field(default_factory=set)

    async def put(
        self, key: str, content: Content, *, durable: bool = True, digest: Digest | None = None
    ) -> Stored:
        return await self._objects.put(await self._mine(key), content, durable=durable, digest=digest)

    async def sync(self, prefix: str) -> None:
        await self._objects.sync(await self._mine(prefix))

    async def get(self, key: str) -> bytes:
        return await self._objects.get(await self._mine(key))

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        async for piece in self._objects.stream(await self._mine(key)):
            yield piece

    async def fetch(self, key: str, target: Path) -> None:
        await self._objects.fetch(await self._mine(key), target)

    async def size(self, key: str) -> int | None:
        return await self._objects.size(await self._mine(key))

    async def list(self, prefix: str) -> list[str]:
        return await self._objects.list(await self._mine(prefix))

    async def delete(self, prefix: str) -> int:
        return await self._objects.delete(await self._mine(prefix))

    async def ping(self) -> None:
        await self._objects.ping()

    async def _mine(self, key: str) -> str:
        root, _, rest = checked(key).partition("/")
        session_id = rest.partition("/")[0]
        if session_id not in self._known:
            if root != "sessions" or await self._records.get(SessionRow, session_id) is None:
                raise OtherOwner("the session does not exist", key=key)
            self._known.add(session_id)
        return key
