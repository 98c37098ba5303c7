"""Tables as CSV for people: no cell is one a spreadsheet would run."""

import csv
import io
from collections.abc import Iterable, Sequence

Cell = str | float | int | bool | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(cell: Cell) -> Cell:
    """Return a cell no spreadsheet takes for a formula; numbers stay numbers.

    >>> plain_cell("=cmd()"), plain_cell(-1.5), plain_cell("load")
    ("'=cmd()", -1.5, 'load')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def as_csv(header: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    r"""Return a CSV text with Unix line ends; None is an empty cell, numbers keep all their digits.

    >>> as_csv(["name", "MAE"], [["a;b", 0.1], ["c,d", None]])
    'name,MAE\na;b,0.1\n"c,d",\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([plain_cell(name) for name in header])
    writer.writerows([plain_cell(cell) for cell in line] for line in lines)
    return text.getvalue()
