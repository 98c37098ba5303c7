"""Numbers from text: decimal point or comma, thousands separators in strict groups of three."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.ingest.core.problems import AmbiguousNumbers
from shared.series.arrays import Bool, Float64

Decimal = Literal[".", ","]

_BLANKS = " \xa0\u2009\u202f'’"  # also group digits, in France and Switzerland
_NUMERIC = re.compile(rf"[+-]?\d[\d.,{_BLANKS}]*(?:[eE][+-]?\d+)?|[+-]?[.,]\d+(?:[eE][+-]?\d+)?")
_THREE_AFTER = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})")
_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "nil", "-", "--", "---", "?", "missing"}
)


def is_numeric(text: str) -> bool:
    """Tell whether a cell is written like a number in any of the ways we know.

    >>> is_numeric("-1.234,5"), is_numeric("1e400"), is_numeric("12:30")
    (True, True, False)
    """
    return _NUMERIC.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in _MISSING


def decimal_mark(cells: Iterable[str], *, delimiter: str) -> Decimal | None:
    """Return the decimal mark that the cells show, None if they show none.

    A mark that occurs after another kind, or once with other than three digits behind it, is the
    decimal mark; a mark that repeats separates thousands. A single comma with exactly three digits
    behind it is a decimal comma where the semicolon is the delimiter, as these two come together.

    Raises
    ------
    AmbiguousNumbers
        If every comma has three digits behind it and the delimiter does not help.

    Examples
    --------
    >>> decimal_mark(["1.234,5"], delimiter=";"), decimal_mark(["0,125"], delimiter=",")
    (',', ',')
    >>> decimal_mark(["1,234.5"], delimiter=","), decimal_mark(["12"], delimiter=",")
    ('.', None)
    """
    votes: Counter[Decimal] = Counter()
    undecided: str | None = None
    for cell in cells:
        if not is_numeric(cell):
            continue
        if _THREE_AFTER.fullmatch(cell):
            undecided = undecided or cell
        elif (mark := _mark_of(cell)) is not None:
            votes[mark] += 1
    if votes:
        return votes.most_common(1)[0][0]
    if undecided is None or delimiter == ";":
        return None if undecided is None else ","
    raise AmbiguousNumbers(
        f"{undecided!r} may be {undecided.replace(',', '')} or {undecided.replace(',', '.')}", cell=undecided
    )


def parse_numbers(cells: NDArray[np.object_], decimal: Decimal | None) -> tuple[Float64, Bool]:
    """Read texts as numbers, exactly as Python's ``float`` would.

    For columns that are not purely numeric: a cell counts only if all of it is a number with this
    decimal mark and, if at all, groups of exactly three digits.

    Parameters
    ----------
    cells
        Shape (n,), texts; anything else is missing.
    decimal
        The decimal mark; None if nothing has shown it yet: points are, and commas are text.

    Returns
    -------
    values
        Shape (n,), NaN where there is no number; infinite where it exceeds a float64.
    is_text
        Shape (n,), true where a cell is neither a number nor empty.
    """
    values = _parse_plain(cells, decimal)
    rest = np.flatnonzero(np.isnan(values))
    values[rest], is_text_in_rest = _parse_carefully(cells[rest], decimal)
    is_text = np.zeros(len(cells), dtype=np.bool_)
    is_text[rest] = is_text_in_rest
    return values, is_text


def _parse_plain(cells: NDArray[np.object_], decimal: Decimal | None) -> Float64:
    """Read numbers without separators of thousands, all at once; NaN for all else."""
    if decimal == ",":
        swap = str.maketrans({",": ".", ".": "?"})
        cells = np.array(
            [cell.translate(swap) if isinstance(cell, str) else "" for cell in cells], dtype=object
        )
    return pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(
        dtype=np.float64, copy=True
    )


def _parse_carefully(cells: NDArray[np.object_], decimal: Decimal | None) -> tuple[Float64, Bool]:
    """Read cells one by one by the full grammar of numbers: (values, is text)."""
    texts = pd.Series(cells, dtype=object)
    present = texts.map(lambda cell: isinstance(cell, str)).to_numpy(dtype=np.bool_)
    stripped = texts[present].astype(str).str.strip()
    numeric = stripped.str.fullmatch(_pattern(decimal)).to_numpy(dtype=np.bool_)
    plain = stripped[numeric].str.replace(_separators(decimal), "", regex=True).str.replace(",", ".")
    values = np.full(len(cells), np.nan)
    where = np.flatnonzero(present)
    values[where[numeric]] = plain.to_numpy(dtype=object).astype(np.float64)
    is_text = np.zeros(len(cells), dtype=np.bool_)
    is_text[where[~numeric]] = ~stripped[~numeric].map(is_missing).to_numpy(dtype=np.bool_)
    return values, is_text


def _mark_of(cell: str) -> Decimal | None:
    """Return the decimal mark of one number, None if it shows none."""
    points, commas = cell.count("."), cell.count(",")
    if points and commas:
        return "." if cell.rindex(".") > cell.rindex(",") else ","
    if points + commas > 1:
        return "," if points else "."
    if points:
        return "."
    return "," if commas else None


def _separators(decimal: Decimal | None) -> str:
    other = {".": ",", ",": ".", None: ""}[decimal]
    return f"[{_BLANKS}{other}]"


def _pattern(decimal: Decimal | None) -> str:
    group = _separators(decimal)
    mark = re.escape(decimal or ".")
    whole = rf"(?:\d+|\d{{1,3}}(?P<group>{group})\d{{3}}(?:(?P=group)\d{{3}})*)"
    number = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    return rf"[+-]?(?:{number}|(?i:inf|infinity))"
