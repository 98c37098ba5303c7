"""How a table is written: which delimiter splits its lines, and the rows of its beginning."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.core.problems import BrokenQuotes, MixedDelimiters, OneColumn

# Order is preference: a semicolon or tab beats the comma, which may be the decimal mark beside it.
DELIMITERS = (";", "\t", "|", ",")
_NAMES = {" ": "blank", ";": "semicolon", "\t": "tab", "|": "vertical bar", ",": "comma"}
BLANKS = " "  # any number of them
_SAMPLE_LINES = 1000
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DIGITS_OF_DATA = 5  # more digits than a header usually has
_USUAL_SHARE = 0.9  # of the lines have the same number of cells in an orderly table
_LEAST_SHARE = 0.6  # below, the lines do not agree on a delimiter


@dataclass(frozen=True)
class Row:
    """One row of the file's beginning: the 1-based line it starts in, and its cells, blanks stripped.

    ``n_above`` rows stand above it, blank ones included; quoted cells may make that fewer than lines.
    """

    line: int
    n_above: int
    cells: tuple[str, ...]


def split_rows(lines: Sequence[str], delimiter: str) -> list[Row]:
    """Split lines into rows; blank lines give none, quoted cells may hold delimiters and line ends.

    Raises
    ------
    BrokenQuotes
        If a quoted cell does not end.

    Examples
    --------
    >>> split_rows(["a;b\\n", "\\n", '"x;y"; 2\\n'], ";")
    [Row(line=1, n_above=0, cells=('a', 'b')), Row(line=3, n_above=2, cells=('x;y', '2'))]
    """
    if delimiter == BLANKS:
        lines = [" ".join(line.split()) + "\n" if line.strip() else "\n" for line in lines]
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    rows, begin = [], 1
    try:
        for n_above, cells in enumerate(reader):
            stripped = tuple(cell.strip("\ufeff \t\xa0") for cell in cells)
            if any(stripped):
                rows.append(Row(begin, n_above, stripped))
            begin = reader.line_num + 1
    except csv.Error as broken:
        raise BrokenQuotes(f"a quoted cell that begins in line {begin} does not end", line=begin) from broken
    return rows


def find_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter on which most lines agree.

    Raises
    ------
    OneColumn
        If none splits the lines.
    BrokenQuotes
        If a quotation mark keeps the lines together.
    MixedDelimiters
        If one splits some lines and another the rest, naming the first line that deviates.
    """
    sample = [line for line in lines if line.strip()][:_SAMPLE_LINES]
    bare = [_QUOTED.sub("q", line) for line in sample]  # what stands within quotes splits nothing
    shares = {delimiter: _agreement(bare, delimiter) for delimiter in DELIMITERS}
    orderly = [delimiter for delimiter in DELIMITERS if shares[delimiter] >= _USUAL_SHARE]
    if not orderly:  # tables of two widths below each other
        orderly = [mark for mark in DELIMITERS if _agreement(bare, mark, n_widths=2) >= _USUAL_SHARE]
        shares |= dict.fromkeys(orderly, _USUAL_SHARE)
    named = [delimiter for delimiter in orderly if _splits_header(bare, delimiter)]
    best = next(iter(named or orderly), max(DELIMITERS, key=lambda delimiter: shares[delimiter]))
    if shares[best] < _LEAST_SHARE:
        if _agreement([" ".join(line.split()) for line in bare], BLANKS) >= _USUAL_SHARE:
            return BLANKS
        _refuse(lines, shares)
    return best


def delimiter_name(delimiter: str) -> str:
    """Return the word for a delimiter.

    >>> delimiter_name(";")
    'semicolon'
    """
    return _NAMES.get(delimiter, repr(delimiter))


def _splits_header(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether the line above the data has as many cells as they: `Time,Area` knows no bar of BZN|AT."""
    rows = [line.rstrip("\r\n").split(delimiter) for line in lines]
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    first = next((i for i, line in enumerate(lines) if sum(map(str.isdigit, line)) > _DIGITS_OF_DATA), 0)
    return first == 0 or (len(rows[first - 1]) > 1 and abs(len(rows[first - 1]) - usual) <= 1)


def _agreement(lines: Sequence[str], delimiter: str, *, n_widths: int = 1) -> float:
    """Share of the lines with the most frequent numbers of cells; 0 if one of these is 1."""
    try:
        counts = Counter(len(row.cells) for row in split_rows(lines, delimiter))
    except BrokenQuotes:  # or a very long line that this delimiter does not split
        return 0.0
    if not counts:
        return 0.0
    usual = counts.most_common(n_widths)
    return sum(n for _, n in usual) / counts.total() if min(usual)[0] > 1 else 0.0


def _refuse(lines: Sequence[str], shares: dict[str, float]) -> None:
    rows = split_rows(lines, DELIMITERS[0])
    if swallowed := next((row for row in rows if any(cell.count("\n") > 1 for cell in row.cells)), None):
        raise BrokenQuotes(
            f"a quoted cell that begins in line {swallowed.line} runs over several lines", line=swallowed.line
        )
    users = {name: [i for i, line in enumerate(lines, 1) if name in line] for name in shares}
    used = sorted((name for name in users if users[name]), key=lambda name: -len(users[name]))
    if len(used) > 1 and len(users[used[0]]) < len(lines):
        deviating = next((i for i in users[used[1]] if i not in set(users[used[0]])), users[used[1]][0])
        raise MixedDelimiters(
            f"line {deviating} uses the {delimiter_name(used[1])} as delimiter, "
            f"other lines the {delimiter_name(used[0])}",
            line=deviating,
        )
    raise OneColumn(
        f"no delimiter splits the lines into columns; line 1 is {lines[0].strip()[:60]!r}", line=1
    )
