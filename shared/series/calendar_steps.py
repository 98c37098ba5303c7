"""Steps that are equal on a wall clock or in a calendar, and so unequal in UTC: days, months, quarters.

A day on which the clock changes has 23 or 25 hours, a month 28 to 31 days. Windows over such steps are
laid out on a *nominal* axis, on which every step is equally long, and turned into moments by the
calendar. Both directions are exact at the steps themselves and linear between two of them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.series.arrays import Int64
from shared.series.wall_clock import to_local, to_utc

MONTH_NS = 2_629_800 * 10**9  # a twelfth of 365.25 days: what a month counts where hours are asked for
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class CalendarSteps:
    """A way to count steps by the clock of a zone.

    ``wall``: every ``step_ns`` of the wall clock, ``phase_ns`` past 1970-01-01 00:00 local. ``month``:
    once a month on ``day`` (the last day where a month has fewer), ``phase_ns`` past its midnight.
    """

    unit: Literal["wall", "month"]
    zone: str
    step_ns: int
    phase_ns: int
    day: int = 1

    def nominal(self, utc_ns: Int64) -> Int64:
        """Return moments on the nominal axis, on which step k lies at ``k * step_ns``."""
        if utc_ns.size == 0:
            return utc_ns
        # The number of the first step and the moments of all steps around a span.
        around = 2 * self.step_ns + 2 * _DAY_NS
        local = to_local(np.array([int(utc_ns.min()) - around, int(utc_ns.max()) + around]), self.zone)
        if self.unit == "month":
            months = local.astype("M8[ns]").astype("M8[M]").astype(np.int64)
        else:
            months = (local - self.phase_ns) // self.step_ns
        first, anchors = int(months[0]), self._at(np.arange(months[0], months[1] + 1))
        place = np.clip(np.searchsorted(anchors, utc_ns, side="right") - 1, 0, len(anchors) - 2)
        share = (utc_ns - anchors[place]) / (anchors[place + 1] - anchors[place])
        return np.asarray((first + place) * self.step_ns + np.rint(share * self.step_ns).astype(np.int64))

    def moments(self, nominal_ns: Int64) -> Int64:
        """Return the moments in UTC of places on the nominal axis.

        >>> steps = CalendarSteps("month", "UTC", MONTH_NS, 0, day=31)
        >>> steps.moments(np.arange(649, 652) * MONTH_NS).astype("M8[ns]").astype("M8[D]")
        array(['2024-02-29', '2024-03-31', '2024-04-30'], dtype='datetime64[D]')
        """
        if nominal_ns.size == 0:
            return nominal_ns
        place, rest = np.divmod(nominal_ns, self.step_ns)
        first, last = int(place.min()), int(place.max()) + 1
        anchors = self._at(np.arange(first, last + 1))
        width = anchors[place - first + 1] - anchors[place - first]
        return np.asarray(anchors[place - first] + np.rint(width * (rest / self.step_ns)).astype(np.int64))

    def _at(self, number: Int64) -> Int64:
        """Return the moments of steps by number."""
        if self.unit == "wall":
            local = number * self.step_ns + self.phase_ns
        else:
            begin = number.astype("M8[M]").astype("M8[D]").astype(np.int64)
            length = (number + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - begin
            local = (begin + np.minimum(self.day, length) - 1) * _DAY_NS + self.phase_ns
        return local if self.zone == "UTC" else to_utc(local, self.zone)[0]


def shifted(at_ns: Int64, by_ns: Int64 | int, steps: CalendarSteps | None) -> Int64:
    """Return moments a distance away, along a calendar where there is one.

    >>> shifted(np.array([0, 10]), 5, None)
    array([ 5, 15])
    """
    if steps is None:
        return np.asarray(at_ns + by_ns)
    return steps.moments(steps.nominal(at_ns) + by_ns)
