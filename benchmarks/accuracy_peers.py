"""Peers of the accuracy benchmark, in an environment of their own.

    python -m benchmarks.accuracy_peers NAME IN OUT

IN is an .npz of one series on a regular grid: ``times`` (n,) Unix seconds, ``y`` (n,), ``known`` (n, k) known
in advance, ``refs`` (n_windows,) places of the reference times to forecast from, ``n_steps``, and ``n_fit``
rows to learn from (training and validation). OUT gets ``y_pred`` (n_windows, n_steps) and ``seconds``.
Nothing of Trainyard is imported.
"""

import sys
import time
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

Arrays = dict[str, Any]


def darts_linear(task: Arrays) -> Any:
    """Least squares from 7 days of lags and what is known ahead, one model per step."""
    darts, models = import_module("darts"), import_module("darts.models")
    index, per_day, steps = _index(task), _per_day(task), int(task["n_steps"])
    lags = 7 * per_day if per_day > 1 else 56
    series = darts.TimeSeries.from_times_and_values(index, task["y"])
    known = None
    if task["known"].shape[1]:
        known = darts.TimeSeries.from_times_and_values(index, task["known"])
    ahead = {"lags_future_covariates": (0, steps)} if known is not None else {}
    model = models.LinearRegressionModel(lags=lags, output_chunk_length=steps, **ahead)
    n_fit = int(task["n_fit"])
    model.fit(series[:n_fit], **({"future_covariates": known} if known is not None else {}))
    refs = task["refs"]
    found = model.historical_forecasts(
        series[refs[0] + 1 - lags :], future_covariates=known, start=index[refs[0] + 1], retrain=False,
        forecast_horizon=steps, stride=1, last_points_only=False, verbose=False, show_warnings=False,
    )  # fmt: skip
    by_start = {one.start_time(): one.values()[:, 0] for one in found}
    return np.stack([by_start[index[ref + 1]] for ref in refs])


def mlforecast_lightgbm(task: Arrays) -> Any:
    """Boosted trees that go on from their own forecasts, with hour, weekday and what is known ahead."""
    mlforecast, lightgbm = import_module("mlforecast"), import_module("lightgbm")
    index, per_day, steps = _index(task), _per_day(task), int(task["n_steps"])
    day, week = per_day, 7 * per_day
    lags = sorted({1, 2, 3, day, day + 1, 2 * day, week, 2 * week})
    names = [f"known{k}" for k in range(task["known"].shape[1])]
    table = pd.DataFrame({"unique_id": 0, "ds": index, "y": task["y"]}).assign(
        **{name: task["known"][:, k] for k, name in enumerate(names)}
    )
    forecaster = mlforecast.MLForecast(
        models=[lightgbm.LGBMRegressor(n_estimators=300, learning_rate=0.05, num_threads=1, verbosity=-1)],
        freq=index.freq,
        lags=lags,
        date_features=["hour", "dayofweek", "dayofyear"],
    )
    forecaster.fit(table[: int(task["n_fit"])], static_features=[])
    past, future = [], []
    for number, ref in enumerate(task["refs"]):
        past.append(table[ref - max(lags) : ref + 1].assign(unique_id=number))
        future.append(table[ref + 1 : ref + 1 + steps].assign(unique_id=number))
    known = {"X_df": pd.concat(future)[["unique_id", "ds", *names]]} if names else {}
    found = forecaster.predict(steps, new_df=pd.concat(past), **known).sort_values(["unique_id", "ds"])
    return found["LGBMRegressor"].to_numpy().reshape(-1, steps)


PEERS = {"darts linear": darts_linear, "mlforecast LightGBM": mlforecast_lightgbm}


def _index(task: Arrays) -> pd.DatetimeIndex:
    seconds = task["times"]
    step = pd.Timedelta(seconds=int(seconds[1] - seconds[0]))
    return pd.date_range(pd.Timestamp(int(seconds[0]), unit="s"), periods=len(seconds), freq=step)


def _per_day(task: Arrays) -> int:
    return max(1, round(86_400 / float(task["times"][1] - task["times"][0])))


if __name__ == "__main__":
    with np.load(sys.argv[2]) as stored:
        read = dict(stored)
    begun = time.process_time()
    forecasts = PEERS[sys.argv[1]](read)
    np.savez(sys.argv[3], y_pred=forecasts, seconds=time.process_time() - begun)
