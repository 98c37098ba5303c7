"""Arrays and JSON as bytes. Both ways without pickle: bytes from storage are never code."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from shared.errors import InvalidInput

Arrays = dict[str, NDArray[Any]]


class CorruptObject(InvalidInput):
    """Stored bytes are not what their key promises."""

    code = "CORRUPT_OBJECT"


class NotFinite(InvalidInput):
    """A document holds NaN or infinity, which JSON cannot say."""

    code = "NOT_FINITE"


def arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack named arrays into the bytes of one ``.npz``, uncompressed.

    >>> packed = arrays_to_bytes({"x": np.arange(3.0), "label": np.array("load")})
    >>> {name: array.tolist() for name, array in bytes_to_arrays(packed).items()}
    {'x': [0.0, 1.0, 2.0], 'label': 'load'}
    """
    buffer = io.BytesIO()
    # Not np.savez: it offers no names that equal its own parameters, such as "file".
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def bytes_to_arrays(content: bytes) -> Arrays:
    """Unpack the bytes of a ``.npz``.

    Raises
    ------
    CorruptObject
        If the bytes are no archive of plain arrays, or were damaged.
    """
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise CorruptObject("the stored arrays cannot be read back: the bytes are damaged") from error


def json_to_bytes(value: JsonValue) -> bytes:
    """Write a JSON document as UTF-8; every number is finite or absent.

    >>> json_to_bytes({"mae": None, "unit": "GW"})
    b'{"mae":null,"unit":"GW"}'
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise NotFinite("the document holds NaN or infinity: write null instead") from error
