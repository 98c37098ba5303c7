"""Draw what the four dashboards show: the panels' own expressions, asked of a Prometheus that watched.

    python -m benchmarks.dashboards http://127.0.0.1:9090 docs/pictures --minutes 15

Grafana draws the same from ``deploy/monitoring/grafana/dashboards``; these pictures need none.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainyard.deployment.dashboards import BOARDS, RATE, Panel

mpl.use("Agg")
Line = tuple[str, list[float], list[float]]
_STEP = "15"


def asked(url: str, panel: Panel, *, begin: float, end: float) -> list[Line]:
    """Return the lines of a panel that have points: legend, minutes since the begin, values."""
    lines: list[Line] = []
    for expression, legend in panel.queries:
        query = {"query": expression.replace(RATE, "1m"), "start": begin, "end": end, "step": _STEP}
        answer = httpx.get(
            f"{url}/api/v1/query_range", params={k: str(v) for k, v in query.items()}, timeout=30
        )
        answer.raise_for_status()
        for found in answer.json()["data"]["result"]:
            points = [(float(at), float(value)) for at, value in found["values"] if value != "NaN"]
            times = [(at - begin) / 60 for at, _ in points]
            if points:
                lines.append((_legend(legend, found["metric"]), times, [value for _, value in points]))
    return lines


def _legend(text: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def draw(title: str, panels: Sequence[tuple[Panel, list[Line]]], path: Path) -> None:
    """Write one dashboard as a picture: panels in two columns, empty ones saying so."""
    n_rows = -(-len(panels) // 2)
    figure = Figure(figsize=(11, 1.9 * n_rows + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    for number, (panel, lines) in enumerate(panels):
        _panel(figure.add_subplot(n_rows, 2, number + 1), panel, lines)
    figure.savefig(path, dpi=80)


def _panel(axes: Axes, panel: Panel, lines: list[Line]) -> None:
    axes.set_title(f"{panel.title} [{panel.unit}]", fontsize=8, loc="left")
    for legend, times, values in lines:
        axes.plot(times, values, linewidth=1.1, label=legend or None)
    if any(legend for legend, _, _ in lines):
        axes.legend(fontsize=5.5, ncols=2, loc="upper left", frameon=False, handlelength=1)
    if not lines:
        axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", fontsize=7, transform=axes.transAxes)
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def pictures(url: str, folder: Path, *, minutes: float) -> dict[str, list[str]]:
    """Draw every dashboard; return the titles of its panels that had something to show."""
    folder.mkdir(parents=True, exist_ok=True)
    end = time.time()
    shown: dict[str, list[str]] = {}
    for name, (title, panels) in BOARDS.items():
        found = [(panel, asked(url, panel, begin=end - 60 * minutes, end=end)) for panel in panels]
        draw(title, found, folder / f"dashboard-{name}.png")
        shown[name] = [panel.title for panel, lines in found if lines]
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw all of them and say what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    told: Any = parser.parse_args(arguments)
    print(json.dumps(pictures(told.url, told.folder, minutes=told.minutes), indent=1))


if __name__ == "__main__":
    main()
