"""Columns of short texts as matrices of bytes, grouped by shape: where the digits are and what is between.

A column of time stamps has a handful of shapes. Knowing the shape, the digits of all its cells are
read at once by position, at memory speed, without building a single Python string.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.series.arrays import Int64

Cells = NDArray[np.bytes_]
ByteMatrix = NDArray[np.uint8]

_ZERO, _NINE = ord("0"), ord("9")
MAX_SHAPES = 256  # unpadded dates with month names, or with fractions, have up to a hundred


@dataclass(frozen=True)
class Shape:
    """Cells that have their digits at the same places and are equal elsewhere."""

    example: str
    rows: Int64 | slice
    matrix: ByteMatrix  # (n_cells, width), codes of these cells

    def number(self, span: tuple[int, int]) -> Int64:
        """Read the digits in columns [start, end) as one whole number per cell."""
        value = np.zeros(len(self.matrix), dtype=np.int64)
        for column in range(*span):
            value = value * 10 + (self.matrix[:, column] - _ZERO)
        return value


def as_cells(texts: list[str]) -> Cells:
    """Return texts as fixed-width UTF-8 bytes, as the parser of files does.

    >>> as_cells(["1.1.2024", "Mär"])
    array([b'1.1.2024', b'M\\xc3\\xa4r'], dtype='|S8')
    """
    return np.array([text.encode("utf-8", "replace") for text in texts] or [b""], dtype=np.bytes_)[
        : len(texts)
    ]


def shapes(cells: Cells) -> Iterator[Shape]:
    """Group cells by shape, most rows in one comparison each.

    Past ``MAX_SHAPES`` the rest of the cells is left out: such a column is prose.

    >>> [(shape.example, shape.rows) for shape in shapes(as_cells(["1.1.", "10.1.", "2.1."]))]
    [('1.1.', array([0, 2])), ('10.1.', array([1]))]
    """
    if not len(cells):
        return
    flat = np.ascontiguousarray(cells)
    width = max(int(np.char.str_len(flat).max()), 1)  # columns that are empty in all cells are left out
    codes = flat.view(np.uint8).reshape(len(cells), flat.dtype.itemsize)
    matrix = np.ascontiguousarray(codes[:, :width])
    digit = (matrix >= _ZERO) & (matrix <= _NINE)
    masked = np.where(digit, np.uint8(_ZERO), matrix)
    keys = masked.view(f"S{matrix.shape[1]}").ravel()
    rest = np.arange(len(cells))
    for _ in range(MAX_SHAPES):
        same = keys[rest] == keys[rest[0]] if len(rest) < len(keys) else keys == keys[0]
        if len(rest) == len(keys) and same.all():
            yield Shape(_text(cells[0]), slice(None), matrix)
            return
        rows = rest[same]
        yield Shape(_text(cells[rows[0]]), rows, matrix[rows])
        rest = rest[~same]
        if not len(rest):
            return


def _text(cell: bytes) -> str:
    return cell.decode("latin-1")  # one letter a byte: places in it are places in the cell
