import tracemalloc
import zipfile
from pathlib import Path

import pytest

from services.evaluator.core.archive import write_zip


def _files(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for number, content in enumerate(contents.values()):
        (folder / str(number)).write_bytes(content)
    return {name: folder / str(number) for number, name in enumerate(contents)}


def test_files_come_back_as_they_went_in(tmp_path: Path) -> None:
    contents = {"a/b.txt": b"hello" * 1000, "plot.png": bytes(range(256)), "empty.csv": b""}

    write_zip(tmp_path / "all.zip", _files(tmp_path, contents))

    archive = zipfile.ZipFile(tmp_path / "all.zip")
    assert {name: archive.read(name) for name in archive.namelist()} == contents
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    files = _files(tmp_path, {"a": b"1", "b": b"2"})

    write_zip(tmp_path / "first.zip", files)
    write_zip(tmp_path / "second.zip", dict(reversed(files.items())))

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    files = _files(tmp_path, {"big.npz": bytes(64 * 2**20)})

    tracemalloc.start()
    write_zip(tmp_path / "all.zip", files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (tmp_path / "all.zip").stat().st_size > 64 * 2**20
    assert peak < 8 * 2**20


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.txt", "a/../../b", "", "a\\b"])
def test_a_path_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no path inside an archive"):
        write_zip(tmp_path / "all.zip", {name: tmp_path})
