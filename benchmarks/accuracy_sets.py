"""The series of the accuracy benchmark, read as an upload is and planned as `trainyard run` plans them."""

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from services.ingest.core.options import ReadOptions
from services.ingest.core.read import read_file
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from trainyard.plan import plan_dataset
from trainyard.responses import Series as Found

TMY3 = "723170TYA.CSV"  # a typical year of one weather station, in the folder of pvlib's data
TMY3_COLUMNS = {
    "ghi": "GHI (",
    "extraterrestrial": "ETR (",
    "cloud": "TotCld (",
    "temperature": "Dry-bulb (C)",
}


@dataclass(frozen=True)
class Set:
    """One series and how it is forecast."""

    file: str | None  # None: the demo's
    target: str
    horizon: timedelta = timedelta(hours=24)
    stride: timedelta | None = None
    future: tuple[str, ...] = ()
    last_rows: int | None = None
    timezone: str = "UTC"
    place: tuple[str | None, str | None] = (None, None)
    only: tuple[str, ...] = field(default=())


MELBOURNE = {"timezone": "Australia/Melbourne", "place": ("AU", "VIC")}
HOUR = timedelta(hours=1)
SETS = {
    "demo": Set(None, "demand", stride=HOUR, **MELBOURNE),  # type: ignore[arg-type]  # a dict of two fields
    "demoT": Set(None, "demand", stride=HOUR, future=("temperature",), **MELBOURNE),  # type: ignore[arg-type]
    "vic": Set(
        "vic_electricity.csv", "Demand", stride=3 * HOUR, future=("Temperature",),
        only=("Demand", "Temperature"), **MELBOURNE,  # type: ignore[arg-type]
    ),
    "AEP": Set(
        "AEP_hourly.csv", "AEP_MW", last_rows=20_000, timezone="America/New_York", place=("US", None)
    ),
    "daily": Set(
        "bicimad_users.csv", "users", timedelta(days=7), timezone="Europe/Madrid", place=("ES", "MD")
    ),
    "ETTh1": Set("ETTh1.csv", "OT"),
    "pv": Set(
        TMY3, "ghi", future=("extraterrestrial", "cloud", "temperature"), timezone="Etc/GMT+5"
    ),
}  # fmt: skip


def series_of(chosen: Set, folder: Path) -> dict[str, tuple[Series, float]]:
    """Return the series of a set by name, read as an upload is, with their steps in seconds."""
    options = ReadOptions(timezone=chosen.timezone)
    if chosen.file is None:
        from trainyard.demo import demo_files

        read = [one for file in demo_files() for one in read_file(file.content, options=options)]
    else:
        path = folder / chosen.file
        read = list(read_file(typical_year(path) if chosen.file == TMY3 else path, options=options))
    kept = [one for one in read if not chosen.only or one.series.name in chosen.only]
    return {one.series.name: (_newest(one.series, chosen.last_rows), _step_s(one.series)) for one in kept}


def build(chosen: Set, folder: Path) -> Dataset:
    """Plan and build the data set of a set with the defaults of the command line."""
    series = series_of(chosen, folder)
    country, subdivision = chosen.place
    spec = plan_dataset(
        [
            Found(series_id=name, name=name, statistics={"n": len(rows)}, quality={"step_s": step})
            for name, (rows, step) in series.items()
        ],
        target=chosen.target,
        horizon=chosen.horizon,
        stride=chosen.stride,
        future=chosen.future,
        timezone=chosen.timezone,
        country=country,
        subdivision=subdivision,
    )
    return build_dataset(spec, {name: rows for name, (rows, _) in series.items()})


def typical_year(path: Path) -> bytes:
    """Return a typical meteorological year as one year from 2001-01-01 on, hours named by their end."""
    _, head, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    places = [
        next(k for k, name in enumerate(head) if name.startswith(begin)) for begin in TMY3_COLUMNS.values()
    ]
    first = datetime(2001, 1, 1, 1)
    lines = [
        ",".join([str(first + timedelta(hours=hour)), *(row[place] for place in places)])
        for hour, row in enumerate(rows)
    ]
    return "\n".join([",".join(["time", *TMY3_COLUMNS]), *lines, ""]).encode()


def _newest(series: Series, n_rows: int | None) -> Series:
    return (
        series if n_rows is None else Series(series.name, series.times_ns[-n_rows:], series.values[-n_rows:])
    )


def _step_s(series: Series) -> float:
    return float(np.median(np.diff(series.times_ns))) / 1e9
