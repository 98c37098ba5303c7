"""Write a zip as a stream of bytes: the same files give the same bytes, however large they are."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from typing_extensions import Buffer

Content = Callable[[], Iterable[bytes]]  # called when its turn comes, so one file at a time is in memory
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name: a clock would make every zip different
_COMPRESSED_ALREADY = {".png", ".npz", ".zip", ".keras", ".skops", ".onnx", ".h5"}


def stream_zip(files: Mapping[str, Content]) -> Iterator[bytes]:
    """Yield a zip of files in the order of their names, with fixed times and rights.

    Parameters
    ----------
    files
        Content by relative path with forward slashes.

    Raises
    ------
    ValueError
        If a path could leave the folder it is unpacked in.

    Examples
    --------
    >>> data = b"".join(stream_zip({"b.txt": lambda: [b"two"], "a.txt": lambda: [b"one"]}))
    >>> zipfile.ZipFile(io.BytesIO(data)).namelist()
    ['a.txt', 'b.txt']
    """
    for name in files:
        _check_stays_inside(name)
    sink = _Sink()
    with zipfile.ZipFile(sink, mode="w") as archive:
        for name in sorted(files):
            with archive.open(_entry(name), mode="w", force_zip64=True) as member:
                for block in files[name]():
                    member.write(block)
                    yield from sink.drain()
            yield from sink.drain()
    yield from sink.drain()


def whole(make: Callable[[], bytes]) -> Content:
    """Return content that is made in one piece."""
    return lambda: (make(),)


class _Sink(io.RawIOBase):
    """Where the zip is written to, and taken from piece by piece; it cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def drain(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    stored = PurePosixPath(name).suffix in _COMPRESSED_ALREADY
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = 0o644 << 16
    return entry


def _check_stays_inside(name: str) -> None:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"{name!r} is no path inside an archive")
