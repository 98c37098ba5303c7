"""What makes rows with the same stamp different: the columns that name a meter, a sensor, a tariff."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from services.ingest.core.fixed_width import Cells
from services.ingest.core.problems import DoubledStamps, KeyColumn
from shared.series.arrays import Bool, Int64

MAX_KEYS = 500
_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.,]\d{3})+)(?:[.,]\d*)?|[+-]?[.,]\d+")  # 1.8.0 is a name
_MOST_DOUBLES = 3  # corrected rows may be few ..
_MOST_DOUBLED_SHARE = 0.02  # .. or a small share of the rows
_NAMES = re.compile(
    r"(?:^|[\W_])(?:id|ids|entity|sensor|meter|device|zähler|zaehler|zählpunkt|zaehlpunkt|register|obis|station|"
    r"name|point|ean|mpan|nmi|lcl|location|area|zone|region|variable|parameter|channel|kanal|field|measurement|"
    r"item|series|tariff|tarif|unit|type|typ|richtung|direction|tag|key|plant|anlage|site|bezeichnung|kennzahl|"
    r"country|land|node|bus|product|produkt|store|house|household|customer|kunde)(?:$|[\W_])|id$|nummer$|number$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Keys:
    """Which series each row belongs to: ``code[i]`` counts in ``names``."""

    columns: tuple[int, ...]
    names: tuple[str, ...]
    code: Int64


def find_keys(
    texts: Mapping[int, Cells], times_ns: Int64, headers: Sequence[str], *, conflicting: Bool, lines: Int64
) -> Keys | None:
    """Find the fewest columns that tell rows with the same stamp apart.

    Parameters
    ----------
    texts
        The cells of all columns that may be keys.
    times_ns
        Shape (n,), the stamp of each row.
    headers
        Names of all columns.
    conflicting
        Shape (n,), true where a row has another value than one with the same stamp.
    lines
        Shape (n,), for messages.

    Raises
    ------
    KeyColumn
        If more than one reading remains.
    DoubledStamps
        If no column tells them apart, and they are too many for corrections.
    """
    coded = {index: _coded(cells) for index, cells in texts.items()}
    several = {k: one for k, one in coded.items() if _may_be_key(k, one[0], headers, n_rows=len(times_ns))}
    n = int(np.count_nonzero(conflicting))
    if n <= max(_MOST_DOUBLES, _MOST_DOUBLED_SHARE * len(times_ns)):  # corrections, if anything
        named = [k for k in several if _is_key(k, several, headers) and _NAMES.search(headers[k])]
        named = [k for k in named if n and _tells_apart([several[k][1]], times_ns)]
        if named:
            raise _question([(k,) for k in named], headers, lines[conflicting])
        return _interleaved(several, times_ns, headers)
    for size in (1, 2, 3):
        fitting = [
            columns
            for columns in combinations(sorted(several), size)
            if _tells_apart([several[column][1] for column in columns], times_ns)
        ]
        if fitting:  # those named like a key, if they mean the same
            sure = [columns for columns in fitting if all(_is_key(k, several, headers) for k in columns)]
            if sure and len({_signature(columns, several) for columns in sure}) == 1:
                return _keys(sure[0], several)
            raise _question(fitting, headers, lines[conflicting])
    raise DoubledStamps(
        f"{n} rows have a stamp that another row has with another value, the first in line "
        f"{int(lines[np.argmax(conflicting)])}, and no column tells them apart",
        line=int(lines[np.argmax(conflicting)]),
        n_rows=n,
        question={
            "option": "doubled",
            "candidates": [
                {"value": "last", "means": "the last row of a stamp corrects the others"},
                {"value": "first", "means": "the first row of a stamp holds"},
                {"value": "mean", "means": "the rows of a stamp are averaged"},
                {"value": "sum", "means": "the rows of a stamp are parts of one value"},
            ],
        },
    )


def may_name_series(header: str, cells: Sequence[str]) -> bool:
    """Tell a column of names under a header that says so, by its beginning."""
    different = set(cells)
    texts = not all(_NUMBER.fullmatch(cell) for cell in different)
    return 2 <= len(different) <= MAX_KEYS and texts and _NAMES.search(header) is not None


def named_keys(texts: Mapping[int, Cells], columns: Sequence[int]) -> Keys:
    """Return the series of each row by the columns the user names."""
    return _keys(tuple(columns), {column: _coded(texts[column]) for column in columns})


def _question(fitting: Sequence[tuple[int, ...]], headers: Sequence[str], lines: Int64) -> KeyColumn:
    """Return the question which columns name series."""
    differing = " or ".join(
        " and ".join(repr(headers[column]) for column in columns) for columns in fitting[:5]
    )
    candidates: list[JsonValue] = [
        {
            "value": [headers[column] for column in columns],
            "means": f"one series per value of {' and '.join(headers[column] for column in columns)}",
        }
        for columns in fitting[:5]
    ]
    candidates.append(
        {"value": [], "means": "no column names a series: of rows with one stamp the last holds"}
    )
    return KeyColumn(
        f"rows repeat their stamps from line {int(lines[0])} on and differ in {differing}: several series?",
        line=int(lines[0]),
        column=headers[fitting[0][0]],
        question={"option": "key_columns", "candidates": candidates},
    )


def _may_be_key(column: int, values: Sequence[str], headers: Sequence[str], *, n_rows: int) -> bool:
    """Tell columns of few different names or whole numbers from measurements."""
    if not 2 <= len(values) <= min(MAX_KEYS, max(n_rows // 2, 2)):
        return False
    if any(value and not _NUMBER.fullmatch(value) for value in values):
        return True
    whole = all(value.isdigit() for value in values if value)
    return whole and (_NAMES.search(headers[column]) is not None or len(values) <= n_rows // 10)


def _is_key(column: int, coded: Mapping[int, tuple[list[str], Int64]], headers: Sequence[str]) -> bool:
    """Tell names from measurements: texts, or whole numbers under a header that says so."""
    values = coded[column][0]
    numbers = all(_NUMBER.fullmatch(value) for value in values if value)
    return not numbers or (
        _NAMES.search(headers[column]) is not None and all(value.isdigit() for value in values)
    )


def _signature(columns: tuple[int, ...], coded: Mapping[int, tuple[list[str], Int64]]) -> bytes:
    """Return what is equal for columns that part the rows alike."""
    code = _keys(columns, coded).code
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64).tobytes()


def _interleaved(
    coded: Mapping[int, tuple[list[str], Int64]], times_ns: Int64, headers: Sequence[str]
) -> Keys | None:
    """Find a column of names whose rows alternate without ever meeting, as in the history of several sensors.

    They are series of their own if each of them keeps a step that all together do not.
    """
    for column, (names, code) in coded.items():
        if len(names) > 50 or not _is_key(column, coded, headers) or not _NAMES.search(headers[column]):
            continue
        groups = [np.sort(times_ns[code == k]) for k in range(len(names))]
        long = [group for group in groups if len(group) >= 3]
        if len(long) < 2 or len(long) < len(groups) / 2:
            continue
        alone = float(np.median([_regularity(group) for group in long]))
        overlap = min(group[-1] for group in long) - max(group[0] for group in long)
        if overlap > 0 and alone > 0.8 and _regularity(np.sort(times_ns)) < 0.6:
            return _keys((column,), coded)
    return None


def _regularity(times_ns: Int64) -> float:
    """Return the share of distances within a fifth of the usual one."""
    distance = np.diff(times_ns)
    usual = np.median(distance)
    return float((np.abs(distance - usual) <= 0.2 * usual).mean()) if usual > 0 else 0.0


def _tells_apart(codes: Sequence[Int64], times_ns: Int64) -> bool:
    order = np.lexsort((*codes, times_ns))
    same = np.logical_and.reduce([np.diff(column[order]) == 0 for column in (*codes, times_ns)])
    return not bool(same.any())


def _coded(cells: Cells) -> tuple[list[str], Int64]:
    """Return the different cells of a column in order of appearance, and the number of each row's."""
    values, first, inverse = np.unique(np.char.strip(cells), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank: NDArray[np.int64] = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return [values[k].decode("utf-8", "replace") for k in order[: MAX_KEYS + 1]] + [""] * max(
        len(order) - MAX_KEYS - 1, 0
    ), rank[inverse]


def _keys(columns: tuple[int, ...], coded: Mapping[int, tuple[list[str], Int64]]) -> Keys:
    parts = np.stack([coded[column][1] for column in columns])
    unique, first, inverse = np.unique(parts, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    names = tuple(
        " ".join(coded[column][0][value] for column, value in zip(columns, unique[:, k], strict=True))
        for k in order
    )
    return Keys(columns, names, rank[inverse.ravel()])
