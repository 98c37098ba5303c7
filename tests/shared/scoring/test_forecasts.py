import io

import numpy as np
import pytest

from shared.scoring.forecasts import Forecast, ForecastMalformed, PartForecast
from shared.windows.scaling import Scaler


def _part(n_windows: int) -> PartForecast:
    rng = np.random.default_rng(n_windows)
    shape = (n_windows, 3, 2)
    return PartForecast(np.arange(n_windows) * 10**9, rng.normal(size=shape), rng.normal(size=shape))


def test_a_forecast_survives_being_stored() -> None:
    forecast, file = Forecast(_part(4), _part(0)), io.BytesIO()
    np.savez(file, allow_pickle=False, **forecast.to_arrays())
    file.seek(0)

    loaded = Forecast.from_arrays(np.load(file))

    np.testing.assert_array_equal(loaded.validation.y_pred, forecast.validation.y_pred)
    np.testing.assert_array_equal(loaded.validation.ref_ns, forecast.validation.ref_ns)
    assert loaded.test.y_true.shape == (0, 3, 2)


def test_a_missing_array_is_named() -> None:
    arrays = Forecast(_part(4), _part(1)).to_arrays()
    del arrays["test_y_pred"]

    with pytest.raises(ForecastMalformed, match="lacks test_y_pred"):
        Forecast.from_arrays(arrays)


def test_arrays_that_do_not_fit_are_refused() -> None:
    arrays = Forecast(_part(4), _part(1)).to_arrays()
    arrays["validation_ref_ns"] = arrays["validation_ref_ns"][:-1]

    with pytest.raises(ForecastMalformed, match="validation part has"):
        Forecast.from_arrays(arrays)


def test_scaled_forecasts_keep_their_reference_times() -> None:
    part = _part(5)
    unit = Scaler(lo=np.array([0.0, 1.0]), hi=np.array([2.0, 3.0]), low=np.zeros(2), high=np.ones(2))

    scaled = part.scaled(unit)

    np.testing.assert_allclose(unit.inverse(scaled.y_pred), part.y_pred, atol=1e-12)
    np.testing.assert_array_equal(scaled.ref_ns, part.ref_ns)
