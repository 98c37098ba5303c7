"""Display names of series, from a table's header and the file's name."""

import re
from collections.abc import Sequence

MAX_LENGTH = 255  # characters; what a display name may have (`SeriesSpec.name`)
_GENERIC = frozenset({"", "value", "values", "wert", "werte", "messwert", "y", "data", "daten"})
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


def clean(text: str) -> str:
    """Return a name without control characters, invisible marks and repeated blanks.

    >>> clean("\\ufeff Load\\n (MW) ")
    'Load (MW)'
    """
    return " ".join(_UNSEEN.sub(" ", text).split())[:MAX_LENGTH].rstrip()


def column_name(header: str, index: int) -> str:
    """Return the name of the column at a 0-based index; nameless columns are counted from 1.

    >>> column_name("", 2)
    'column 3'
    """
    return clean(header) or f"column {index + 1}"


def stem(file_name: str) -> str:
    """Return what a file is called, without folders and extension; never a path.

    >>> stem("../../etc/load 2024.csv"), stem("C:\\\\data\\\\wind.CSV"), stem("..")
    ('load 2024', 'wind', '')
    """
    last = re.split(r"[/\\]", file_name)[-1]
    return clean(re.sub(r"\.[A-Za-z0-9]{1,5}$", "", last).strip(". "))


def display_names(names: Sequence[str], *, file_name: str = "") -> tuple[str, ...]:
    """Return one distinct display name per value column.

    A single column whose header says nothing ("value", "Wert", no header) is called like its file;
    repeated names are numbered.

    >>> display_names(["Wert"], file_name="load.csv"), display_names(["a", "b", "a"])
    (('load',), ('a', 'b', 'a (2)'))
    """
    called = stem(file_name)
    if len(names) == 1 and called and (names[0].lower() in _GENERIC or names[0].startswith("column ")):
        return (called,)
    distinct: dict[str, None] = {}
    for name in names:
        candidate, count = name, 1
        while candidate in distinct:
            count += 1
            suffix = f" ({count})"
            candidate = name[: MAX_LENGTH - len(suffix)] + suffix
        distinct[candidate] = None
    return tuple(distinct)
