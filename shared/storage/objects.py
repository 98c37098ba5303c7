"""The port to bulk bytes: immutable objects under slash-separated keys made of our own ids."""

import asyncio
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from shared.errors import InvalidInput, NotFound

T = TypeVar("T")

_TOKEN = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_TOKEN}(/{_TOKEN})*")
BATCH_BYTES = 1 << 20
_MAX_LENGTH = 900  # object stores end at 1,024 bytes, and some add a prefix of their own

TURN_BYTES = 8 << 20
_FEW_BYTES = 1 << 14
_own = threading.local()


class Source(ABC):
    """Bytes that are still coming in, read by threads of the store that takes them."""

    @abstractmethod
    def readinto(self, buffer: memoryview) -> int | None:
        """Put what is there into the buffer; return how much, 0 at the end, None if there is nothing yet."""

    @abstractmethod
    async def ready(self) -> None:
        """Wait until there may be more."""


Content = bytes | Path | AsyncIterable[bytes] | Source


class Digest(Protocol):
    """What the objects of `hashlib` do."""

    def update(self, content: bytes | memoryview, /) -> None:
        """Take more bytes in."""
        ...

    def hexdigest(self) -> str:
        """Return what all bytes so far come to, in hex."""
        ...


@dataclass(frozen=True)
class Stored:
    """What was written: its size and the digest of its bytes in hex, SHA-256 unless another was asked for."""

    size_bytes: int
    digest: str


class InvalidKey(InvalidInput):
    """A key that is not made of plain tokens; user text never becomes one."""

    code = "INVALID_KEY"


class ObjectNotFound(NotFound):
    """Nothing is stored under the key."""

    code = "OBJECT_NOT_FOUND"


def checked(key: str) -> str:
    """Return the key if every token is plain; raise ``InvalidKey`` otherwise.

    >>> checked("sessions/0a/file.npz")
    'sessions/0a/file.npz'
    >>> checked("../etc")
    Traceback (most recent call last):
    shared.storage.objects.InvalidKey: not a key: '../etc'
    """
    if len(key) > _MAX_LENGTH or not _KEY.fullmatch(key):
        raise InvalidKey(f"not a key: {key[:80]!r}")
    return key


async def gathered(pieces: AsyncIterable[bytes], size: int = BATCH_BYTES) -> AsyncIterator[list[bytes]]:
    """Yield pieces in batches of at least ``size`` bytes: one hop to a writing thread each, and no copy."""
    batch: list[bytes] = []
    n_bytes = 0
    async for piece in pieces:
        batch.append(piece)
        n_bytes += len(piece)
        if n_bytes >= size:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def read_turn(source: Source, take: Callable[[memoryview], object]) -> bool:
    """Give what a source has to ``take``, which must not keep it; return whether that was all.

    For threads, and nobody holds one for long: the turn ends when the source has next to nothing.
    """
    if not hasattr(_own, "buffer"):
        _own.buffer = memoryview(
            bytearray(BATCH_BYTES)
        )  # one per thread: fresh memory costs as much as reading
    n_taken = 0
    while n_taken < TURN_BYTES:
        n_bytes = source.readinto(_own.buffer)
        if n_bytes == 0:
            return True
        if n_bytes is None:
            return False
        take(_own.buffer[:n_bytes])
        n_taken += n_bytes
        if n_bytes < _FEW_BYTES:
            return False
    return False


async def read_whole(source: Source, turn: Callable[[], T | None]) -> T:
    """Return the first answer of ``turn``, called in threads whenever the source has something."""
    while True:
        running = asyncio.ensure_future(asyncio.to_thread(turn))
        try:
            answer = await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # nobody closes what a thread still reads or writes
            raise
        if answer is not None:
            return answer
        await source.ready()


class Objects(Protocol):
    """Bytes by key. Writing the same key again replaces it whole; readers never see half an object."""

    async def put(
        self, key: str, content: Content, *, durable: bool = True, digest: Digest | None = None
    ) -> Stored:
        """Store content under a key.

        Parameters
        ----------
        durable
            If not, the bytes may be lost in a power cut until ``sync`` has returned; a store that keeps them
            elsewhere makes no difference.
        digest
            Takes the bytes in on their way; a fresh SHA-256 unless given.
        """
        ...

    async def sync(self, prefix: str) -> None:
        """Bring everything below a prefix to the disk, where ``put`` left that to be done."""
        ...

    async def get(self, key: str) -> bytes:
        """Return all bytes; raise ``ObjectNotFound`` if there are none."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes in pieces; raise ``ObjectNotFound`` at the first."""
        ...

    async def fetch(self, key: str, target: Path) -> None:
        """Write the object to a local file, streamed."""
        ...

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, or None if nothing is stored."""
        ...

    async def list(self, prefix: str) -> list[str]:
        """Return all keys strictly below a prefix (a whole path of tokens), sorted."""
        ...

    async def delete(self, prefix: str) -> int:
        """Delete the object of that key and everything below it; return how many."""
        ...

    async def ping(self) -> None:
        """Raise ``Unavailable`` if the store does not answer."""
        ...
