"""Golden cases in the folder format of ``TRAINYARD_GOLDEN``, as settings and series of ours."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.datasets.core.offline import read_series
from shared.contracts.specs import (
    FEATURES,
    Calendar,
    CalendarFeature,
    DatasetSpec,
    Horizon,
    Range,
    Resample,
    SeriesSpec,
    Split,
)
from shared.series.series import Series

DEFAULT = Path(__file__).parents[2] / "../shared/golden"
COUNTRIES = {"Österreich": "AT", "Deutschland": "DE", "Schweiz": "CH"}
METHODS: dict[str, Resample] = {
    "linear_interpolation": "linear", "mean": "mean", "nearest": "nearest", "next": "next",
    "previous": "previous",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One folder: settings, series, and the arrays to expect."""

    folder: Path
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def expected(self) -> Mapping[str, NDArray[Any]] | None:
        """Return the arrays to expect; the sane ones win."""
        for name in ("expected_sane.npz", "expected.npz"):
            if (self.folder / name).is_file():
                with np.load(self.folder / name, allow_pickle=False) as arrays:
                    return {key: arrays[key] for key in arrays.files}
        return None

    def corrected(self) -> bool:
        """Return whether the reference's own arrays are wrong and sane ones stand beside them."""
        return (self.folder / "expected_sane.npz").is_file()

    def reference(self) -> Mapping[str, NDArray[Any]] | None:
        """Return the arrays of the reference itself: statistics and scaled values."""
        if not (self.folder / "expected.npz").is_file():
            return None
        with np.load(self.folder / "expected.npz", allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def series(self) -> dict[str, Series]:
        """Read the files; text counts as missing."""
        return {
            f"{file['role']}/{file['name']}": read_series(self.folder / file["csv"], file["name"])
            for file in self.config["files"]
        }

    def spec(self) -> DatasetSpec:
        """Return the settings; the earlier system knew no gap limit, no purge, and scaled over all."""
        config = self.config
        return DatasetSpec(
            series=tuple(_series_spec(file) for file in config["files"]),
            input_steps=config["input_steps"],
            output_steps=config["output_steps"],
            stride=config["reference_step_minutes"],
            offset=config["reference_offset_minutes"],
            calendar=_calendar(config),
            split=Split(train=100, validation=0, test=0, purge=False),
        )


def folder() -> Path:
    """Return the folder of cases."""
    return Path(os.environ.get("TRAINYARD_GOLDEN", DEFAULT))


def cases() -> list[Case]:
    """Return the data set cases of the folder; pipelines and metrics are golden for others."""
    if not folder().is_dir():
        return []
    found = [
        Case(path.parent, json.loads(path.read_text("utf-8"))) for path in folder().glob("*/config.json")
    ]
    return sorted((case for case in found if "files" in case.config), key=lambda case: case.name)


def _series_spec(file: Mapping[str, Any]) -> SeriesSpec:
    return SeriesSpec(
        series_id=f"{file['role']}/{file['name']}",
        name=file["name"],
        role=file["role"],
        horizon=Horizon(start=file["horizon_start_hours"], end=file["horizon_end_hours"]),
        resample=METHODS[file["method"]],
        average_window=file["average_over_horizon"],
        max_gap=None,
        scale=_range(file),
    )


def _range(setting: Mapping[str, Any]) -> Range | None:
    return Range(min=setting["scale_min"], max=setting["scale_max"]) if setting.get("scale") else None


def _calendar(config: Mapping[str, Any]) -> Calendar:
    wanted: Mapping[str, Any] = config.get("time_features", {})
    country = wanted.get("holiday", {}).get("country")
    return Calendar(
        **{name: _feature(wanted[name]) for name in FEATURES if name in wanted},
        timezone=config.get("timezone", "UTC"),
        country=COUNTRIES.get(country, country),
    )


def _feature(setting: Mapping[str, Any]) -> CalendarFeature:
    return CalendarFeature(
        enabled=True,
        at="reference" if setting["mode"] == "current_time" else "window",
        horizon=Horizon(
            start=setting.get("horizon_start_hours", -24.0), end=setting.get("horizon_end_hours", 0.0)
        ),
        local_time=setting["local_time"],
        scale=_range(setting),
    )
