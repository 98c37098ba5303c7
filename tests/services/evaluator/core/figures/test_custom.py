import json
from typing import Any

import numpy as np
import pytest

from services.evaluator.core.figures.custom import PlotRequest, custom_figure
from services.evaluator.core.figures.render import render, to_json
from services.evaluator.core.problems import ForecastMismatch, PlotImpossible
from shared.scoring.forecasts import PartForecast
from shared.windows.samples import Column, Layout, Samples
from shared.windows.scaling import Scaler

HOUR_NS = 3600 * 10**9
ALL = PlotRequest(n_windows=2, inputs=("load", "wind"), outputs=("load",), forecasts=("load",))


def _layout() -> Layout:
    scaler = Scaler(np.array([0.0, 10.0]), np.array([100.0, 20.0]), np.zeros(2), np.ones(2))
    y_scaler = Scaler(np.array([0.0]), np.array([100.0]), np.zeros(1), np.ones(1))
    inputs = (Column("load", "series", -3.0, 0.0), Column("wind", "series", -3.0, 0.0))
    return Layout(inputs, (Column("load", "series", 1.0, 2.0),), 4, 2, 60.0, scaler, y_scaler, (0,))


def _test_part() -> tuple[Samples, PartForecast]:
    rng = np.random.default_rng(0)
    ref_ns = 1_700_000_000 * 10**9 + np.arange(20) * HOUR_NS
    samples = Samples(
        rng.random((20, 4, 2), dtype=np.float32), rng.random((20, 2, 1), dtype=np.float32), ref_ns
    )
    truth = _layout().y_scaler.inverse(samples.y.astype(np.float64))
    return samples, PartForecast(ref_ns, truth, truth + 5.0)


def test_the_same_seed_shows_the_same_windows() -> None:
    test, forecast = _test_part()

    first, second = (
        custom_figure("plot", ALL, test=test, layout=_layout(), forecast=forecast) for _ in range(2)
    )

    assert [panel.window for panel in first.panels] == [panel.window for panel in second.panels]
    assert render(first) == render(second)


def test_values_come_in_original_units_or_scaled_as_asked() -> None:
    test, forecast = _test_part()
    request: dict[str, Any] = {"windows": (3,), "inputs": ("wind",), "forecasts": ("load",)}

    original, scaled = (
        custom_figure("p", PlotRequest(scaled=s, **request), test=test, layout=_layout(), forecast=forecast)
        for s in (False, True)
    )

    wind, load = (line.y for line in original.panels[0].lines)
    np.testing.assert_allclose(wind, 10.0 + 10.0 * test.x[3, :, 1], rtol=1e-6)
    np.testing.assert_allclose(load, forecast.y_pred[3, :, 0])
    np.testing.assert_allclose(scaled.panels[0].lines[0].y, test.x[3, :, 1], rtol=1e-6)
    np.testing.assert_allclose(scaled.panels[0].lines[1].y, test.y[3, :, 0] + 0.05, rtol=1e-6)


def test_steps_count_to_zero_in_the_past_and_from_zero_in_the_future() -> None:
    test, forecast = _test_part()
    request = PlotRequest(windows=(0,), inputs=("load",), outputs=("load",), x="step")

    lines = custom_figure("p", request, test=test, layout=_layout(), forecast=forecast).panels[0].lines

    assert [line.x.tolist() for line in lines] == [[-3, -2, -1, 0], [0, 1]]


def test_times_follow_the_layout_of_each_column() -> None:
    test, forecast = _test_part()
    request = PlotRequest(windows=(0,), inputs=("load",), outputs=("load",))

    lines = custom_figure("p", request, test=test, layout=_layout(), forecast=forecast).panels[0].lines

    hours = [((line.x - test.ref_ns[0]) / HOUR_NS).tolist() for line in lines]
    assert hours == [[-3.0, -2.0, -1.0, 0.0], [1.0, 2.0]]


@pytest.mark.parametrize("shared_axis", [True, False])
def test_a_forecast_wears_the_colour_of_its_output(shared_axis: bool) -> None:
    test, forecast = _test_part()
    request = PlotRequest(
        n_windows=1, inputs=("wind",), outputs=("load",), forecasts=("load",), shared_axis=shared_axis
    )

    figure = custom_figure("p", request, test=test, layout=_layout(), forecast=forecast)

    colours = {line.role: line.colour for line in figure.panels[0].lines}
    assert colours["forecast"] == colours["output"] != colours["input"]
    assert render(figure).startswith(b"\x89PNG")
    json.dumps(to_json(figure), allow_nan=False)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (PlotRequest(inputs=("rain",)), "no input named 'rain'; known are load, wind"),
        (PlotRequest(forecasts=("wind",)), "no output named 'wind'"),
        (PlotRequest(n_windows=21), "21 windows were asked for; the test part has 20"),
        (PlotRequest(n_windows=0), "0 windows were asked for"),
        (PlotRequest(windows=(20,)), "windows are numbered 0 to 19"),
    ],
    ids=["unknown input", "unknown forecast", "too many", "none", "beyond the end"],
)
def test_what_cannot_be_shown_is_refused_with_what_can(request_: PlotRequest, message: str) -> None:
    test, forecast = _test_part()

    with pytest.raises(PlotImpossible, match=message):
        custom_figure("p", request_, test=test, layout=_layout(), forecast=forecast)


def test_forecasts_need_a_model_of_the_same_windows() -> None:
    test, forecast = _test_part()
    other = PartForecast(forecast.ref_ns + 1, forecast.y_true, forecast.y_pred)

    with pytest.raises(PlotImpossible, match="no model was chosen"):
        custom_figure("p", ALL, test=test, layout=_layout())
    with pytest.raises(ForecastMismatch, match="other windows"):
        custom_figure("p", ALL, test=test, layout=_layout(), forecast=other)
