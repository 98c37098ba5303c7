"""Every way of writing date, time and offset that is read, as one grammar over bytes.

Cells are matched as Latin-1 text of their UTF-8 bytes, so that places in a match are places in the bytes.
"""

import re
import unicodedata

_NAMES_OF_MONTHS = (  # English, German, Austrian, French, Italian, Spanish, Portuguese, Dutch, Nordic, Slavic
    "january januar jaenner jänner janvier gennaio enero janeiro januari stycznia styczen ledna leden января",
    "february februar feber fevrier febbraio febrero fevereiro februari lutego luty unora unor февраля",
    "march maerz märz mrz mars marzo marco maart mrt marca marzec brezna brezen marec марта",
    "april avril aprile abril kwietnia kwiecien dubna duben апреля",
    "may mai maggio mayo maio mei maj maja kvetna kveten мая",
    "june juni juin giugno junio junho czerwca czerwiec cervna junij июня",
    "july juli juillet luglio julio julho lipca lipiec cervence julij июля",
    "august aout agosto augustus sierpnia sierpien srpna srpen avgust августа",
    "september septembre settembre septiembre setembro wrzesnia wrzesien zari сентября",
    "october oktober octobre ottobre octubre outubro pazdziernika pazdziernik rijna rijen октября",
    "november novembre noviembre novembro listopada listopadu ноября",
    "december dezember decembre dicembre diciembre dezembro grudnia grudzien prosince prosinec декабря",
)
_NAMES_OF_DAYS = (
    "monday montag lundi lunedi lunes maandag poniedzialek pondeli",
    "tuesday dienstag mardi martedi martes dinsdag wtorek utery",
    "wednesday mittwoch mercredi mercoledi miercoles woensdag sroda streda",
    "thursday donnerstag jeudi giovedi jueves donderdag czwartek ctvrtek",
    "friday freitag vendredi venerdi viernes vrijdag piatek patek",
    "saturday samstag sonnabend samedi sabato sabado zaterdag sobota",
    "sunday sonntag dimanche domenica domingo zondag niedziela nedele",
)
ZONES_MINUTES = {  # abbreviations of one meaning; IST, CST and the like have several
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "MEZ": 60, "CEST": 120, "MESZ": 120,
    "EET": 120, "OEZ": 120, "EEST": 180, "OESZ": 180,
}  # fmt: skip

_LETTERS = r"[A-Za-z\x80-\xff]"
_MARKED = r"(?P<tick>[:.hH])(?P<minute>\d{2})(?:(?P=tick)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_TIME = (
    r"(?:(?:T|,? |,?\s?-\s)\s*(?P<hour>\d{1,2})(?:[AB](?![Mm]))?"
    rf"(?:{_MARKED}|(?P<minute2>\d{{2}})(?P<second2>\d{{2}})?)?"
    r"(?:[AB](?![Mm]))?\s*(?P<half>[AaPp]\.?[Mm]\.?|Uhr|h)?)?"
)
_NAMED_ZONE = "|".join(sorted(ZONES_MINUTES, key=len, reverse=True))
_OFFSET = r"(?:UTC|GMT)?(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2})?"
_AREA = r"(?:\[[A-Za-z_]+(?:/[A-Za-z_+-]+)+\])?"
_ZONE = rf"\s*\(?(?P<zone>{_OFFSET}|z|{_NAMED_ZONE})?\)?{_AREA}\s*"
_WEEKDAY = rf"(?:(?P<weekday>{_LETTERS}{{2,24}})\.?,?\s+)?"
_NAMED = rf"(?P<name>{_LETTERS}{{3,24}})\.?"
_COMPACT = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<year>\d{4})[-/](?P<month>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
    _COMPACT,
    rf"(?P<day>\d{{1,2}})(?:[ .-]\s*| de ){_NAMED}(?:[ ,-]\s*| de )(?P<year>\d{{4}}|\d{{2}})",
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


def is_clock_time(text: str) -> bool:
    """Tell whether a text is a time of day alone, or two of them from one to the other."""
    if _CLOCK.fullmatch(text) is not None:
        return True
    first, mark, last = text.partition("-")
    return bool(mark) and all(_CLOCK.fullmatch(half) is not None for half in (first, last))


def month_named(name: str) -> int:
    """Return the month of a name or an abbreviation of at least three letters, 0 if there is none.

    >>> month_named("Jänner"), month_named("ago"), month_named("jui"), month_named("Foo")
    (1, 8, 0, 0)
    """
    return _MONTHS.get(_folded(name), 0)


def _whole(example: str) -> re.Match[str] | None:
    for grammar in _GRAMMAR:
        match = grammar.fullmatch(example)
        if match is not None and _is_weekday(match.groupdict().get("weekday")):
            return match
    return None


def _is_weekday(name: str | None) -> bool:
    return name is None or _folded(as_written(name)) in _DAYS


def as_written(latin: str) -> str:
    """Return text whose UTF-8 bytes were taken for Latin-1 as it was written.

    >>> as_written("J\\xc3\\xa4nner")
    'Jänner'
    """
    return latin.encode("latin-1", "replace").decode("utf-8", "replace")


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _prefixes(names: tuple[str, ...], shortest: int) -> dict[str, int]:
    """Return every beginning of the names that belongs to one number alone."""
    found: dict[str, set[int]] = {}
    for number, words in enumerate(names, 1):
        for word in map(_folded, words.split()):
            for length in range(min(shortest, len(word)), len(word) + 1):
                found.setdefault(word[:length], set()).add(number)
    return {beginning: numbers.pop() for beginning, numbers in found.items() if len(numbers) == 1}


_MONTHS = _prefixes(_NAMES_OF_MONTHS, 3)
_DAYS = _prefixes(_NAMES_OF_DAYS, 2) | {
    "mi": 3,
    "ma": 2,
    "me": 3,
    "sa": 6,
    "so": 7,
    "su": 7,
    "do": 4,
    "di": 2,
}
