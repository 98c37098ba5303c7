"""Stamps in several columns: date and time of day, year and month and so on, the clock beside them."""

import re
from collections.abc import Sequence

from services.ingest.core.fixed_width import as_cells
from services.ingest.core.options import ReadOptions
from services.ingest.core.stamp_grammar import is_clock_time
from services.ingest.core.table import Table
from services.ingest.core.time_column import calendar_rule
from services.ingest.core.timestamps import Readings
from services.ingest.core.zone_letters import SEVERAL_MEANINGS, ZONES_MINUTES

USUAL_SHARE = 0.8
_OFFSET = re.compile(rf"(?:UTC|GMT)?[+-]\d{{2}}:?\d{{2}}|{'|'.join([*ZONES_MINUTES, *SEVERAL_MEANINGS])}")
_PARTS = (  # names of columns in the order of a stamp, and what their numbers lie between
    (
        (
            "year",
            "jahr",
            "yyyy",
            "yy",
            "year (utc)",
            "año",
            "ano",
            "annee",
            "année",
            "anno",
            "yr",
            "rok",
            "jaar",
        ),
        (1700, 2261),
    ),
    (("month", "monat", "mm", "mes", "mois", "mese", "mo", "mon", "maand"), (1, 12)),
    (("day", "tag", "dd", "dia", "día", "jour", "giorno", "dy", "dag"), (1, 31)),
    (("hour", "stunde", "hh", "hora", "heure", "ora", "hr", "uur", "std"), (0, 25)),
    (("minute", "min", "minuto", "minuut", "mn", "mm"), (0, 59)),
)


def calendar_parts(table: Table) -> tuple[int, ...] | None:
    """Return the columns of year, month and day, and of hour and minute where the day has them."""
    found: list[int] = []
    for names, (low, high) in _PARTS:
        headers = [header.lower().strip() for header in table.headers]
        column = next((i for i, name in enumerate(headers) if name in names and i not in found), None)
        if column is None:
            break
        cells = table.column(column)
        if not cells or not all(cell.isdigit() and low <= int(cell[:6]) <= high for cell in cells):
            break
        found.append(column)
    if len(found) < 3:
        return None
    hours = {int(cell) for cell in table.column(found[3])} if len(found) > 3 else {0}
    return tuple(found[:3]) if max(hours) > 23 or (min(hours) == 1 and max(hours) == 24) else tuple(found)


def with_zone(table: Table, time: tuple[int, ...], options: ReadOptions) -> tuple[int, ...]:
    """Add the column that names the clock of each row (CET, +01:00) where the stamps themselves do not."""
    if len(time) == 1 and is_date_only(table, time[0]):
        return time
    own = _read(table, time, options)
    if own is None or own.zoned.any():
        return time
    for column in range(table.n_columns):
        cells = table.column(column)
        if column in time or not cells or not all(_OFFSET.fullmatch(cell) for cell in cells):
            continue
        read = _read(table, (*time, column), options)
        if read is not None and read.zoned.all():
            return (*time, column)
    return time


def _read(table: Table, columns: tuple[int, ...], options: ReadOptions) -> Readings | None:
    texts = joined(table, columns)
    rule = calendar_rule(texts, options.timezone)
    return None if rule is None else rule.read(as_cells(texts))


def clock_column(table: Table, date: int) -> int | None:
    """Return the column of times of day nearest to the right of a date, or nearest at all."""
    clocks = [i for i in range(table.n_columns) if share_of_clocks(table.column(i)) >= USUAL_SHARE]
    return min(clocks, key=lambda i: (i < date, abs(i - date)), default=None)


def is_date_only(table: Table, index: int) -> bool:
    return not any(":" in cell for cell in table.column(index)) and all(
        len(cell) <= len("31. Dezember 2024") for cell in table.column(index)[:10]
    )


def share_of_clocks(cells: Sequence[str]) -> float:
    return sum(map(is_clock_time, cells)) / len(cells) if cells else 0.0


def joined(table: Table, columns: tuple[int, ...]) -> list[str]:
    rows = (joined_text([row.cells[i] for i in columns]) for row in table.body)
    return [text for text in rows if text.strip(" -:")]


def joined_text(parts: Sequence[str]) -> str:
    """Return the stamp whose parts stand in several columns.

    >>> joined_text(["31.12.2024", "13:45"]), joined_text(["2024", "12", "31", "5"])
    ('31.12.2024 13:45', '2024-12-31 5:00')
    """
    if len(parts) < 3 or not parts[0].strip().isdigit():
        return " ".join(parts)
    year, month, day, *clock = (part.strip() for part in parts)
    hour = f" {clock[0]}:{(clock[1] if len(clock) > 1 else '0').zfill(2)}" if clock else ""
    return f"{year}-{month}-{day}{hour}"
