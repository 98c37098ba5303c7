"""Every way of writing date, time and offset that is read, as one grammar over bytes.

Cells are matched as Latin-1 text of their UTF-8 bytes, so that places in a match are places in the bytes.
"""

import re
from collections.abc import Sequence

from services.ingest.core.calendar_words import DAYS, folded
from services.ingest.core.zone_letters import SEVERAL_MEANINGS, ZONES_MINUTES

_LETTERS = r"[A-Za-z\x80-\xff]"
_MARKED = r"(?P<tick>[:.hH])(?P<minute>\d{2})(?:(?P=tick)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_TIME = (
    r"(?:(?:T|,? |,?\s?-\s)\s*(?P<hour>\d{1,2})(?:[AB](?![Mm]))?"
    rf"(?:{_MARKED}|(?P<minute2>\d{{2}})(?P<second2>\d{{2}})?)?"
    r"(?:[AB](?![Mm]))?\s*(?P<half>[AaPp]\.?[Mm]\.?|Uhr|h)?)?"
)
_NAMED_ZONE = "|".join(sorted([*ZONES_MINUTES, *SEVERAL_MEANINGS], key=len, reverse=True))
_OFFSET = r"(?:UTC|GMT)?(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2})?"
_AREA = r"(?:\[(?P<area>[A-Za-z_]+(?:/[A-Za-z_+-]+)+)\])?"
_ZONE = rf"\s*\(?(?P<zone>{_OFFSET}|z|{_NAMED_ZONE})?\)?{_AREA}\s*"
_WEEKDAY = rf"(?:(?P<weekday>{_LETTERS}{{2,24}})\.?,?\s+)?"
_NAMED = rf"(?P<name>{_LETTERS}{{3,24}})\.?"
_COMPACT = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})\.?",
    r"(?P<year>\d{4})[-/](?P<month>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})\.?",
    r"(?P<first>\d{1,2})(?P<mark>\.) (?P<other>\d{1,2})\. (?P<year>\d{4})\.?",
    _COMPACT,
    rf"(?P<day>\d{{1,2}})(?:[ .-]\s*| de ){_NAMED}(?:[ ,-]\s*| de )(?P<year>\d{{4}}|\d{{2}})\.?",
    rf"(?P<year>\d{{4}})\. ?{_NAMED} (?P<day>\d{{1,2}})\.?",
    rf"{_NAMED} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    rf"{_NAMED}[ -](?P<year>\d{{4}})",
    r"(?P<year>\d{4})(?:-| )?Q(?P<quarter>[1-4])",
    r"Q(?P<quarter>[1-4])[ /-]?(?P<year>\d{4})",
    r"(?P<quarter>[1-4])\. ?Quartal (?P<year>\d{4})",
    r"(?P<year>\d{4})-?W(?P<week>\d{2})(?:-(?P<weekday_number>[1-7]))?",
    r"KW ?(?P<week>\d{1,2})[ /-]+(?P<year>\d{4})",
)
_CLOCK_FIRST = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?,? "
_GRAMMAR = (
    *(re.compile(rf"\s*{_WEEKDAY}{date}{_TIME}{_ZONE}") for date in _DATES),
    *(re.compile(rf"\s*{_CLOCK_FIRST}{date}\s*") for date in (_DATES[0], _DATES[2])),
    re.compile(rf"\s*{_COMPACT}[:T ]?(?P<hour>\d{{2}})(?P<minute>\d{{2}})?(?P<second>\d{{2}})?\s*"),
    re.compile(rf"\s*{_COMPACT}(?P<hour>\d{{2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?{_ZONE}"),
)
_CLOCK = re.compile(
    r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[AaPp]\.?[Mm]\.?|Uhr)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
    rf"|\s*\d{{1,2}}[AB]?:\d{{2}}[AB]?\s*(?:\(?(?:{_NAMED_ZONE})\)?)?\s*"
)
_UNTIL = re.compile(
    r"(?P<begin>.*?\d.*?)(?:\s+-\s*|\s*(?:\x96|\xe2\x80\x93)\s*|/(?=\d{4}-\d)|\s+(?:bis|to|until)\s+)"
)


def match_stamp(example: str) -> re.Match[str] | None:
    """Return how a cell is written, the beginning where it names an interval; None if it is no stamp."""
    if (match := _whole(example)) is not None:
        return match
    if (until := _UNTIL.match(example)) is None:
        return None
    end = example[until.end() :]
    return _whole(until["begin"]) if is_clock_time(end) or _whole(end) else None


def zone_letters_of(cells: Sequence[str]) -> set[str]:
    """Return the letters by which stamps name their clock.

    >>> zone_letters_of(["2024-01-01 10:00 EST", "EST"])
    {'EST'}
    """
    found = [match_stamp(cell.encode("utf-8", "replace").decode("latin-1")) for cell in cells]
    return {(match.groupdict().get("zone") or "").upper() for match in found if match is not None} - {""}


def is_clock_time(text: str) -> bool:
    """Tell whether a text is a time of day alone, or two of them from one to the other."""
    if _CLOCK.fullmatch(text) is not None:
        return True
    first, mark, last = text.partition("-")
    return bool(mark) and all(_CLOCK.fullmatch(half) is not None for half in (first, last))


def _whole(example: str) -> re.Match[str] | None:
    for grammar in _GRAMMAR:
        match = grammar.fullmatch(example)
        weekday = match.groupdict().get("weekday") if match is not None else None
        if match is not None and (weekday is None or folded(as_written(weekday)) in DAYS):
            return match
    return None


def as_written(latin: str) -> str:
    """Return text whose UTF-8 bytes were taken for Latin-1 as it was written.

    >>> as_written("J\\xc3\\xa4nner")
    'Jänner'
    """
    return latin.encode("latin-1", "replace").decode("utf-8", "replace")
