import json
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from services.evaluator.core.figures.comparison import model_comparison
from services.evaluator.core.figures.errors import ErrorByHour, ResidualHistogram, error_by_step
from services.evaluator.core.figures.folds import ErrorByFold
from services.evaluator.core.figures.forecast import forecast_figure
from services.evaluator.core.figures.render import FigureData, render, to_json
from services.evaluator.core.figures.style import DARK, LIGHT, Theme
from services.evaluator.core.figures.training import training_history
from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.residuals import error_calendar, residual_statistics
from services.evaluator.core.scores import score
from shared.scoring.forecasts import PartForecast
from shared.scoring.intervals import fit_intervals

NAMES = ("OT [°C]", "a load with quite a long name [MW]")
OFFSETS = [np.arange(1.0, 7.0), np.arange(1.0, 7.0)]


@cache
def _figures(n_windows: int) -> dict[str, FigureData]:
    rng = np.random.default_rng(0)
    truth = rng.normal(20.0, 4.0, (n_windows, 6, 2))
    part = PartForecast(np.arange(n_windows) * 3600 * 10**9, truth, truth + rng.normal(size=truth.shape))
    scores = score(part, y_train=[np.arange(50.0)] * 2, delta_minutes=[60.0] * 2, names=NAMES)
    calendar = error_calendar(part, offset_hours=OFFSETS, names=NAMES)
    return {
        "forecast": forecast_figure(
            "LIN", part, names=NAMES, offset_hours=OFFSETS, intervals=fit_intervals(part)
        ),
        "by step": error_by_step({"LIN": scores, "Dense": scores}, offset_hours=OFFSETS),
        "by hour": ErrorByHour("errors", "UTC", tuple(calendar)),
        "residuals": ResidualHistogram("errors", tuple(residual_statistics(part, names=NAMES))),
        "history": training_history("LSTM", {"loss": [0.4, 0.2], "val_loss": [0.5, 0.6]}),
        "one-step fit": training_history("LIN", {}),
        "comparison": model_comparison(rank([Entry("1", "LIN", "lin", scores, scores)])),
        "by fold": ErrorByFold("loss", "rmse", ("2026-03-29T03:00+02:00",) * 20, {"LIN": (0.5, None) * 10}),
        "no fold": ErrorByFold("loss", "r2", ("2026-03-29T03:00+02:00",), {"LIN": (None,)}),
        "nothing to compare": model_comparison(rank([])),
    }


def _pixels(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", list(_figures(60)))
def test_a_figure_is_a_picture_and_strict_json(name: str, theme: str) -> None:
    data = _figures(60)[name]

    width, height = _pixels(render(data, theme))  # type: ignore[arg-type]  # both names are themes
    values = json.loads(json.dumps(to_json(data), allow_nan=False))

    assert min(width, height) > 200
    assert values["kind"] == type(data).__name__


@pytest.mark.parametrize("name", list(_figures(60)))
def test_a_figure_without_windows_says_so_instead_of_failing(name: str) -> None:
    data = _figures(0)[name]

    _pixels(render(data))
    json.dumps(to_json(data), allow_nan=False)


def test_the_same_figure_gives_the_same_bytes() -> None:
    first, second = (render(_figures(30)["forecast"], "dark") for _ in range(2))

    assert first == second


def test_drawing_leaves_no_global_state_behind() -> None:
    # In a process of its own: other tests' libraries import pyplot into this one.
    program = (
        "import sys; from services.evaluator.core.figures.render import render; "
        "from services.evaluator.core.figures.training import training_history; "
        "render(training_history('m', {'loss': [1.0, 0.5]})); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[5], check=False)

    assert done.returncode == 0


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(theme: Theme) -> None:
    contrasts = {colour: _contrast(colour, theme.paper) for colour in (theme.ink, theme.muted, *theme.series)}

    assert contrasts[theme.ink] > 7.0  # WCAG AAA for text
    assert contrasts[theme.muted] > 4.5  # AA for text
    assert min(contrasts.values()) > 2.2  # the palest line of the palette of Okabe and Ito on white


def _contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
