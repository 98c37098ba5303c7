"""Small forecasting tasks for the trainer's tests: samples in memory, and a data set on disk."""

from pathlib import Path

import numpy as np

from shared.contracts.specs import Calendar, CalendarFeature, DatasetSpec, Horizon, SeriesSpec, Split
from shared.series.arrays import Float64
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.samples import Layout, Samples

HOUR_NS = 3_600_000_000_000


def hourly_series(n: int = 700, *, seed: int = 0) -> dict[str, Series]:
    """Return a load that follows the clock and, not linearly, the temperature; and a second load."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n)
    temperature = 10 + 8 * np.sin(hours / 30) + rng.normal(0, 0.5, n)
    daily = np.sin(2 * np.pi * hours / 24)
    heating = 0.15 * np.maximum(temperature - 12, 0) ** 2
    values: dict[str, Float64] = {
        "load": 50 + 10 * daily + heating + rng.normal(0, 0.3, n),
        "export": 20 + 5 * daily**3 + rng.normal(0, 0.3, n),
        "temperature": temperature,
        "pressure": 1000 + 5 * np.cos(hours / 9),
    }
    return {name: Series(name, hours * HOUR_NS, column) for name, column in values.items()}


def small_dataset(
    n: int = 700, *, input_steps: int = 24, output_steps: int = 6, own_past: bool = True
) -> Dataset:
    """Return two outputs, unequal windows, a temperature known ahead and a calendar."""
    past, ahead = Horizon(start=1.0 - input_steps, end=0), Horizon(start=1, end=output_steps)
    inputs = [
        SeriesSpec(series_id="pressure", name="pressure", role="input", horizon=Horizon(start=-12, end=0)),
        SeriesSpec(
            series_id="temperature",
            name="temperature ahead",
            role="input",
            horizon=Horizon(start=1.0 - input_steps, end=output_steps),
        ),
    ]
    outputs = []
    for name in ("load", "export"):
        if own_past:
            inputs.append(SeriesSpec(series_id=name, name=name, role="input", horizon=past))
        outputs.append(SeriesSpec(series_id=name, name=name, role="output", horizon=ahead))
    spec = DatasetSpec(
        series=(*inputs, *outputs),
        input_steps=input_steps,
        output_steps=output_steps,
        stride=60,
        calendar=Calendar(day=CalendarFeature(enabled=True, horizon=ahead)),
        split=Split(train=60, validation=20, test=20),
    )
    return build_dataset(spec, hourly_series(n))


def small_task(**settings: int | bool) -> tuple[Samples, Samples, Samples, Layout]:
    """Return train, validation and test samples of ``small_dataset``, and their layout."""
    dataset = small_dataset(**settings)  # type: ignore[arg-type]  # n is an int, own_past a bool
    return dataset.part("train"), dataset.part("validation"), dataset.part("test"), dataset.layout


def stored_dataset(folder: Path, n: int = 700) -> Path:
    """Write ``small_dataset`` to a folder and return it."""
    small_dataset(n).save(folder)
    return folder
