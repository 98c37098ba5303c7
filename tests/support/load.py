"""Half-hourly electricity demand of Victoria in 2014 (fpp2::elecdemand), cut short for quick runs."""

from datetime import timedelta

from shared.contracts.kinds import DenseSpec, Kind, LinearSpec, ModelSpec, SvrMimoSpec
from shared.contracts.specs import DatasetSpec
from shared.demo_data import DemoFile
from trainyard.demo import demo_files
from trainyard.plan import plan_dataset
from trainyard.responses import Series

READING = {"timezone": "Australia/Melbourne"}
MODELS: tuple[ModelSpec, ...] = (LinearSpec(), SvrMimoSpec())
CLASSICAL: tuple[Kind, ...] = ("last_value", "seasonal_naive", "lin", "svr_mimo")  # start without TensorFlow
LONG_MODELS: tuple[ModelSpec, ...] = (LinearSpec(), DenseSpec(layers=(64,), epochs=60, patience=0))


def short_files(n_rows: int = 1500) -> tuple[DemoFile, ...]:
    """Return the first rows of demand and temperature."""
    return tuple(
        DemoFile(file.name, b"\n".join(file.content.split(b"\n")[: n_rows + 1]) + b"\n")
        for file in demo_files()
    )


def short_plan(series: list[Series]) -> DatasetSpec:
    """Forecast six hours of demand from twelve."""
    return plan_dataset(
        series,
        target="demand",
        horizon=timedelta(hours=6),
        lookback=timedelta(hours=12),
        stride=timedelta(hours=1),
        timezone="Australia/Melbourne",
        country="AU",
    )
