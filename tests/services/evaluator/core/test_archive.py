import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from functools import partial

import pytest

from services.evaluator.core.archive import stream_zip, whole


def test_files_come_back_as_they_went_in() -> None:
    files = {"a/b.txt": b"hello" * 1000, "plot.png": bytes(range(256)), "empty.csv": b""}

    data = b"".join(stream_zip({name: whole(partial(bytes, content)) for name, content in files.items()}))

    archive = zipfile.ZipFile(io.BytesIO(data))
    assert {name: archive.read(name) for name in archive.namelist()} == files
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_order_of_the_files_changes_nothing() -> None:
    first = {"a": lambda: [b"1"], "b": lambda: [b"2"]}
    second = {"b": lambda: [b"2"], "a": lambda: [b"1"]}

    assert b"".join(stream_zip(first)) == b"".join(stream_zip(second))


def test_a_large_file_is_never_in_memory_as_a_whole() -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(64):
            yield bytes(2**20)

    tracemalloc.start()
    size = sum(len(piece) for piece in stream_zip({"big.npz": blocks}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 64 * 2**20
    assert peak < 8 * 2**20


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.txt", "a/../../b", "", "a\\b"])
def test_a_path_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="no path inside an archive"):
        list(stream_zip({name: lambda: [b""]}))
