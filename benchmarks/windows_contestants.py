"""Contestants of the windows benchmark: ``python -m benchmarks.windows_contestants NAME ROWS``.

Each runs in a process of its own. The peers (keras, mlforecast, darts) need their own packages only, so
any interpreter that has them will do.
"""

import sys
from collections.abc import Callable
from importlib import import_module

import numpy as np

from benchmarks.windows_work import INPUTS, STEPS, Result, calendar_columns, measured, rows, tell


def trainyard(n: int) -> Result:
    """Ours: validity of every window, calendar by local clock with holidays, gather to float32."""
    from benchmarks.windows_request import request, series_of
    from shared.windows.dataset import build_dataset

    spec, series = request(n), series_of(n)

    def work() -> int:
        dataset = build_dataset(spec, series)
        x, y = dataset.x(scaled=False), dataset.y(scaled=False)
        return min(len(x), len(y))

    return measured("Trainyard, rows to X and Y", work, note="with validity, calendar, split, scalers")


def trainyard_materialise(n: int) -> Result:
    """Ours: reading every window of a built data set, scaled."""
    from benchmarks.windows_request import request, series_of
    from shared.windows.dataset import build_dataset

    dataset = build_dataset(request(n), series_of(n))
    return measured(
        "Trainyard, materialise",
        lambda: min(len(dataset.x()), len(dataset.y())),
        note="scaled, of a built data set",
    )


def trainyard_batches(n: int) -> Result:
    """Ours: every window once in lazy batches, the way a large data set is trained on."""
    from benchmarks.windows_request import request, series_of
    from shared.windows.dataset import Part, build_dataset

    spec, series = request(n), series_of(n)
    parts: tuple[Part, ...] = ("train", "validation", "test")

    def work() -> int:
        dataset = build_dataset(spec, series)
        return sum(len(batch) for part in parts for batch in dataset.batches(part, 4096))

    return measured("Trainyard, rows to lazy batches", work, runs=2, note="never materialised")


def trainyard_on_demand(n: int) -> Result:
    """Ours where no two windows share a point: every window is interpolated when it is read."""
    from benchmarks.windows_request import request, series_of
    from shared.contracts.specs import Horizon
    from shared.windows.dataset import build_dataset

    spec, series = request(n), series_of(n)
    odd = Horizon(start=-95.123456789, end=0)
    inputs = tuple(one.model_copy(update={"horizon": odd}) for one in spec.inputs)
    spec = spec.model_copy(update={"series": inputs + spec.outputs})

    def work() -> int:
        return len(build_dataset(spec, series).x())

    return measured("Trainyard, odd spacing", work, runs=2, note="3 inputs interpolated per window")


def pandas_loop(n: int) -> Result:
    """One window, one series, one step at a time: what the earlier system did."""
    import pandas as pd

    times, values = rows(n)
    frames = [pd.DataFrame({"UTC": pd.to_datetime(times), "value": values[:, i]}) for i in range(INPUTS)]
    calendar = calendar_columns(times)
    limit = 100

    def value_at(frame: pd.DataFrame, at: pd.Timestamp) -> float:
        after = int(frame["UTC"].searchsorted(at))
        if frame["UTC"].iloc[after] == at:
            return float(frame["value"].iloc[after])
        t1, t2 = frame["UTC"].iloc[after - 1], frame["UTC"].iloc[after]
        v1, v2 = frame["value"].iloc[after - 1], frame["value"].iloc[after]
        return float(v1 + (at - t1) / (t2 - t1) * (v2 - v1))

    def work() -> int:
        x = []
        for w in range(limit):
            ref = pd.Timestamp(times[w + STEPS - 1])
            past = pd.date_range(end=ref, periods=STEPS, freq="h")
            future = pd.date_range(start=ref + pd.Timedelta("1h"), periods=STEPS, freq="h")
            columns = [[value_at(frame, at) for at in past] for frame in frames]
            x.append((columns, calendar[w : w + STEPS], [value_at(frames[0], at) for at in future]))
        return len(x)

    return measured("pandas loop", work, runs=1, note=f"{limit} windows timed")


def interpolation_matrix(n: int) -> Result:
    """All moments of all windows in one ``numpy.interp`` per column."""
    times, values = rows(n)
    calendar = calendar_columns(times)

    def work() -> int:
        refs = times[STEPS - 1 : -STEPS]
        past = refs[:, None] + np.arange(-STEPS + 1, 1) * 3_600_000_000_000
        future = refs[:, None] + np.arange(1, STEPS + 1) * 3_600_000_000_000
        table = [*values.T, *calendar.T]
        x = np.stack([np.interp(past, times, column) for column in table], axis=2).astype(np.float32)
        y = np.interp(future, times, values[:, 0]).astype(np.float32)
        return min(len(x), len(y))

    return measured("interpolation matrix", work, runs=2, note="no validity")


def sliding_views(n: int) -> Result:
    """The least anybody can do: strided views of a finished table, copied once."""
    times, values = rows(n)
    table = np.hstack([values, calendar_columns(times)]).astype(np.float32)

    def work() -> int:
        windows = np.lib.stride_tricks.sliding_window_view(table, STEPS, axis=0)
        x = np.ascontiguousarray(windows[:-STEPS].transpose(0, 2, 1))
        y = np.ascontiguousarray(windows[STEPS:, 0])
        return min(len(x), len(y))

    return measured("numpy sliding windows", work, note="table given, no validity")


def keras(n: int) -> Result:
    """``timeseries_dataset_from_array`` over the finished table."""
    import tensorflow as tf

    times, values = rows(n)
    table = np.hstack([values, calendar_columns(times)]).astype(np.float32)

    def work() -> int:
        stream = tf.keras.utils.timeseries_dataset_from_array(table, None, 2 * STEPS, batch_size=4096)
        return sum(len((batch[:, :STEPS], batch[:, STEPS:, :1])[0]) for batch in stream)

    return measured("keras timeseries_dataset_from_array", work, runs=2, note="table given, no validity")


def mlforecast(n: int) -> Result:
    """``preprocess`` with 96 lags of the target and of both other inputs, 96 targets."""
    import pandas as pd

    peer = import_module("mlforecast")

    times, values = rows(n)
    frame = pd.DataFrame({"unique_id": 0, "ds": pd.to_datetime(times), "y": values[:, 0]})
    parts = ["month", "dayofweek", "dayofyear", "hour"]
    others = [frame.assign(unique_id=i, y=values[:, i]) for i in range(1, INPUTS)]
    table = pd.concat([frame, *others])
    tool = peer.MLForecast(models=[], freq="h", lags=list(range(1, STEPS + 1)), date_features=parts)

    def work() -> int:
        made = tool.preprocess(table, max_horizon=STEPS, static_features=[])
        return len(made) // INPUTS

    return measured("mlforecast preprocess", work, runs=2, note="calendar of one step only")


def darts(n: int) -> Result:
    """Tabularisation of lags and future covariates with 96 output steps."""
    import pandas as pd

    peer, tables = import_module("darts"), import_module("darts.utils.data.tabularization")

    times, values = rows(n)
    index = pd.DatetimeIndex(pd.to_datetime(times), freq="h")
    target = peer.TimeSeries.from_times_and_values(index, values[:, :1])
    past = peer.TimeSeries.from_times_and_values(index, np.hstack([values[:, 1:], calendar_columns(times)]))
    lags = list(range(-STEPS, 0))

    def work() -> int:
        made = tables.create_lagged_training_data(
            target,
            past_covariates=past,
            lags=lags,
            lags_past_covariates=lags,
            output_chunk_length=STEPS,
            output_chunk_shift=0,
            uses_static_covariates=False,
        )
        return len(made[0])

    return measured("darts tabularisation", work, runs=2, note="table given, no validity")


CONTESTANTS: dict[str, Callable[[int], Result]] = {
    "trainyard": trainyard,
    "materialise": trainyard_materialise,
    "batches": trainyard_batches,
    "odd": trainyard_on_demand,
    "loop": pandas_loop,
    "matrix": interpolation_matrix,
    "views": sliding_views,
    "keras": keras,
    "mlforecast": mlforecast,
    "darts": darts,
}

if __name__ == "__main__":
    tell(CONTESTANTS[sys.argv[1]](int(sys.argv[2])))
