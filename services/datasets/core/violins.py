"""How the values of each column are spread: densities as JSON, drawn as a PNG."""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pydantic import JsonValue

from shared.contracts.specs import Role
from shared.series.arrays import Float64, Int64
from shared.windows.dataset import Dataset

MAX_VALUES = 50_000
SEED = 0
N_POINTS = 128
SMALLEST_SPAN = 1e-300  # of values, for a density of finite height
_BINS_PER_POINT = 8
_TAIL = 3.0  # bandwidths beyond the extremes
_INK, _MUTED = "#1b1f24", "#5b6670"
_FILLS: dict[Role, str] = {"input": "#56b4e9", "output": "#f0883e"}


@dataclass(frozen=True)
class Violin:
    """The spread of one column of X or Y in original units.

    ``density[i]`` belongs to ``grid[i]`` and integrates to 1; a constant column has an empty density.
    Statistics are those of the sample.
    """

    label: str
    role: Role
    n_values: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    mean: float
    std: float
    grid: tuple[float, ...]
    density: tuple[float, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the violin as JSON values."""
        return {**asdict(self), "grid": list(self.grid), "density": list(self.density)}


def violins(dataset: Dataset) -> Iterator[Violin]:
    """Yield the violin of every column, inputs before outputs.

    A column is described by at most 50,000 entries of its windows: all of them, or those of windows
    drawn with a fixed seed, so that the same data set always gives the same picture.
    """
    roles: tuple[tuple[Role, int], ...] = (
        ("input", dataset.spec.input_steps),
        ("output", dataset.spec.output_steps),
    )
    for role, steps in roles:
        index = sample_windows(dataset.n_windows, steps)
        windows = dataset.x(index, scaled=False) if role == "input" else dataset.y(index, scaled=False)
        columns = dataset.layout.inputs if role == "input" else dataset.layout.outputs
        for place, column in enumerate(columns):
            values = windows[:, :, place].ravel()[:MAX_VALUES].astype(np.float64)
            yield violin(values, label=column.name, role=role)


def sample_windows(n_windows: int, steps: int) -> Int64:
    """Return which windows are described, in time order."""
    wanted = max(MAX_VALUES // steps, 1)
    if wanted >= n_windows:
        return np.arange(n_windows)
    return np.sort(np.random.default_rng(SEED).choice(n_windows, wanted, replace=False))


def violin(values: Float64, *, label: str, role: Role) -> Violin:
    """Describe finite values, shape (n,), n at least 1."""
    low, q1, median, q3, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    grid, density = gaussian_density(values)
    return Violin(
        label=label,
        role=role,
        n_values=len(values),
        min=low,
        q1=q1,
        median=median,
        q3=q3,
        max=high,
        mean=float(values.mean()),
        std=float(values.std()),
        grid=tuple(grid.tolist()),
        density=tuple(density.tolist()),
    )


def gaussian_density(values: Float64) -> tuple[Float64, Float64]:
    """Estimate a density with Gaussian kernels of Silverman's bandwidth on a fine histogram.

    Returns
    -------
    grid, density
        Shape (128,) each; empty for a constant column, whose density is a spike.
    """
    bandwidth = silverman(values)
    if bandwidth == 0:
        return np.empty(0), np.empty(0)
    low, high = values.min() - _TAIL * bandwidth, values.max() + _TAIL * bandwidth
    counts, edges = np.histogram(values, bins=N_POINTS * _BINS_PER_POINT, range=(low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    grid = np.linspace(low, high, N_POINTS)
    kernels = np.exp(-0.5 * ((grid[:, None] - centres) / bandwidth) ** 2)
    density = kernels @ counts
    return grid, density / np.trapezoid(density, grid)


def silverman(values: Float64) -> float:
    """Return Silverman's rule-of-thumb bandwidth; 0 for a constant column.

    It is robust against outliers, and never finer than the grid can show. A span so small that a density
    over it would overflow is none.
    """
    span = float(np.ptp(values))
    if span < SMALLEST_SPAN:
        return 0.0
    q1, q3 = np.quantile(values, (0.25, 0.75))
    spreads = [spread for spread in (float(values.std()), float(q3 - q1) / 1.349) if spread > 0]
    rule: float = 0.9 * min(spreads, default=0.0) * float(len(values)) ** -0.2
    return max(rule, span / N_POINTS)


def draw(one: Violin) -> bytes:
    """Return the violin as a PNG: density to both sides, quartiles inside, the name as the title."""
    figure = Figure(figsize=(2.6, 3.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if one.grid:
        width = np.array(one.density) / max(one.density)
        axes.fill_betweenx(one.grid, -width, width, color=_FILLS[one.role], alpha=0.55, linewidth=0)
        axes.plot(np.concatenate((-width, width[::-1])), [*one.grid, *one.grid[::-1]], color=_MUTED, lw=0.8)
    axes.vlines(0, one.q1, one.q3, color=_INK, lw=5)
    axes.vlines(0, one.min, one.max, color=_INK, lw=1)
    axes.plot([0], [one.median], marker="o", color="white", markeredgecolor=_INK, markersize=6, zorder=3)
    axes.set_title(shortened(one.label), color=_INK, fontsize=11)
    axes.set_xlim(-1.15, 1.15)
    axes.set_xticks([])
    axes.tick_params(axis="y", colors=_MUTED, labelsize=8)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_MUTED)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def shortened(label: str, limit: int = 28) -> str:
    """Return a title that fits, with mathematical markup switched off.

    >>> shortened("the load of a very long feeder")
    'the load of a very long fee…'
    """
    text = label if len(label) <= limit else label[: limit - 1].rstrip() + "…"
    return text.replace("$", r"\$")
