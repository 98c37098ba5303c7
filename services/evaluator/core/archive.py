"""Write files as one zip: the same files give the same bytes, however large they are."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name: a clock would make every zip different
_COMPRESSED_ALREADY = {".png", ".npz", ".zip", ".keras", ".skops", ".onnx", ".h5"}
_PIECE = 2**20


def write_zip(target: Path, files: Mapping[str, Path]) -> None:
    """Write a zip of files in the order of their names, with fixed times and rights.

    Parameters
    ----------
    files
        Files of the disk by their path in the archive, relative and with forward slashes.

    Raises
    ------
    ValueError
        If a path could leave the folder it is unpacked in.
    """
    for name in files:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ValueError(f"{name!r} is no path inside an archive")
    with zipfile.ZipFile(target, mode="w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            stored = PurePosixPath(name).suffix in _COMPRESSED_ALREADY
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = 0o644 << 16
            with archive.open(entry, mode="w", force_zip64=True) as member, files[name].open("rb") as file:
                shutil.copyfileobj(file, member, _PIECE)
