"""A whole column of time stamps: how it is written, and which of its readings holds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from services.ingest.core.dialect import DELIMITERS, delimiter_name
from services.ingest.core.fixed_width import Cells, as_cells, shapes
from services.ingest.core.problems import AmbiguousTimestamps, BadTimestamp, MixedDelimiters, MixedZones
from services.ingest.core.stamp_grammar import zone_letters_of
from services.ingest.core.timestamps import NAT, YEARS, Readings, is_stamp, read_stamps
from services.ingest.core.zone_letters import letters_of, refuse_open_letters
from shared.series.arrays import Bool, Int64
from shared.series.problems import BadSetting

UNITS_NS = {"epoch_s": 10**9, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
_EPOCH = re.compile(r"\s*(?P<whole>\d{1,19})(?:[.,](?P<fraction>\d{1,9}))?\s*")
_EPOCH_DIGITS = {9: "epoch_s", 10: "epoch_s", 12: "epoch_ms", 13: "epoch_ms", 16: "epoch_us", 19: "epoch_ns"}
EXCEL = "excel_days"
_EXCEL_EPOCH_DAYS = 25_569  # from 1899-12-30 to 1970-01-01
_EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119
_DAY_NS = 86_400 * 10**9
_LEAST_SHARE = 0.5  # of a column's first cells must be stamps for it to be the time column
_SHOWN = 5
_FAR = 5  # times the time another reading takes
_SHORT_YEARS = re.compile(r"\d{2}(?P<mark>[-/])\d{2}(?P=mark)\d{2}(?P<clock>[ T]\d{2}:\d{2}(?::\d{2})?)?")


@dataclass(frozen=True)
class TimeRule:
    """How the cells of a column are read: ``calendar``, one of the epochs, or a strptime format."""

    name: str = "calendar"
    zone: str | None = field(default=None, repr=False)  # that the user names: its letters are read

    def read(self, cells: Cells) -> Readings:
        """Read cells; ``NAT`` where one is no time stamp."""
        if self.name == "calendar":
            return read_stamps(cells, dict(letters_of(self.zone)))
        if self.name == EXCEL:
            stamps = _read_excel(cells)
            return Readings(stamps, stamps, *np.zeros((2, len(cells)), dtype=np.bool_))
        unit_ns = UNITS_NS.get(self.name)
        stamps = _strptime(cells, self.name) if unit_ns is None else _read_epoch(cells, unit_ns)
        zoned = unit_ns is not None or "%z" in self.name
        return Readings(stamps, stamps, np.full(len(cells), zoned), np.zeros(len(cells), dtype=np.bool_))

    def share(self, texts: Sequence[str]) -> float:
        """Return the share of texts that this rule reads."""
        readings = self.read(as_cells(list(texts)))
        return float(np.mean(_is_read(readings))) if texts else 0.0


def named_rule(time_format: str) -> TimeRule:
    """Return the rule a user names.

    Raises
    ------
    BadSetting
        If it is neither an epoch nor a strptime format.
    """
    rule = TimeRule(time_format)
    if time_format in (*UNITS_NS, EXCEL):
        return rule
    try:
        if "%" not in time_format:
            raise ValueError("it contains no directive such as %Y")
        rule.share(["2024-01-01"])
    except (ValueError, re.error) as error:
        raise BadSetting(
            f"time_format {time_format!r} is no format of dates: {error}", field="time_format"
        ) from error
    return rule


def calendar_rule(texts: Sequence[str], zone: str | None = None) -> TimeRule | None:
    """Return the rule for texts that are written dates, None if they are not."""
    rule = TimeRule(zone=zone)
    return rule if rule.share(texts) >= _LEAST_SHARE else None


def year_first_rule(texts: Sequence[str], *, line: int) -> TimeRule | None:
    """Return the rule for dates like 24-03-14 whose year is first; None if it is last or has four digits.

    Of both readings the one holds whose rows follow each other, in the shorter time.

    Raises
    ------
    AmbiguousTimestamps
        If nothing tells.

    >>> year_first_rule(["24-03-14", "24-03-15"], line=2), year_first_rule(["14-03-24", "15-03-24"], line=2)
    (TimeRule(name='%y-%m-%d'), None)
    """
    written = [match for text in texts if (match := _SHORT_YEARS.fullmatch(text.strip()))]
    if len(written) < 2 or len(written) < len(texts):
        return None
    mark, clock = written[0]["mark"], written[0]["clock"] or ""
    pattern = f"%y{mark}%m{mark}%d" + re.sub(r"\d+", "{}", clock).format(
        *("%H", "%M", "%S")[: len(clock) // 3]
    )
    cells, rule = as_cells([text.strip() for text in texts]), TimeRule(pattern)
    first, last = rule.read(cells).day_first, read_stamps(cells)
    others = [one for one in (last.day_first, last.month_first) if not (one == NAT).any()]
    if (first == NAT).any() or not others:
        return rule if not (first == NAT).any() else None
    spans = [_span(one) for one in others]
    if _span(first) * _FAR < min(spans):
        return rule
    if min(spans) * _FAR < _span(first):
        return None
    raise AmbiguousTimestamps(
        f"{texts[0]!r} may begin with the year, or end with it",
        line=line,
        question={
            "option": "time_format",
            "candidates": [
                {"value": pattern, "means": "the year comes first"},
                {
                    "value": pattern.replace("%y", "%_").replace("%d", "%y").replace("%_", "%d"),
                    "means": "the day comes first",
                },
            ],
        },
    )


def _span(stamps: Int64) -> float:
    """Return the time all stamps take, endless where they do not follow each other one way."""
    steps = np.diff(stamps)
    return float(np.ptp(stamps)) if (steps >= 0).all() or (steps <= 0).all() else np.inf


def epoch_rule(texts: Sequence[str]) -> TimeRule | None:
    """Return the rule for texts that count seconds (or parts of them) since 1970, None if they do not.

    >>> epoch_rule(["1704067200", "1704070800"]), epoch_rule(["17", "18"])
    (TimeRule(name='epoch_s'), None)
    """
    digits = {len(re.split("[.,]", text.strip())[0]) for text in texts}
    units = {_EPOCH_DIGITS.get(count) for count in digits}
    unit = units.pop() if len(units) == 1 else None
    rule = TimeRule(unit) if unit else None
    return rule if rule and rule.share(texts) >= _LEAST_SHARE else None


def excel_rule(texts: Sequence[str]) -> TimeRule | None:
    """Return the rule for texts that count days since 1900 as workbooks do, None if they do not.

    They must ascend by whole minutes within the years 1954 to 2119, and not be far apart.

    >>> excel_rule(["45292", "45292.041667"]), excel_rule(["45292", "45291"])
    (TimeRule(name='excel_days'), None)
    """
    rule = TimeRule(EXCEL)
    stamps = rule.read(as_cells(list(texts))).day_first
    if len(stamps) < 2 or (stamps == NAT).any():
        return None
    distance = np.diff(stamps)
    orderly = (distance > 0).all() and (distance < 400 * _DAY_NS).all()
    return rule if orderly and len({text.strip() for text in texts}) == len(texts) else None


def require_stamps(
    readings: Readings, cells: Cells, lines: Int64, *, delimiter: str, zone: str | None = None
) -> None:
    """Do nothing if every cell is a time stamp in one reading at least.

    Raises
    ------
    AmbiguousZone
        If the first such cell ends in letters that several zones use.
    MixedDelimiters
        If it goes on behind another delimiter.
    BadTimestamp
        Naming the first lines and cells that are no time stamps.
    """
    bad = np.flatnonzero(~_is_read(readings))
    if not len(bad):
        return
    found = [(int(lines[row]), cells[row].decode("utf-8", "replace")) for row in bad[:_SHOWN]]
    line, text = found[0]
    refuse_open_letters(zone_letters_of([text]), zone, line=line)
    others = [mark for mark in DELIMITERS if mark in text and mark != delimiter]
    if other := next((mark for mark in others if is_stamp(text.split(mark)[0])), None):
        raise MixedDelimiters(
            f"line {line} uses the {delimiter_name(other)} as delimiter, "
            f"other lines the {delimiter_name(delimiter)}",
            line=line,
        )
    near = f" (and {len(bad) - 1} more near it)" if len(bad) > 1 else ""
    what = f"{text!r} is no time stamp" if text.strip() else "the time stamp is missing"
    raise BadTimestamp(
        f"line {line}: {what}{near}", lines=[at for at, _ in found], cells=[cell for _, cell in found]
    )


def choose_reading(readings: Readings, lines: Int64, *, day_first: bool | None) -> tuple[Int64, bool | None]:
    """Return the one reading of the column that holds, and whether it takes the day first.

    A reading is out when it makes a single cell no date. If both remain and differ, dates with dots
    are day first; of others, a reading in which all rows follow each other within less than a day
    wins over one with jumps of days. Daily and monthly dates give no such evidence.

    Parameters
    ----------
    readings
        Of the whole column, in file order.
    lines
        Shape (n,), 1-based lines of the file, for messages.
    day_first
        What the user says; None decides.

    Raises
    ------
    BadTimestamp
        If neither reading makes dates of all cells, or the named one does not.
    AmbiguousTimestamps
        If nothing decides.
    """
    both = {True: readings.day_first, False: readings.month_first}
    if readings.day_first is readings.month_first or np.array_equal(readings.day_first, readings.month_first):
        return readings.day_first, None
    allowed = [True, False] if day_first is None else [day_first]
    whole = [order for order in allowed if not (both[order] == NAT).any()]
    if len(whole) > 1 and readings.dotted:
        return readings.day_first, True
    if len(whole) > 1:
        steps = {order: np.diff(np.sort(both[order])) for order in whole}
        whole = [order for order in whole if len(steps[order]) and steps[order].max() < _DAY_NS]
    if len(whole) == 1:
        return both[whole[0]], whole[0]
    if whole or not any((both[order] == NAT).any() for order in allowed):
        first = int(np.flatnonzero(readings.day_first != readings.month_first)[0])
        meant = {
            order: str(both[order][first].astype("datetime64[ns]").astype("datetime64[D]"))
            for order in allowed
        }
        raise AmbiguousTimestamps(
            "every date reads both as day/month and as month/day, and the two differ",
            line=int(lines[first]),
            question={
                "option": "day_first",
                "candidates": [
                    {"value": order, "means": f"the first such date is {meant[order]}"} for order in allowed
                ],
            },
        )
    words = {True: "day first", False: "month first"}
    found = [(words[order], int(lines[np.flatnonzero(both[order] == NAT)[0]])) for order in allowed]
    why = ", and ".join(f"line {line} is no date when read {word}" for word, line in found)
    raise BadTimestamp(f"the dates contradict each other: {why}", lines=[line for _, line in found])


def require_one_clock(readings: Readings, lines: Int64, *, local: bool) -> Bool:
    """Return which stamps name their offset from UTC: all of them, or none.

    Where the file's zone is known (``local``), abbreviations such as CEST may stand in single rows, as in
    the hour that comes twice.

    Raises
    ------
    MixedZones
        If only some do, naming the first line that differs from the first row.
    """
    zoned = readings.zoned
    if len(zoned) == 0 or (zoned == zoned[0]).all() or (local and (zoned <= readings.named).all()):
        return zoned
    line = int(lines[np.flatnonzero(zoned != zoned[0])[0]])
    has, had = ("no", "one") if zoned[0] else ("an", "none")
    raise MixedZones(
        f"the time stamp in line {line} has {has} offset from UTC, lines before have {had}", line=line
    )


def _is_read(readings: Readings) -> Bool:
    return np.not_equal(readings.day_first, NAT) | np.not_equal(readings.month_first, NAT)


def _read_epoch(cells: Cells, unit_ns: int) -> Int64:
    """Read counts of units since 1970; fractions of a unit are kept to the nanosecond."""
    stamps = np.full(len(cells), NAT)
    for shape in shapes(cells):
        match = _EPOCH.fullmatch(shape.example)
        if match is None:
            continue
        whole = shape.number(match.span("whole"))
        valid = (whole >= 0) & (whole <= np.iinfo(np.int64).max // unit_ns - 1)
        total = np.where(valid, whole, 0) * unit_ns
        if match["fraction"]:
            total += shape.number(match.span("fraction")) * unit_ns // 10 ** len(match["fraction"])
        stamps[shape.rows] = np.where(valid, total, NAT)
    return stamps


def _read_excel(cells: Cells) -> Int64:
    """Read counts of days since 1899-12-30, to the nearest second."""
    texts = (
        pd.Series(np.char.decode(cells, "utf-8", "replace"), dtype=object).str.strip().str.replace(",", ".")
    )
    days = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    valid = (days >= _EXCEL_DAYS[0]) & (days < _EXCEL_DAYS[1])
    seconds = np.rint(np.where(valid, days, 0.0) * 86_400).astype(np.int64)
    minutes = (
        np.rint(seconds / 60).astype(np.int64) * 60
    )  # written with six places, they miss by parts of a second
    seconds = np.where(np.abs(seconds - minutes) <= 1, minutes, seconds)
    return np.where(valid, (seconds - _EXCEL_EPOCH_DAYS * 86_400) * 10**9, NAT)


def _strptime(cells: Cells, pattern: str) -> Int64:
    texts = pd.Series(np.char.decode(cells, "utf-8", "replace"), dtype=object)
    parsed = pd.to_datetime(texts, format=pattern, errors="coerce", utc="%z" in pattern)
    moments = parsed.dt.tz_localize(None).to_numpy()
    years = moments.astype("M8[Y]").astype(np.int64) + 1970
    fits = ~np.isnat(moments) & (years >= YEARS[0]) & (years < YEARS[1])
    stamps = np.full(len(cells), NAT)
    stamps[fits] = moments[fits].astype("M8[ns]").astype(np.int64)
    return stamps
