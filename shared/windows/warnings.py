"""What a user should know about a data set that is valid all the same."""

import math
from collections.abc import Sequence

import numpy as np

from shared.contracts.problems import Category, Problem
from shared.contracts.specs import DatasetSpec
from shared.series.arrays import Int64
from shared.series.series import NS_PER_MINUTE
from shared.windows.dropped import DroppedWindows
from shared.windows.series_windows import SeriesWindows
from shared.windows.split import Parts, part_sizes

_BLOCK = 1 << 14  # windows looked at together


def dataset_warnings(
    spec: DatasetSpec, sources: Sequence[SeriesWindows], ref_ns: Int64, parts: Parts, drops: DroppedWindows
) -> tuple[Problem, ...]:
    """Return warnings: inputs that look ahead, a leaking split, empty parts, dropped samples."""
    found = [_looks_ahead(source, ref_ns) for source in sources if source.rule.spec.role == "input"]
    found += [_interpolated(source, ref_ns) for source in sources if source.rule.spec.role == "output"]
    if parts.leaking:
        found.append(
            _warning(
                "SPLIT_LEAKS",
                "samples are shuffled: neighbours of test samples are in the training part",
                "Switch split.shuffle off for honest scores.",
            )
        )
    shares = (("validation", spec.split.validation), ("test", spec.split.test))
    before_purge = part_sizes(len(ref_ns), spec.split)[1:]
    sizes = zip(before_purge, (len(parts.validation), len(parts.test)), strict=True)
    for (name, share), (n_part, size) in zip(shares, sizes, strict=True):
        if share > 0 and size == 0:
            found.append(_empty_part(spec, sources, name, share, len(ref_ns), n_part))
    if any(drop.reason in ("missing_value", "gap") for drop in drops.drops):
        found.append(_warning("SAMPLES_DROPPED", drops.sentence()))
    return tuple(finding for finding in found if finding is not None)


def lookahead_ns(source: SeriesWindows, ref_ns: Int64) -> int:
    """Return how far after the reference time a past-looking input reads rows, at most; 0 if never."""
    past_looking = source.rule.reach_ns[1] <= 0 and source.series.issued_ns is None
    if not past_looking or len(ref_ns) == 0:
        return 0
    return max(int((source.last_read_ns(ref_ns) - ref_ns).max()), 0)


def _looks_ahead(source: SeriesWindows, ref_ns: Int64) -> Problem | None:
    """Interpolation and means at the reference time read the row after it: known only later."""
    ahead = lookahead_ns(source, ref_ns)
    if ahead == 0:
        return None
    name, method = source.rule.spec.name, source.rule.resampling.method
    minutes = ahead / NS_PER_MINUTE
    return _warning(
        "LOOKS_AHEAD",
        f"input {name!r} ({method}) reads rows up to {minutes:g} min after the reference time",
        f"Use resample 'previous' for {name!r}, end its horizon earlier, or align offset and stride.",
        series=name,
        minutes=minutes,
    )


def _interpolated(source: SeriesWindows, ref_ns: Int64) -> Problem | None:
    """Count the true values that stand in no row of the file: between two rows, a model learns a mixture."""
    if source.rule.averaged or source.rule.resampling.method not in ("linear", "filled") or len(ref_ns) == 0:
        return None
    numbers = source.series.known.times_ns
    made = n = 0
    for begin in range(0, len(ref_ns), _BLOCK):
        at = source.rule.window.moments(ref_ns[begin : begin + _BLOCK], source.rule.calendar)
        row = np.clip(np.searchsorted(numbers, at), 0, len(numbers) - 1)
        made += int(np.count_nonzero(numbers[row] != at))
        n += at.size
    if made == 0:
        return None
    name = source.rule.spec.name
    return _warning(
        "TARGETS_INTERPOLATED",
        f"{made:,} of {n:,} true values of {name!r} stand in no row, they are interpolated between two",
        "Set stride and horizon to multiples of the file's step, offset and resample to 'auto'.",
        series=name,
        n_interpolated=made,
        n_values=n,
    )


def _empty_part(
    spec: DatasetSpec, sources: Sequence[SeriesWindows], name: str, share: float, n_windows: int, n_part: int
) -> Problem:
    """Say why a part has no windows, and what would give it one: the purge takes as many as targets last."""
    reaches = [source.rule.reach_ns for source in sources if source.rule.spec.role == "output"]
    targets_min = (max(end for _, end in reaches) - min(begin for begin, _ in reaches)) / NS_PER_MINUTE
    n_purged = int(targets_min // spec.stride) if spec.split.purge else 0
    needed = n_purged + 2  # one that is kept, and one that rounding may take
    more = max(math.ceil(needed / share * 100) - n_windows, 1)
    wider = math.ceil(100 * needed / n_windows) if n_windows else 100
    step_min = targets_min / max(spec.output_steps - 1, 1)
    n_steps = int((n_part - 2) * spec.stride // step_min) + 1 if step_min else 0
    ways = [
        f"Upload a file that is longer by {_span(more * spec.stride)}, or see less of the past (lookback)."
    ]
    if spec.split.purge and 0 < n_steps < spec.output_steps:
        ways.append(f"Forecast at most {n_steps} steps ({_span(n_steps * step_min)}).")
    if wider < spec.split.train:
        ways.append(f"Give split.{name} at least {wider} percent.")
    if not spec.split.purge or n_part == 0:
        why = f"{share:g} percent of {n_windows} windows is none"
    else:
        ways.append("Or switch split.purge off: targets of two parts overlap then, and scores flatter.")
        why = (
            f"the purge took all {n_part} windows of it, as their targets begin before those of the part "
            f"before it have ended; more than {n_purged} are needed"
        )
    details: dict[str, str | float] = {
        "part": name,
        "n_part": n_part,
        "n_purged": n_purged,
        "n_more": more,
        "n_steps": n_steps,
    }
    return _warning("EMPTY_PART", f"the {name} part is empty: {why}", *ways, **details)


def _span(minutes: float) -> str:
    """Return a length of time in the largest whole unit.

    >>> _span(60), _span(2880), _span(90)
    ('1 h', '2 days', '90 min')
    """
    for unit, length in (("days", 1440), ("h", 60)):
        if minutes >= length and minutes % length == 0:
            n = int(minutes // length)
            return "1 day" if (n, unit) == (1, "days") else f"{n} {unit}"
    return f"{minutes:g} min"


def _warning(code: str, message: str, *suggestions: str, **details: str | float) -> Problem:
    return Problem(
        code=code,
        message=message,
        category=Category.DATA_VALIDATION,
        severity="warning",
        suggestions=suggestions,
        details=dict(details),
    )
