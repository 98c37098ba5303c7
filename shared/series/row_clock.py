"""The clock the rows of a series keep: how far apart they usually are, and where that puts the next one."""

from dataclasses import dataclass, replace

import numpy as np

from shared.series.arrays import Bool, Int64
from shared.series.calendar_steps import MONTH_NS, CalendarSteps
from shared.series.wall_clock import to_local

_SECOND = 10**9
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_USUAL = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * _MINUTE for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(n * _HOUR for n in (1, 2, 3, 4, 6, 8, 12)),
    *(n * _DAY for n in (1, 7)),
)
_NEAR = 0.15  # a distance this close to a usual step means that step
_MONTHS = {1: (28, 31), 3: (89, 93), 6: (181, 184), 12: (365, 366)}  # days of that many months
_MOST = 0.5  # of the rows: what most of them do is the rule
_CALENDAR_SHARE = 0.8  # of the rows must keep a calendar's step before it is believed
_FAR_STEPS = 0.9  # of a calendar's step; a month of 28 days is shorter than the usual one


@dataclass(frozen=True)
class RowClock:
    """Slots for the rows of a series: slot k lies at ``origin_ns + k * step_ns``.

    Along a calendar (``calendar`` is there) these are places on its nominal axis, else moments in UTC.
    ``exact``: every row lies on a slot; otherwise a row belongs to the first slot at or after it.
    """

    step_ns: int
    origin_ns: int
    exact: bool
    calendar: CalendarSteps | None = None

    @property
    def tolerance_ns(self) -> int:
        """How old a row may be and still be the row of a slot."""
        if self.exact:
            return 0
        return self.step_ns - 1 if self.calendar is None else int(_FAR_STEPS * self.step_ns)


def usual_step_ns(times_ns: Int64) -> int:
    """Return the usual distance of neighbouring stamps; 0 for fewer than two stamps.

    Stamps that are evenly spaced keep their distance, whatever it is. Of others it is the median,
    as the usual step it comes close to (59 or 61 minutes are an hour), or a month of 30.4375 days,
    three, six or twelve of them, where the distances are those of a calendar.

    Parameters
    ----------
    times_ns
        Shape (n,), ascending, Unix nanoseconds.

    Examples
    --------
    >>> usual_step_ns(np.array([0, 59, 120, 180, 239]) * 60 * 10**9) // (60 * 10**9)
    60
    """
    if len(times_ns) < 2:
        return 0
    distance = np.diff(times_ns)
    if (distance == distance[0]).all():
        return int(distance[0])
    middle = int(np.median(distance))
    days = np.rint(distance / _DAY)
    for months, (shortest, longest) in _MONTHS.items():
        fitting = (days >= shortest) & (days <= longest)
        if fitting.mean() > _MOST and len(np.unique(days[fitting])) > 1:
            return months * MONTH_NS
    usual = min(_USUAL, key=lambda step: abs(np.log(step / max(middle, 1))))
    if abs(middle - usual) <= _NEAR * usual:
        return usual
    return middle


def row_clock(times_ns: Int64, zone: str = "UTC") -> RowClock:
    """Return the clock that the rows of a series keep.

    Rows an hour or less apart keep UTC. Of longer steps the zone's wall clock may be the better
    description (daily values at local midnight), or its calendar (monthly values).

    Parameters
    ----------
    times_ns
        Shape (n,), n >= 2, ascending without repeats.
    zone
        IANA name of the clock a calendar would follow.
    """
    step = usual_step_ns(times_ns)
    even = _even(times_ns, step)
    if even.exact:
        return even
    if step >= 28 * _DAY and step % MONTH_NS == 0:
        found = [clock for name in (zone, "UTC") if (clock := _monthly(times_ns, step, name))]
        return next((clock for clock in found if clock.exact), found[0] if found else even)
    if step > _HOUR and zone != "UTC" and (_DAY % step == 0 or step % _DAY == 0):
        wall = _even(to_local(times_ns, zone), step)
        if wall.exact or _on_slots(to_local(times_ns, zone), wall).mean() >= max(
            _CALENDAR_SHARE, _on_slots(times_ns, even).mean() + 1e-9
        ):
            return _along(times_ns, CalendarSteps("wall", zone, step, wall.origin_ns % step))
    return even


def _even(times: Int64, step: int) -> RowClock:
    """Return the clock of even slots that the most rows fill."""
    phase = (times - times[0]) % step
    first = int(times[0])
    if not phase.any():
        return RowClock(step, first, exact=True)
    phases, count = np.unique(phase, return_counts=True)
    behind = (phase + step // 2) % step - step // 2
    usual, late = first + int(phases[np.argmax(count)]), first + int(behind.max())
    filled = [len(np.unique(-((origin - times) // step))) for origin in (usual, late)]
    return RowClock(step, usual if filled[0] >= filled[1] else late, exact=False)


def _on_slots(times: Int64, clock: RowClock) -> Bool:
    return np.equal((times - clock.origin_ns) % clock.step_ns, 0)


def _monthly(times_ns: Int64, step: int, zone: str) -> RowClock | None:
    """Return the clock of rows that come on one day of the month, None if they do not."""
    local = to_local(times_ns, zone)
    days = local.astype("M8[ns]").astype("M8[D]")
    day = (days - days.astype("M8[M]").astype("M8[D]")).astype(np.int64) + 1
    times_of_day, count = np.unique(local % _DAY, return_counts=True)
    phase = int(times_of_day[np.argmax(count)])
    found = CalendarSteps("month", zone, MONTH_NS, phase, day=int(day.max()))
    clock = _along(times_ns, found)
    slots = np.unique(found.nominal(times_ns) // MONTH_NS)
    if len(slots) < _CALENDAR_SHARE * len(times_ns):
        return None
    return replace(clock, step_ns=step)


def _along(times_ns: Int64, calendar: CalendarSteps) -> RowClock:
    nominal = calendar.nominal(times_ns)
    off = nominal % calendar.step_ns
    origin = -(-int(nominal[0]) // calendar.step_ns) * calendar.step_ns
    return RowClock(calendar.step_ns, origin, exact=not off.any(), calendar=calendar)
