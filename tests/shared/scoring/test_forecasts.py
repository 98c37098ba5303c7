import io

import numpy as np
import pytest

from shared.scoring.forecasts import Forecast, ForecastMalformed, PartForecast, alike, average_spread


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


def test_how_far_off_a_model_takes_its_forecasts_to_be_is_stored_with_them() -> None:
    plain, file = _part(4), io.BytesIO()
    said = PartForecast(plain.ref_ns, plain.y_true, plain.y_pred, np.abs(plain.y_pred))
    np.savez(file, allow_pickle=False, **Forecast(said, _part(0)).to_arrays())
    file.seek(0)

    loaded = Forecast.from_arrays(np.load(file))

    assert loaded.validation.spread is not None
    np.testing.assert_array_equal(loaded.validation.spread, said.spread)
    assert loaded.test.spread is None
    assert loaded.validation.windows(slice(1, 3)).spread is not None


def test_spreads_that_do_not_fit_their_forecasts_are_refused() -> None:
    arrays = Forecast(_part(4), _part(1)).to_arrays() | {"test_spread": np.ones((2, 3, 2))}

    with pytest.raises(ForecastMalformed, match=r"test part has .* spreads") as caught:
        Forecast.from_arrays(arrays)

    assert caught.value.details["field"] == "test_spread"


def test_parts_count_as_saying_how_far_off_they_are_only_together() -> None:
    plain = _part(4)
    said = PartForecast(plain.ref_ns, plain.y_true, plain.y_pred, np.ones(plain.y_pred.shape))

    assert [part.spread is None for part in alike([said, said])] == [False, False]
    assert [part.spread is None for part in alike([said, plain])] == [True, True]


def test_an_average_is_as_far_off_as_the_members_that_say_so_by_their_weights() -> None:
    one, three = np.full((2, 3, 1), 1.0), np.full((2, 3, 1), 3.0)

    average = average_spread([one, three], [0.2, 0.2])

    assert average is not None
    np.testing.assert_allclose(average, 2.0)
    assert average_spread([], []) is None
