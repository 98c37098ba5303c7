"""Columns of a few different texts as inputs: one series of 0 and 1 per value (one-hot)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.ingest.core.fixed_width import Cells
from services.ingest.core.names import clean, column_name
from services.ingest.core.numbers import is_missing
from services.ingest.core.problems import TooManyCategories, UnknownCategory
from services.ingest.core.rows import Rows
from shared.series.arrays import Float64, Int64

MOST = 20  # values a column of categories may have
_LONGEST = 60  # letters of a value


@dataclass(frozen=True)
class Categories:
    """A column of categories: its values in the order of their series, and its cells by line."""

    values: tuple[str, ...]
    cells: Cells
    lines: Int64

    def numbers(self, rows: Rows) -> Float64:
        """Return, shape (n_values, n_rows), which value some rows hold."""
        return one_hot(self.cells[np.searchsorted(self.lines, rows.lines)], self.values)


def found(
    headers: Sequence[str], cells: Mapping[int, Cells], rows: Rows, known: Mapping[str, Sequence[str]]
) -> dict[int, Categories]:
    """Return the columns that are read as categories, by index.

    Raises
    ------
    TooManyCategories, UnknownCategory
        As `values_of` does.
    """
    names = {k: column_name(headers[k], k) for k in cells}
    values = {k: values_of(names[k], cells[k], known.get(names[k]) or None) for k in cells}
    return {k: Categories(values[k], cells[k], rows.lines) for k in cells}


def offered(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the values of a column's texts if they may be categories: 2 to 20 of them.

    >>> offered(["HT", "NT", "HT", "-"]), offered(["a remark", "another"] + [str(n) for n in range(30)])
    (('HT', 'NT'), ())
    """
    values = sorted({clean(text)[:_LONGEST] for text in texts if not is_missing(text)})
    return tuple(values) if 2 <= len(values) <= MOST else ()


def values_of(column: str, cells: Cells, known: Sequence[str] | None) -> tuple[str, ...]:
    """Return the values of a column in the order of its series.

    Parameters
    ----------
    known
        Those of the file the rows are for: a model knows no others; None finds them.

    Raises
    ------
    TooManyCategories
        If there are more than 20.
    UnknownCategory
        If a cell holds none of the known ones.
    """
    found = sorted(set(_decoded(np.unique(cells))) - {""})
    if known is not None:
        new = [value for value in found if value not in known]
        if new:
            raise UnknownCategory(
                f"column {column!r} holds {new[0]!r}, known are {', '.join(map(repr, known))}",
                column=column,
                value=new[0],
            )
        return tuple(known)
    if len(found) > MOST or not found:
        raise TooManyCategories(
            f"column {column!r} has {len(found)} different values, between 1 and {MOST} make categories",
            column=column,
            n_values=len(found),
        )
    return tuple(found)


def one_hot(cells: Cells, values: Sequence[str]) -> Float64:
    """Return, shape (n_values, n), 1 where a cell is the value, 0 where it is another, NaN where it is none.

    >>> one_hot(np.array([b"HT", b"NT", b""]), ["HT", "NT"])
    array([[ 1.,  0., nan],
           [ 0.,  1., nan]])
    """
    kinds, inverse = np.unique(cells, return_inverse=True)
    names = _decoded(kinds)
    table = np.array([[np.nan if not name else float(name == value) for name in names] for value in values])
    return table[:, inverse.ravel()]


def _decoded(cells: Cells) -> list[str]:
    """Return texts as `offered` tells them; "" is missing."""
    texts = [clean(cell.decode("utf-8", "replace"))[:_LONGEST] for cell in cells.tolist()]
    return ["" if is_missing(text) else text for text in texts]
