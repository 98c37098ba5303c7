"""An hour that comes twice: the stamps show a clock that was put back, and nobody said whose."""

from datetime import datetime

import numpy as np
from pydantic import JsonValue

from services.ingest.core.options import ReadOptions
from services.ingest.core.problems import DoubledHour
from services.ingest.core.rows import Rows
from services.ingest.core.time_index import TimeIndex
from shared.series.wall_clock import zone_info

_HOUR_NS = 3_600 * 10**9
_ZONES = (  # one of each clock that changes
    "Europe/Vienna", "Europe/London", "Europe/Helsinki", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Halifax", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip


def require_zone(rows: Rows, index: TimeIndex, options: ReadOptions) -> None:
    """Ask for the zone of stamps that nobody named one for, if they show a clock that is put back.

    They do if a whole hour of the file comes twice, with other values, when some clocks are put back.

    Raises
    ------
    DoubledHour
        With zones whose clock was put back in that hour.
    """
    named = options.timezone is not None or options.doubled is not None or index.timezone != "UTC"
    if named or index.groups is None or rows.issued is not None:
        return
    times_ns, conflicting = index.stamps_of_rows, index.conflicting(rows.values)
    hours, hour_of = np.unique(times_ns // _HOUR_NS, return_inverse=True)
    n_rows = np.bincount(hour_of)
    stamps = np.bincount(np.unique(np.stack([hour_of, times_ns]), axis=1)[0], minlength=len(hours))
    doubled = (np.bincount(hour_of[conflicting], minlength=len(hours)) > 0) & (n_rows == 2 * stamps)
    for hour in np.flatnonzero(doubled):
        moment = datetime.fromisoformat(str(np.datetime64(int(hours[hour]) * 3_600, "s")))
        zones = []
        for name in _ZONES:
            clock = zone_info(name)
            first, second = (moment.replace(tzinfo=clock, fold=fold).utcoffset() for fold in (0, 1))
            if first is not None and second is not None and first > second:
                zones.append(name)
        if not zones:
            continue
        line = int(rows.lines[np.argmax((hour_of == hour) & conflicting)])
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
