"""What a data set will cost, before any row is read: from settings and native statistics alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from shared.contracts.specs import DatasetSpec, column_names
from shared.series.grid import lattice_of, reference_grid, window_of
from shared.series.problems import NoWindowFits, TooLarge, UnknownSeries
from shared.series.series import NS_PER_HOUR, Statistics
from shared.windows.columns import POINTS_PER_ROW, SMALL

ROW_BYTES = 16  # a stamp and a value
VALUE_BYTES = 8
CALENDAR_BYTES = 4
WINDOW_BYTES = 4  # float32

# Measured by `python -m benchmarks.windows` on two cores; see docs/benchmarks.md.
SECONDS_PER_POINT = 1.5e-7
SECONDS_PER_VALUE = 2.5e-9


@dataclass(frozen=True)
class Estimate:
    """Rows, windows, bytes and seconds of a data set not built yet; windows are an upper bound."""

    n_rows: int
    n_candidates: int  # reference times that are tried
    n_windows: int
    n_values: int  # of X and Y, materialised
    lazy_bytes: int
    materialised_bytes: int
    seconds: float

    def to_json(self) -> dict[str, JsonValue]:
        """Return the numbers as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Limits:
    """What one worker may take on."""

    max_candidates: int = 20_000_000
    max_windows: int = 10_000_000
    max_lazy_bytes: int = 8 << 30
    max_materialised_bytes: int = 256 << 30
    max_seconds: float = 300.0  # of building; others wait meanwhile


def estimate(spec: DatasetSpec, statistics: Mapping[str, Statistics]) -> Estimate:
    """Return what ``build_dataset`` will need, without building.

    Parameters
    ----------
    statistics
        Native statistics by series id.

    Raises
    ------
    UnknownSeries, BadSetting
        As ``build_dataset`` would.
    NoWindowFits
        If the series are shorter than their windows.
    """
    missing = sorted({s.series_id for s in spec.series} - set(statistics))
    if missing:
        raise UnknownSeries(f"series {', '.join(missing)} not found", field="series")
    first, last = _reference_span(spec, statistics)
    spans = ((statistics[s.series_id].first_ns, statistics[s.series_id].last_ns) for s in spec.inputs)
    grid = reference_grid(spans, stride_min=spec.stride, offset_min=spec.offset)
    n_windows = max(min((last - first) // grid.stride_ns + 1, grid.n), 0)
    points = 0
    for s in spec.series:
        steps = spec.input_steps if s.role == "input" else spec.output_steps
        lattice = lattice_of(grid, window_of(s.horizon, steps, s.role))
        worth = POINTS_PER_ROW * statistics[s.series_id].n + SMALL
        # beyond that windows share no points: each of them is evaluated by itself, twice
        points += size if (size := lattice.size(n_windows)) <= worth else 2 * n_windows * steps
    n_calendar = sum(len(column_names(name)) for name, _ in spec.calendar.enabled())
    calendar_points = n_calendar * (n_windows + spec.input_steps)
    n_rows = sum(statistics[series_id].n for series_id in {s.series_id for s in spec.series})
    n_inputs = len(spec.inputs) + n_calendar
    work = points + calendar_points + grid.n * len(spec.series)
    n_values = n_windows * (spec.input_steps * n_inputs + spec.output_steps * len(spec.outputs))
    return Estimate(
        n_rows=n_rows,
        n_candidates=grid.n,
        n_windows=n_windows,
        n_values=n_values,
        lazy_bytes=n_rows * ROW_BYTES + points * VALUE_BYTES + calendar_points * CALENDAR_BYTES,
        materialised_bytes=n_values * WINDOW_BYTES,
        seconds=round(work * SECONDS_PER_POINT + n_values * SECONDS_PER_VALUE, 3),
    )


def check_limits(spec: DatasetSpec, expected: Estimate, limits: Limits) -> None:
    """Refuse a data set that is larger than the limits, with the numbers and a way out.

    Raises
    ------
    TooLarge
        Naming the limit that is exceeded and the stride that would fit.
    """
    checks = (
        ("reference times", expected.n_candidates, limits.max_candidates),
        ("windows", expected.n_windows, limits.max_windows),
        ("bytes in memory", expected.lazy_bytes, limits.max_lazy_bytes),
        ("bytes materialised", expected.materialised_bytes, limits.max_materialised_bytes),
        ("seconds of work", round(expected.seconds), round(limits.max_seconds)),
    )
    for what, needed, limit in checks:
        if needed > limit:
            stride = spec.stride * needed / limit
            raise TooLarge(
                f"the data set would have {needed:,} {what}, at most {limit:,} are allowed",
                suggestions=(
                    f"Set stride to {stride:.4g} minutes or more (now {spec.stride:g}).",
                    "Use fewer steps, fewer series or a shorter period.",
                ),
                field="stride",
                limit=limit,
                estimate=expected.to_json(),
            )


def _reference_span(spec: DatasetSpec, statistics: Mapping[str, Statistics]) -> tuple[int, int]:
    """First and last reference time at which every measured window can lie inside its series.

    Raises
    ------
    NoWindowFits
        If the first lies after the last.
    """
    begins, ends = [], []
    for s in spec.series:
        if s.content == "measured" and s.resample in ("auto", "filled", "linear") and not s.average_window:
            steps = spec.input_steps if s.role == "input" else spec.output_steps
            window = window_of(s.horizon, steps, s.role)
            begins.append(statistics[s.series_id].first_ns - window.start_ns)
            ends.append(statistics[s.series_id].last_ns - window.end_ns)
    inputs = [statistics[s.series_id] for s in spec.inputs]
    first = max([*begins, min(one.first_ns for one in inputs)])
    last = min([*ends, min(one.last_ns for one in inputs)])
    if first > last:
        hours = (first - last) / NS_PER_HOUR
        raise NoWindowFits(
            f"no window fits: the horizons need {hours:.3g} hours more than the series have in common",
            field="horizon",
        )
    return first, last
