"""Contestants of the peers benchmark: ``python -m benchmarks.peers_contestants NAME FILE.csv STEPS``.

Each runs in a process of its own and needs its own packages only. All columns are forecast; the peers
train one model for all columns, each from its own past, as their documentation does for many series.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers_work import (
    HORIZON,
    LOOKBACK,
    TEST,
    TRAIN,
    VALIDATION,
    Array,
    Result,
    contest,
    series,
    tell,
)

DAYS = (*range(1, 25), 48, 72, 96, 120, 144, 168)  # lags of the boosted trees


def trainyard(name: str, file: Path) -> Result:
    """Ours, as ``benchmarks.etth`` runs it."""
    from benchmarks.etth import BLOCK, SPECS, cut, read, split_rows
    from services.trainer.core.fit import fit

    lookback = LOOKBACK if name == "Dense" else 720
    values, minutes = read(file)
    lengths = split_rows(len(values), minutes)
    (train, validation, test), layout = cut(values, minutes, lengths, lookback=lookback, horizon=HORIZON)
    models: list[Any] = []

    def predict() -> Array:
        blocks = (slice(start, start + BLOCK) for start in range(0, len(test), BLOCK))
        forecasts = [models[0].predict(test.rows(block).x) for block in blocks]
        return np.concatenate(forecasts).astype(np.float64)

    return contest(
        lambda: models.append(fit(SPECS[name], train, validation, layout).model),
        predict,
        series(file)[1],
        f"lookback {lookback}",
    )


def darts_linear(file: Path) -> Result:
    """One linear regression for all columns, every step from the same lags."""
    darts, models = import_module("darts"), import_module("darts.models")
    hours, values = series(file)
    whole = [darts.TimeSeries.from_times_and_values(hours, column) for column in values.T]
    model = models.LinearRegressionModel(lags=LOOKBACK, output_chunk_length=HORIZON)

    def predict() -> Array:
        forecasts = model.historical_forecasts(
            [one[TRAIN + VALIDATION - LOOKBACK :] for one in whole],
            forecast_horizon=HORIZON, stride=1, retrain=False, last_points_only=False,
        )  # fmt: skip
        return np.stack(
            [np.stack([window.values()[:, 0] for window in column]) for column in forecasts], axis=2
        )

    return contest(lambda: model.fit([one[:TRAIN] for one in whole]), predict, values, f"lags {LOOKBACK}")


def mlforecast_lightgbm(file: Path) -> Result:
    """Boosted trees that go on from their own forecasts; every test window is a series of its own."""
    mlforecast, lightgbm = import_module("mlforecast"), import_module("lightgbm")
    hours, values = series(file)
    model = mlforecast.MLForecast(
        models=[lightgbm.LGBMRegressor(verbosity=-1)],
        freq="h",
        lags=list(DAYS),
        date_features=["hour", "dayofweek"],
    )

    def predict() -> Array:
        kept = max(DAYS) + 1
        first = TRAIN + VALIDATION - kept
        past = np.lib.stride_tricks.sliding_window_view(values[first:-HORIZON], kept, axis=0)
        n_windows, n_columns, _ = past.shape
        stamps = np.lib.stride_tricks.sliding_window_view(hours.to_numpy()[first:-HORIZON], kept)
        windows = pd.DataFrame(
            {
                "unique_id": np.repeat(np.arange(n_windows * n_columns), kept),
                "ds": np.repeat(stamps[:, None, :], n_columns, axis=1).ravel(),
                "y": past.ravel(),
            }
        )
        forecasts = model.predict(HORIZON, new_df=windows).sort_values(["unique_id", "ds"])
        steps: Array = forecasts["LGBMRegressor"].to_numpy(np.float64)
        return steps.reshape(n_windows, n_columns, HORIZON).transpose(0, 2, 1)

    return contest(
        lambda: model.fit(long_table(hours[:TRAIN], values[:TRAIN]), static_features=[]),
        predict,
        values,
        f"{len(DAYS)} lags, hour and weekday, recursive",
    )


def neural(name: str, file: Path, steps: int) -> Result:
    """A network of neuralforecast; it reads the validation part only to report a loss."""
    package = import_module("neuralforecast")
    kind = getattr(import_module("neuralforecast.models"), name)
    hours, values = series(file)
    quiet = {"enable_progress_bar": False, "logger": False, "enable_model_summary": False}
    network = kind(h=HORIZON, input_size=LOOKBACK, max_steps=steps, accelerator="cpu", **quiet)
    forecaster = package.NeuralForecast(models=[network], freq="h")
    table = long_table(hours, values)
    kept: list[Any] = []

    def fit_and_forecast() -> None:  # one call does both and does not say how long each took
        kept.append(
            forecaster.cross_validation(
                table, n_windows=None, test_size=TEST, val_size=VALIDATION, step_size=1, refit=False
            )
        )

    def predict() -> Array:
        found = kept[0].reset_index().sort_values(["cutoff", "unique_id", "ds"])
        forecasts: Array = found[name].to_numpy(np.float64).reshape(-1, values.shape[1], HORIZON)
        return forecasts.transpose(0, 2, 1)

    return contest(
        fit_and_forecast, predict, values, f"input {LOOKBACK}, {steps} steps; fit s includes forecasts"
    )


def long_table(hours: pd.DatetimeIndex, values: Array) -> pd.DataFrame:
    """Return the columns as one table of rows (unique_id, ds, y)."""
    n_rows, n_columns = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n_columns), n_rows),
            "ds": np.tile(hours.to_numpy(), n_columns),
            "y": values.T.ravel(),
        }
    )


def main(name: str, file: Path, steps: int) -> None:
    """Run one contestant."""
    match name:
        case "darts linear":
            tell(darts_linear(file))
        case "mlforecast LightGBM":
            tell(mlforecast_lightgbm(file))
        case "NHITS" | "PatchTST":
            tell(neural(name, file, steps))
        case _:
            tell(trainyard(name, file))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
