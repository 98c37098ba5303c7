"""Numbers from text, by column: one decimal mark and one way of grouping digits for all cells of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.ingest.core.problems import AmbiguousNumbers
from shared.series.arrays import Bool, Float64

Decimal = Literal[".", ","]

_BLANKS = " \xa0\u2009\u202f'’"  # also group digits, in France and Switzerland
_SIGN = "[+\\-\u2212\u2013]"  # a minus as typewriters, typesetters and word processors write it
_NUMERIC = re.compile(
    rf"{_SIGN}?\d[\d.,{_BLANKS}]*(?:[eE][+-]?\d+)?|\d[\d.,]*-|{_SIGN}?[.,]\d+(?:[eE][+-]?\d+)?|\(\d[\d.,]*\)"
)
_GROUPED = {mark: re.compile(rf"{_SIGN}?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})") for mark in ".,"}
_SHORT = re.compile(rf"{_SIGN}?\d{{1,3}}")
_LONG = re.compile(rf"{_SIGN}?\d{{4,}}")
_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "nil", "-", "--", "---", "?", "missing",
     "\u2013", "\u2014", "n.v.", "k.a.", "unavailable", "unknown", "#div/0!", "#value!", "#ref!", "."}
)  # fmt: skip
_UNIT = re.compile(r"(?P<number>.*[\d.,)])\s*(?P<unit>[^\W\d_][\w/²³·*]{0,7}|%|°[CF]?|€|\$|£)")
_CURRENCY = re.compile(r"(?P<unit>€|\$|£|EUR|USD)\s*(?P<number>[-+\d].*)")
_MOST = 0.8  # of a column's cells must have a unit behind the number for it to be one


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written; ``decimal`` None: nothing has shown it yet."""

    decimal: Decimal | None = None
    unit: str = ""
    minus_behind: bool = False  # of all negative numbers of the column


def is_numeric(text: str) -> bool:
    """Tell whether a cell is written like a number in any of the ways we know.

    >>> is_numeric("-1.234,5"), is_numeric("1e400"), is_numeric("12:30"), is_numeric("(5,0)")
    (True, True, False, True)
    """
    return _NUMERIC.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in _MISSING


def find_styles(
    columns: Sequence[tuple[str, Sequence[str]]], *, delimiter: str, decimal: Decimal | None, european: bool
) -> list[NumberStyle]:
    """Return how the numbers of each column are written.

    A column that shows its decimal mark has it; one that does not shares the mark of the others, as they
    come from one hand. Where no column shows it, three digits behind every mark are thousands or
    thousandths: a question.

    Parameters
    ----------
    columns
        Name and cells (not empty) of each value column's beginning.
    delimiter
        Of the file: a semicolon and a decimal comma come together.
    decimal
        What the user says of all columns; None finds out.
    european
        Whether the dates are written with dots, as where points group digits.

    Raises
    ------
    AmbiguousNumbers
        Naming the first column that can be read in two ways.
    """
    units = [_unit(cells) for _, cells in columns]
    cells_of = [_without(unit, cells) for unit, (_, cells) in zip(units, columns, strict=True)]
    behind = [_minus_behind(cells) for cells in cells_of]
    if decimal is not None:
        return [NumberStyle(decimal, unit, minus) for unit, minus in zip(units, behind, strict=True)]
    shown = [_shown(cells) for cells in cells_of]
    marks = {mark for mark in shown if mark in (".", ",")}
    if not marks and european and any(isinstance(mark, Undecided) and mark.mixed for mark in shown):
        marks = {","}  # 900, 941, 982, 1.022: one column shows that points group digits
    common = marks.pop() if len(marks) == 1 else None
    found: list[NumberStyle] = []
    for (name, _), cells, unit, mark, minus in zip(columns, cells_of, units, shown, behind, strict=True):
        if isinstance(mark, Undecided):
            mark = common or _by_custom(name, mark, cells, delimiter=delimiter, european=european)
        found.append(NumberStyle(mark, unit, minus))
    return found


@dataclass(frozen=True)
class Undecided:
    """A column in which every mark has three digits behind it; ``mixed``: others have no mark at all."""

    mark: Decimal
    example: str
    mixed: bool


def parse_numbers(cells: NDArray[np.object_], style: NumberStyle | Decimal | None) -> tuple[Float64, Bool]:
    """Read texts as numbers, exactly as Python's ``float`` would.

    For columns that are not purely numeric: a cell counts only if all of it is a number with this
    decimal mark and, if at all, groups of exactly three digits. Parentheses are a minus.

    Parameters
    ----------
    cells
        Shape (n,), texts; anything else is missing.
    style
        How they are written; without a decimal mark, points are one and commas are text.

    Returns
    -------
    values
        Shape (n,), NaN where there is no number; infinite where it exceeds a float64.
    is_text
        Shape (n,), true where a cell is neither a number nor empty.
    """
    style = style if isinstance(style, NumberStyle) else NumberStyle(style)
    # Numbers without separators of thousands, all at once; what is left is read cell by cell.
    plain = cells
    if style.decimal == ",":
        swap = str.maketrans({",": ".", ".": "?"})
        plain = np.array(
            [cell.translate(swap) if isinstance(cell, str) else "" for cell in cells], dtype=object
        )
    values: Float64 = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(
        dtype=np.float64, copy=True
    )
    rest = np.flatnonzero(np.isnan(values))
    values[rest], is_text_in_rest = _parse_carefully(cells[rest], style)
    is_text = np.zeros(len(cells), dtype=np.bool_)
    is_text[rest] = is_text_in_rest
    return values, is_text


def _parse_carefully(cells: NDArray[np.object_], style: NumberStyle) -> tuple[Float64, Bool]:
    """Read cells one by one by the full grammar of numbers: (values, is text)."""
    texts = pd.Series(cells, dtype=object)
    present = texts.map(lambda cell: isinstance(cell, str)).to_numpy(dtype=np.bool_)
    stripped = texts[present].astype(str).str.strip()
    if style.unit:
        stripped = pd.Series(_without(style.unit, list(stripped)), dtype=object)
    stripped = stripped.astype(str).str.replace("[\u2212\u2013]", "-", regex=True)
    stripped = stripped.str.replace(r"^\((\d[\d.,]*)\)$", r"-\1", regex=True)
    if style.minus_behind:
        stripped = stripped.str.replace(r"^(\d[\d.,]*)-$", r"-\1", regex=True)
    pattern, separators = _grammar(style.decimal)
    numeric = stripped.str.fullmatch(pattern).to_numpy(dtype=np.bool_)
    plain = stripped[numeric].str.replace(separators, "", regex=True).str.replace(",", ".")
    values = np.full(len(cells), np.nan)
    where = np.flatnonzero(present)
    values[where[numeric]] = plain.to_numpy(dtype=object).astype(np.float64)
    is_text = np.zeros(len(cells), dtype=np.bool_)
    is_text[where[~numeric]] = ~stripped[~numeric].map(is_missing).to_numpy(dtype=np.bool_)
    return values, is_text


def _shown(cells: Sequence[str]) -> Decimal | Undecided | None:
    """Return the decimal mark of a column, None if it shows none, or what it leaves open."""
    votes: dict[Decimal, int] = {".": 0, ",": 0}
    marks: tuple[Decimal, Decimal] = (".", ",")
    grouped: dict[Decimal, list[str]] = {".": [], ",": []}
    short = long = 0
    for cell in cells:
        if not is_numeric(cell):
            continue
        text = cell.strip("()").removesuffix("-")
        if mark := next((m for m in marks if _GROUPED[m].fullmatch(text)), None):
            grouped[mark].append(text)
        elif (found := _mark_of(text)) is not None:
            votes[found] += 1
        elif _LONG.fullmatch(text):
            long += 1
        elif _SHORT.fullmatch(text):
            short += 1
    if votes["."] or votes[","]:
        return "." if votes["."] >= votes[","] else ","
    if grouped["."] and grouped[","]:
        return None  # each contradicts the other: the cells of the rarer one are text
    for decimal in marks:
        if grouped[decimal]:
            if long:  # 1200 beside 1.022: who groups digits groups all of them
                return decimal
            return Undecided(decimal, grouped[decimal][0], mixed=short > 0)
    return None


def _by_custom(
    name: str, open_: Undecided, cells: Sequence[str], *, delimiter: str, european: bool
) -> Decimal:
    """Decide by the customs of those who write such files, where they have one.

    Raises
    ------
    AmbiguousNumbers
        With both readings of the first such cell.
    """
    other: Decimal = "," if open_.mark == "." else "."
    if open_.mark == "," and delimiter == ";" and not open_.mixed:
        return ","  # a semicolon and a decimal comma come together
    if open_.mark == "." and not (european or (open_.mixed and delimiter != ",")):
        return "."
    if open_.mark == "." and open_.mixed and european:
        return other  # 900, 941, 982, 1.022: digits are grouped from the thousand on
    plain, point = open_.example.replace(open_.mark, ""), open_.example.replace(",", ".")
    raise AmbiguousNumbers(
        f"{f'column {name!r}: ' if name else ''}{open_.example!r} may be {plain} or {point}",
        cell=open_.example,
        column=name,
        question={
            "option": "decimal",
            "candidates": [
                {"value": other, "means": f"{open_.example} is {plain}"},
                {"value": open_.mark, "means": f"{open_.example} is {point}"},
            ],
        },
    )


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


def _minus_behind(cells: Sequence[str]) -> bool:
    """Tell a column that writes its negative numbers as 5,0-; a single such cell is a slip."""
    behind = sum(cell.endswith("-") and is_numeric(cell) for cell in cells)
    return behind > 1 and not any(re.match(_SIGN, cell) and is_numeric(cell) for cell in cells)


def _unit(cells: Sequence[str]) -> str:
    """Return the unit that stands behind (or, of money, before) the numbers of a column, "" if none does."""
    found = [match for cell in cells if (match := _UNIT.fullmatch(cell) or _CURRENCY.fullmatch(cell))]
    found = [match for match in found if is_numeric(match["number"].strip())]
    units = {match["unit"] for match in found}
    others = sum(not is_missing(cell) for cell in cells) - len(found)
    if len(units) != 1 or others > (1 - _MOST) * len(cells):
        return ""
    unit = units.pop()
    if (
        len(set(cells)) == 1
        and cells[0].endswith(unit)
        and unit.isalnum()
        and cells[0][-len(unit) - 1] != " "
    ):
        return ""  # 1SAG in every row is a name
    return "" if unit.lower() in ("e", "a", "b") else unit


def _without(unit: str, cells: Sequence[str]) -> list[str]:
    """Return cells without a unit behind or before their number."""
    if not unit:
        return list(cells)
    return [cell.removesuffix(unit).removeprefix(unit).strip() for cell in cells]


def _grammar(decimal: Decimal | None) -> tuple[str, str]:
    """Return the patterns of a whole number, and of what groups its digits."""
    other = {".": ",", ",": ".", None: ""}[decimal]
    group = f"[{_BLANKS}{other}]"
    mark = re.escape(decimal or ".")
    whole = rf"(?:\d+|\d{{1,3}}(?P<group>{group})\d{{3}}(?:(?P=group)\d{{3}})*)"
    number = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    return rf"[+-]?(?:{number}|(?i:inf|infinity))", group
