"""An hour that comes twice: the stamps show a clock that was put back, and nobody said whose."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import JsonValue

from services.ingest.core.options import ReadOptions
from services.ingest.core.problems import DoubledHour
from services.ingest.core.rows import Rows
from services.ingest.core.time_index import TimeIndex
from shared.series.arrays import Bool, Int64
from shared.series.wall_clock import zone_info

_HOUR_NS = 3_600 * 10**9
_ZONES = (  # one of each clock that changes
    "Europe/Vienna", "Europe/London", "Europe/Helsinki", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Halifax", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip


def require_zone(rows: Rows, index: TimeIndex, options: ReadOptions) -> None:
    """Ask for the zone of stamps that nobody named one for, if they show a clock that is put back.

    Raises
    ------
    DoubledHour
        As `refuse_doubled_hour` does.
    """
    named = options.timezone is not None or options.doubled is not None or index.timezone != "UTC"
    if not named and index.groups is not None and rows.issued is None:
        refuse_doubled_hour(index.stamps_of_rows, index.conflicting(rows.values), rows.lines)


def refuse_doubled_hour(times_ns: Int64, conflicting: Bool, lines: Int64) -> None:
    """Ask for the zone if a whole hour of the file comes twice, with other values, when clocks are put back.

    Parameters
    ----------
    times_ns
        Shape (n,), the stamps of all rows, read as UTC because nobody named a zone.
    conflicting
        Shape (n,), true where a row has another value than one with the same stamp.
    lines
        Shape (n,), for the message.

    Raises
    ------
    DoubledHour
        With zones whose clock was put back in that hour.
    """
    hours, hour_of = np.unique(times_ns // _HOUR_NS, return_inverse=True)
    rows = np.bincount(hour_of)
    stamps = np.bincount(np.unique(np.stack([hour_of, times_ns]), axis=1)[0], minlength=len(hours))
    doubled = (np.bincount(hour_of[conflicting], minlength=len(hours)) > 0) & (rows == 2 * stamps)
    for hour in np.flatnonzero(doubled):
        moment = datetime.fromisoformat(str(np.datetime64(int(hours[hour]) * 3_600, "s")))
        zones = [name for name in _ZONES if _comes_twice(moment, zone_info(name))]
        if not zones:
            continue
        line = int(lines[np.argmax((hour_of == hour) & conflicting)])
        meanings = {name: f"the stamps show the clock of {name}" for name in zones}
        meanings["UTC"] = "the stamps are UTC; the last row of a stamp corrects the first"
        candidates: list[JsonValue] = [
            {"value": zone, "means": meaning} for zone, meaning in meanings.items()
        ]
        raise DoubledHour(
            f"the hour from {moment:%Y-%m-%d %H:%M} on comes twice with different values (line {line}), "
            "as where a clock is put back; the file names no zone",
            line=line,
            question={"option": "timezone", "candidates": candidates},
        )


def _comes_twice(local: datetime, zone: ZoneInfo) -> bool:
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second
