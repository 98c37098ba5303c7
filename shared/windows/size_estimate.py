"""What a data set will cost, before any value is read: from its plan and the ends of its series."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from shared.contracts.specs import DatasetSpec, column_names
from shared.series.grid import lattice_of
from shared.series.problems import NoWindowFits, TooLarge
from shared.series.series import NS_PER_HOUR, Series
from shared.windows.columns import POINTS_PER_ROW, SMALL
from shared.windows.plan import WindowPlan, WindowRule

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


@dataclass(frozen=True)
class Limits:
    """What one worker may take on."""

    max_candidates: int = 20_000_000
    max_windows: int = 10_000_000
    max_lazy_bytes: int = 8 << 30
    max_materialised_bytes: int = 256 << 30
    max_seconds: float = 300.0  # of building; others wait meanwhile


def estimate(plan: WindowPlan, series: Mapping[str, Series]) -> Estimate:
    """Return what ``build_planned`` will need, without reading a value.

    Parameters
    ----------
    series
        Those the plan was made with.

    Raises
    ------
    NoWindowFits
        If the series are shorter than their windows.
    """
    spec, grid = plan.spec, plan.grid
    first, last = _reference_span(plan, series)
    n_windows = max(min((last - first) // grid.stride_ns + 1, grid.n), 0)
    points = 0
    for rule in plan.rules:
        steps = rule.window.n_points
        lattice = lattice_of(grid, rule.window)
        worth = POINTS_PER_ROW * len(series[rule.spec.series_id]) + SMALL
        # beyond that windows share no points: each of them is evaluated by itself, twice
        points += size if (size := lattice.size(n_windows)) <= worth else 2 * n_windows * steps
    n_calendar = sum(len(column_names(rule.feature)) for rule in plan.calendar)
    calendar_points = n_calendar * (n_windows + spec.input_steps)
    n_rows = sum(len(series[series_id]) for series_id in {s.series_id for s in spec.series})
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
                estimate=asdict(expected),
            )


def _reference_span(plan: WindowPlan, series: Mapping[str, Series]) -> tuple[int, int]:
    """First and last reference time (on the axis of the grid) with every measured window inside its series.

    Raises
    ------
    NoWindowFits
        If the first lies after the last.
    """

    def ends_of(rule: WindowRule) -> tuple[int, int]:
        ends = series[rule.spec.series_id].times_ns[[0, -1]]
        first, last = ends if plan.grid.calendar is None else plan.grid.calendar.nominal(ends)
        return int(first), int(last)

    inputs = [ends_of(rule) for rule in plan.inputs]
    begins, ends = [min(first for first, _ in inputs)], [min(last for _, last in inputs)]
    for rule in plan.rules:
        spec = rule.spec
        if (
            spec.content == "measured"
            and spec.resample in ("auto", "filled", "linear")
            and not spec.average_window
        ):
            first, last = ends_of(rule)
            begins.append(first - rule.window.start_ns)
            ends.append(last - rule.window.end_ns)
    first, last = max(begins), min(ends)
    if first > last:
        hours = (first - last) / NS_PER_HOUR
        raise NoWindowFits(
            f"no window fits: the horizons need {hours:.3g} hours more than the series have in common",
            field="horizon",
        )
    return first, last
