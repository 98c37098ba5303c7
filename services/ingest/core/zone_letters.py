"""Letters that name a clock behind a stamp: some have one meaning, some as many as there are continents."""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.ingest.core.problems import AmbiguousZone
from shared.series.wall_clock import zone_info

ZONES_MINUTES = {  # of one meaning, minutes east of Greenwich
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "MEZ": 60, "CEST": 120, "MESZ": 120,
    "EET": 120, "OEZ": 120, "EEST": 180, "OESZ": 180, "JST": 540, "KST": 540, "AWST": 480, "ACST": 570,
    "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip
SEVERAL_MEANINGS = {  # .. and the zones that are meant most often
    "EST": ("America/New_York", "America/Panama"),
    "EDT": ("America/New_York",),
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "CDT": ("America/Chicago", "America/Havana"),
    "MST": ("America/Denver", "America/Phoenix"),
    "MDT": ("America/Denver",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "PDT": ("America/Los_Angeles",),
    "AKST": ("America/Anchorage",),
    "AKDT": ("America/Anchorage",),
    "HST": ("Pacific/Honolulu",),
    "AST": ("America/Halifax", "America/Puerto_Rico"),
    "ADT": ("America/Halifax",),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "IDT": ("Asia/Jerusalem",),
    "BST": ("Europe/London",),
    "MSK": ("Europe/Moscow",),
    "SAST": ("Africa/Johannesburg",),
    "PKT": ("Asia/Karachi",),
    "WIB": ("Asia/Jakarta",),
    "HKT": ("Asia/Hong_Kong",),
}
_YEARS = range(1990, 2038)


@lru_cache(maxsize=64)
def letters_of(zone: str | None) -> tuple[tuple[str, int], ...]:
    """Return what letters of several meanings mean in a zone, in minutes east of Greenwich.

    Letters whose meaning changed there over the years are left out.

    >>> letters_of("America/New_York"), letters_of("Asia/Kolkata"), letters_of(None)
    ((('EDT', -240), ('EST', -300)), (('IST', 330),), ())
    """
    if zone in (None, "UTC"):
        return ()
    clock: ZoneInfo = zone_info(zone)
    found: dict[str, set[int]] = {}
    for year in _YEARS:
        for month in range(1, 13):
            local = datetime(year, month, 15, tzinfo=UTC).astimezone(clock)
            offset = local.utcoffset()
            if offset is not None:
                found.setdefault(local.tzname() or "", set()).add(round(offset.total_seconds() / 60))
    known = {letters: offsets.pop() for letters, offsets in found.items() if len(offsets) == 1}
    return tuple(sorted((letters, known[letters]) for letters in known if letters in SEVERAL_MEANINGS))


def refuse_open_letters(letters: Collection[str], zone: str | None, *, line: int) -> None:
    """Ask for the zone if one of the letters behind stamps has several meanings, and ``zone`` knows none.

    Raises
    ------
    AmbiguousZone
        With the zones that are meant most often.
    """
    open_ = sorted((SEVERAL_MEANINGS.keys() & letters) - {known for known, _ in letters_of(zone)})
    if not open_:
        return
    shown = " and ".join(open_)
    candidates = dict.fromkeys(name for one in open_ for name in SEVERAL_MEANINGS[one])
    unknown = f"; the clock of {zone} knows no {shown}" if zone else ""
    raise AmbiguousZone(
        f"the stamps name their clock {shown}, which has several meanings{unknown}",
        line=line,
        question={
            "option": "timezone",
            "candidates": [{"value": name, "means": f"{shown} of {name}"} for name in candidates],
        },
    )
