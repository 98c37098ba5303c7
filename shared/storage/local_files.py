"""Objects as files of a folder: the embedded default. A key is the path of its file."""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, Self, TypeVar

from shared.errors import Unavailable
from shared.storage.objects import (
    Content,
    Digest,
    InvalidKey,
    ObjectNotFound,
    Source,
    Stored,
    checked,
    gathered,
    read_turn,
    read_whole,
)

PIECE_BYTES: Final = 1 << 20
_UNFINISHED: Final = ".unfinished"  # no key starts with a dot, so no key reaches this folder
_ABANDONED_AFTER_S: Final = 24 * 3600.0
_PUBLISH_ATTEMPTS: Final = 5
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})

P = ParamSpec("P")
T = TypeVar("T")


class FolderUnavailable(Unavailable):
    """The folder cannot be read or written for now."""

    code = "OBJECTS_UNAVAILABLE"
    advice = ("Check that the data folder exists, is writable, and has free space.",)


@dataclass(eq=False)
class FolderObjects:
    """Bytes in files. An object appears whole, by a rename, after its bytes have reached the disk.

    Unlike a bucket, a folder cannot hold both ``a`` and ``a/b``; that is refused as an invalid key.
    """

    _root: Path

    @classmethod
    async def open(cls, root: Path) -> Self:
        """Open the folder, creating it; remove what writers that died long ago left unfinished."""
        return cls(await _in_thread(_prepare, root))

    async def put(
        self, key: str, content: Content, *, durable: bool = True, digest: Digest | None = None
    ) -> Stored:
        target = self._path(key)
        unfinished = self._root / _UNFINISHED / uuid.uuid4().hex
        try:
            writer = _Writer(unfinished, target, digest or hashlib.sha256(), durable=durable)
            try:
                match content:
                    case bytes():
                        return await _in_thread(_write_whole, writer, [content])
                    case Path():
                        return await _in_thread(_write_copy, writer, content)
                    case Source():
                        return await _write_source(writer, content)
                    case _:
                        return await _write_stream(writer, content)
            except BaseException:
                writer.give_up()
                raise
        except InvalidKey:
            raise InvalidKey(f"the key is both an object and a folder of objects: {key!r}") from None

    async def sync(self, prefix: str) -> None:
        await _in_thread(_sync_tree, self._path(prefix))

    async def get(self, key: str) -> bytes:
        return await _in_thread(self._read, key)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        file = await _in_thread(self._open, key)
        with file:
            while piece := await _in_thread(file.read, PIECE_BYTES):
                yield piece

    async def fetch(self, key: str, target: Path) -> None:
        await _in_thread(self._fetch, key, target)

    async def size(self, key: str) -> int | None:
        path = self._path(key)
        return await _in_thread(lambda: path.stat().st_size if path.is_file() else None)

    async def list(self, prefix: str) -> list[str]:
        return await _in_thread(_keys, self._root, self._path(prefix))

    async def delete(self, prefix: str) -> int:
        return await _in_thread(_remove, self._path(prefix))

    async def ping(self) -> None:
        await _in_thread(os.utime, self._root)

    def _path(self, key: str) -> Path:
        path = self._root / checked(key)
        if not path.parent.resolve().is_relative_to(self._root):
            raise InvalidKey(f"the key leads out of the folder: {key!r}")
        return path

    def _open(self, key: str) -> BinaryIO:
        try:
            return open(self._path(key), "rb", opener=_without_links)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            raise ObjectNotFound(f"nothing is stored under {key}", key=key) from None

    def _read(self, key: str) -> bytes:
        with self._open(key) as file:
            return file.read()

    def _fetch(self, key: str, target: Path) -> None:
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        try:
            with self._open(key) as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy, PIECE_BYTES)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@dataclass(eq=False)
class _Writer:
    """A new file that counts and digests what it gets, and takes its place when it is finished."""

    _unfinished: Path
    _target: Path
    _digest: Digest
    _: KW_ONLY
    durable: bool
    _size_bytes: int = 0
    _file: BinaryIO | None = None

    def write(self, pieces: Iterable[bytes]) -> None:
        """Add pieces."""
        for piece in pieces:
            self.take(piece)

    def take(self, piece: bytes | memoryview) -> None:
        """Add a piece; the first one opens the file."""
        if self._file is None:
            self._file = self._unfinished.open("xb")
        self._file.write(piece)
        self._digest.update(piece)
        self._size_bytes += len(piece)

    def finish(self) -> Stored:
        """Let the object appear, on the disk first if it shall be durable; say what it is."""
        self.take(b"")
        assert self._file is not None
        self._file.flush()
        if self.durable:
            os.fsync(self._file.fileno())
        else:
            # Let the kernel write now what it would write later: a sync then finds little left to wait for.
            if hasattr(os, "posix_fadvise"):
                # Asks to forget the pages; those not yet written are written, and nobody waits for them.
                os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._file.close()
        _publish(self._unfinished, self._target, durable=self.durable)
        return Stored(size_bytes=self._size_bytes, digest=self._digest.hexdigest())

    def give_up(self) -> None:
        """Leave nothing behind."""
        if self._file:
            self._file.close()
        self._unfinished.unlink(missing_ok=True)


async def _in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking file work off the event loop, its failures in our words."""
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> FolderUnavailable:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return FolderUnavailable(f"the data folder cannot be used: {reason}", reason=reason)


def _write_whole(writer: _Writer, pieces: Iterable[bytes]) -> Stored:
    writer.write(pieces)
    return writer.finish()


def _write_copy(writer: _Writer, source: Path) -> Stored:
    with source.open("rb") as file:
        return _write_whole(writer, iter(partial(file.read, PIECE_BYTES), b""))


async def _write_source(writer: _Writer, source: Source) -> Stored:
    """Write in the thread that reads, and finish there."""
    try:
        return await read_whole(source, lambda: writer.finish() if read_turn(source, writer.take) else None)
    except OSError as error:
        raise _unavailable(error) from error


async def _write_stream(writer: _Writer, pieces: AsyncIterable[bytes]) -> Stored:
    """Write each batch in a thread while the next one comes in."""
    writing: asyncio.Future[None] | None = None
    try:
        async for batch in gathered(pieces):
            if writing:
                await writing
            writing = asyncio.ensure_future(_in_thread(writer.write, batch))
    finally:
        if writing:  # also when the stream broke off: nobody writes to a file that is given up
            await writing
    return await _in_thread(writer.finish)


def _publish(unfinished: Path, target: Path, *, durable: bool) -> None:
    for attempt in range(_PUBLISH_ATTEMPTS):
        try:
            _make_folders(target.parent)
            unfinished.replace(target)
        except (NotADirectoryError, IsADirectoryError, FileExistsError):
            raise InvalidKey("the key is both an object and a folder of objects") from None
        except FileNotFoundError:  # a delete took the folder away between the two calls
            if attempt == _PUBLISH_ATTEMPTS - 1 or not unfinished.exists():
                raise
        else:
            if durable:
                with contextlib.suppress(FileNotFoundError):  # deleted since, folder and all
                    _sync(target.parent)
            return


def _sync_tree(path: Path) -> None:
    """Bring a folder to the disk: every file, then their names; what is deleted meanwhile needs none."""
    for parent, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                _sync(Path(parent, name))
        with contextlib.suppress(FileNotFoundError):
            _sync(Path(parent))


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Bring a file's bytes or a folder's entries to the disk: a new name is not safe before that."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(root: Path) -> Path:
    unfinished = root / _UNFINISHED
    unfinished.mkdir(parents=True, exist_ok=True)
    for left in unfinished.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                left.unlink()
    return root.resolve()


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _keys(root: Path, folder: Path) -> list[str]:
    return sorted(
        Path(parent, name).relative_to(root).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
    )


def _remove(path: Path) -> int:
    if path.is_file() or path.is_symlink():
        path.unlink(missing_ok=True)
        return 1
    removed = 0
    for parent, _, names in os.walk(path, topdown=False):
        for name in names:
            Path(parent, name).unlink(missing_ok=True)
            removed += 1
        with contextlib.suppress(OSError):  # a concurrent put may have used the folder again
            os.rmdir(parent)
    return removed
