"""The quality report of one series: what is missing, doubled, out of order, odd - and in which lines."""

from dataclasses import dataclass

import numpy as np

from shared.series.arrays import Float64, Int64
from shared.series.row_clock import usual_step_ns

SHOWN = 20  # findings listed per kind; the count is always complete
_STEPS_SHOWN = 10
_GAP_STEPS = 1.5  # rows further apart than this many steps have a gap between them
_FENCE = 3.0  # interquartile ranges beyond the quartiles: Tukey's "far out"
_STRETCH = 12  # equal values in a row that are worth a look
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Found:
    """How often something occurs, and the first 1-based lines of the file where it does."""

    count: int
    lines: tuple[int, ...]

    @classmethod
    def at(cls, lines: Int64) -> "Found":
        """Collect the lines of a finding."""
        return cls(len(lines), tuple(np.sort(lines)[:SHOWN].tolist()))


@dataclass(frozen=True)
class Text:
    """A cell that is no number."""

    line: int
    cell: str


@dataclass(frozen=True)
class StepCount:
    """How often two neighbouring stamps are this far apart."""

    seconds: float
    count: int


@dataclass(frozen=True)
class Gap:
    """Where rows are missing: between two stamps (ISO 8601, UTC), the second in ``line``."""

    after: str
    before: str
    line: int
    n_missing: int


@dataclass(frozen=True)
class Gaps:
    """All gaps: how many, how many steps they miss together, and the first of them."""

    count: int
    n_missing: int
    first: tuple[Gap, ...]


@dataclass(frozen=True)
class Outliers:
    """Values beyond robust fences, in the series' unit; without fences where the values hardly vary."""

    low: float | None
    high: float | None
    found: Found


@dataclass(frozen=True)
class Stretch:
    """Equal values in a row, from ``line`` on."""

    line: int
    first: str
    n_rows: int
    value: float


@dataclass(frozen=True)
class Stretches:
    """Stretches of at least twelve equal values: how many, their rows together, the longest."""

    count: int
    n_rows: int
    longest: tuple[Stretch, ...]


@dataclass(frozen=True)
class Clock:
    """What the conversion from a wall clock to UTC had to decide, by line (see `ClockReport`)."""

    zone: str
    in_order: bool
    doubled: Found
    assumed: Found
    missing: Found
    interval_end_suspected: bool


@dataclass(frozen=True)
class Sentinels:
    """Numbers that stand for no value, and where; their cells are missing."""

    numbers: tuple[float, ...]
    found: Found


@dataclass(frozen=True)
class QualityReport:
    """What a user should know about one series before trusting it.

    ``n`` rows of the file, of which ``duplicates`` share their stamp with a later one; ``differing`` of these
    have another value than the row that holds.
    ``missing``, ``text`` and ``infinite`` cells have no value; ``unsorted`` rows stood before an earlier
    stamp. ``step_s`` is the usual distance of two stamps (`usual_step_ns`), None for a single row.
    """

    n: int
    n_numeric: int
    numeric_share: float
    missing: Found
    text: Found
    texts: tuple[Text, ...]
    infinite: Found
    duplicates: Found
    unsorted: Found
    step_s: float | None
    steps: tuple[StepCount, ...]
    gaps: Gaps
    outliers: Outliers
    constant: Stretches
    clock: Clock | None
    sentinels: Sentinels | None = None
    differing: Found = Found(0, ())


@dataclass(frozen=True)
class TimeFindings:
    """What is true of the stamps, and so of every series of a file."""

    duplicates: Found
    unsorted: Found
    step_s: float | None
    steps: tuple[StepCount, ...]
    gaps: Gaps
    clock: Clock | None


@dataclass(frozen=True)
class CellFindings:
    """Cells of one column that are no numbers, by line of the file."""

    text_lines: Int64
    texts: tuple[Text, ...]
    infinite_lines: Int64
    missing_lines: Int64


def time_findings(
    times_ns: Int64, lines: Int64, *, unsorted: Int64, duplicates: Int64, clock: Clock | None
) -> TimeFindings:
    """Describe the stamps of a file.

    Parameters
    ----------
    times_ns
        Shape (n,), ascending without repeats.
    lines
        Shape (n,), the line each stamp stands in.
    unsorted, duplicates
        Lines out of order, and lines overruled by a later one.
    clock
        What the conversion to UTC found.
    """
    steps, counts = np.unique(np.diff(times_ns), return_counts=True)
    frequent = np.argsort(-counts, kind="stable")
    usual = usual_step_ns(times_ns) or None
    return TimeFindings(
        duplicates=Found.at(duplicates),
        unsorted=Found.at(unsorted),
        step_s=None if usual is None else usual / _SECOND,
        steps=tuple(StepCount(int(steps[i]) / _SECOND, int(counts[i])) for i in frequent[:_STEPS_SHOWN]),
        gaps=find_gaps(times_ns, lines, usual),
        clock=clock,
    )


def find_gaps(times_ns: Int64, lines: Int64, step_ns: int | None) -> Gaps:
    """Return where neighbouring stamps are more than one and a half steps apart."""
    if step_ns is None:
        return Gaps(0, 0, ())
    distance = np.diff(times_ns)
    rows = np.flatnonzero(distance > _GAP_STEPS * step_ns)
    missing = np.rint(distance[rows] / step_ns).astype(np.int64) - 1
    first = tuple(
        Gap(_iso(times_ns[row]), _iso(times_ns[row + 1]), int(lines[row + 1]), int(n))
        for row, n in zip(rows[:SHOWN], missing[:SHOWN], strict=True)
    )
    return Gaps(len(rows), int(missing.sum()), first)


def find_outliers(values: Float64, lines: Int64) -> Outliers:
    """Return the values more than three interquartile ranges beyond the quartiles.

    >>> find_outliers(np.array([1.0, 2, 3, 4, 99]), np.arange(2, 7)).found
    Found(count=1, lines=(6,))
    """
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return Outliers(None, None, Found(0, ()))
    lower, upper = np.percentile(finite, [25, 75])
    with np.errstate(over="ignore", invalid="ignore"):
        reach = _FENCE * (upper - lower)
        low, high = lower - reach, upper + reach
    if not (reach > 0 and np.isfinite(low) and np.isfinite(high)):
        return Outliers(None, None, Found(0, ()))
    return Outliers(float(low), float(high), Found.at(lines[(values < low) | (values > high)]))


def find_stretches(values: Float64, times_ns: Int64, lines: Int64) -> Stretches:
    """Return where a value repeats at least twelve times in a row."""
    begin = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.empty(0, np.int64)
    length = np.diff(np.r_[begin, len(values)])
    long = np.flatnonzero(length >= _STRETCH)
    ranked = long[np.argsort(-length[long], kind="stable")][:SHOWN]
    longest = tuple(
        Stretch(int(lines[begin[i]]), _iso(times_ns[begin[i]]), int(length[i]), float(values[begin[i]]))
        for i in ranked
    )
    return Stretches(len(long), int(length[long].sum()), longest)


def assess(
    values: Float64,
    times_ns: Int64,
    lines: Int64,
    *,
    time: TimeFindings,
    cells: CellFindings,
    n_rows: int,
    sentinels: Sentinels | None = None,
    differing: Int64 | None = None,
) -> QualityReport:
    """Put the report of one series together.

    Parameters
    ----------
    values, times_ns, lines
        Shape (n,): the series as stored, NaN missing, and the line of each row.
    time, cells
        What was found on the way.
    n_rows
        Rows of the file, duplicates included.
    differing
        Lines of duplicates with another value.
    """
    n_numeric = int(np.count_nonzero(np.isfinite(values)))
    return QualityReport(
        n=n_rows,
        n_numeric=n_numeric,
        numeric_share=round(100 * n_numeric / len(values), 2),
        missing=Found.at(cells.missing_lines),
        text=Found.at(cells.text_lines),
        texts=cells.texts,
        infinite=Found.at(cells.infinite_lines),
        outliers=find_outliers(values, lines),
        constant=find_stretches(values, times_ns, lines),
        duplicates=time.duplicates,
        unsorted=time.unsorted,
        step_s=time.step_s,
        steps=time.steps,
        gaps=time.gaps,
        clock=time.clock,
        sentinels=sentinels,
        differing=Found(0, ()) if differing is None else Found.at(differing),
    )


def _iso(ns: np.int64) -> str:
    return f"{np.datetime64(int(ns), 'ns').astype('M8[s]')}Z"
