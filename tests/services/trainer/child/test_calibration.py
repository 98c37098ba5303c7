"""Intervals of forecasts of the future follow what has become of forecasts since the test part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.trainer.child.forecasting import forecast
from services.trainer.child.protocol import ForecastTask, TrainTask
from services.trainer.child.tasks import train
from services.trainer.core.model import ignore_progress
from shared.contracts.kinds import BoostSpec, LinearSpec, ModelSpec
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.series.series import Series
from shared.windows.dataset import build_dataset

HOUR_NS = 3_600_000_000_000
TRAINED, LATER = 1400, 500  # hours
AHEAD = 6


def load_of(*, noise_later: float, floor: float | None = None) -> Series:
    """Return an hourly load whose noise changes after the rows that a model was trained on."""
    hours = np.arange(TRAINED + LATER)
    noise = np.random.default_rng(0).normal(0, 1.0, len(hours))
    noise[TRAINED:] *= noise_later
    values = 50 + 10 * np.sin(2 * np.pi * hours / 24) + noise
    return Series("load", hours * HOUR_NS, values if floor is None else np.maximum(values - 60, floor))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a data set, and a linear model of it."""
    folder = tmp_path_factory.mktemp("calibration")
    train_on(load_of(noise_later=1.0), folder)
    return folder


def train_on(series: Series, folder: Path, model: ModelSpec | None = None) -> None:
    past, ahead = Horizon(start=-47, end=0), Horizon(start=1, end=AHEAD)
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id="load", name="load", role="input", horizon=past),
            SeriesSpec(series_id="load", name="load", role="output", horizon=ahead),
        ),
        input_steps=48,
        output_steps=AHEAD,
        stride=60,
    )
    build_dataset(spec, {"load": rows(series, TRAINED)}).save(folder / "dataset")
    train(
        TrainTask(spec=model or LinearSpec(), dataset=folder / "dataset", output=folder / "model"),
        ignore_progress,
    )


def rows(series: Series, n: int) -> Series:
    return Series(series.name, series.times_ns[:n], series.values[:n])


def asked(folder: Path, series: Series, tmp_path: Path, *, at: str | None = None) -> Any:
    """Return the document of a forecast from the newest of some rows."""
    path = tmp_path / f"rows-{len(series)}-{series.values.sum()}.npz"
    np.savez(path, **series.to_arrays())  # type: ignore[arg-type]  # the stub means allow_pickle
    task = ForecastTask(
        model=folder / "model", dataset=folder / "dataset", rows={"load": path}, zone="UTC", at=at
    )
    return forecast(task).document


def width(document: Any, level: float = 80.0) -> float:
    """Return the mean width of the intervals of a level."""
    ends = [
        one["upper"] - one["lower"]
        for value in document["outputs"][0]["values"]
        for one in value["intervals"]
        if one["level"] == level
    ]
    assert len(ends) == AHEAD
    return float(np.mean(ends))


def test_intervals_widen_when_what_came_since_was_harder_to_forecast(trained: Path, tmp_path: Path) -> None:
    calm, wild = load_of(noise_later=1.0), load_of(noise_later=4.0)

    before = asked(trained, rows(calm, TRAINED), tmp_path)
    same, wider = asked(trained, calm, tmp_path), asked(trained, wild, tmp_path)

    assert (before["n_later"], same["n_later"]) == (AHEAD - 1, LATER + AHEAD - 1)
    assert width(same) == pytest.approx(width(before), rel=0.15)
    assert 2.5 < width(wider) / width(before) < 5.0


def test_no_interval_knows_a_truth_that_was_not_known_at_its_reference_time(
    trained: Path, tmp_path: Path
) -> None:
    wild = load_of(noise_later=4.0)
    some = rows(wild, TRAINED + 100)

    then = asked(trained, some, tmp_path)
    later = asked(trained, wild, tmp_path, at=then["reference_time"])

    assert later["outputs"] == then["outputs"]


def test_intervals_of_a_moment_within_the_test_part_know_only_what_came_before(
    trained: Path, tmp_path: Path
) -> None:
    calm, wild = load_of(noise_later=1.0), load_of(noise_later=4.0)
    at = "1970-02-25T00:00:00+00:00"  # day 55 of 58

    first, second = (asked(trained, series, tmp_path, at=at) for series in (calm, wild))

    assert first["outputs"] == second["outputs"]
    assert first["n_later"] == 0


def test_intervals_end_where_forecasts_are_bounded(tmp_path: Path) -> None:
    series = load_of(noise_later=1.0, floor=0.0)
    train_on(series, tmp_path)

    document = asked(tmp_path, series, tmp_path)

    lower = [one["lower"] for value in document["outputs"][0]["values"] for one in value["intervals"]]
    assert min(lower) == 0.0


def test_a_model_with_quantiles_of_its_own_has_wide_intervals_where_it_errs(tmp_path: Path) -> None:
    series = load_of(noise_later=1.0)
    hours = np.arange(len(series))
    noise = np.random.default_rng(5).normal(0, 1.0, len(hours))
    workday = hours // 24 % 7 < 5  # told by the level of its own past alone
    values = 50 + np.where(workday, 10.0, -10.0) + np.where(workday, 4.0, 0.2) * noise
    weekly = Series("load", series.times_ns, values)
    train_on(weekly, tmp_path, BoostSpec(n_estimators=60))

    wide = asked(tmp_path, weekly, tmp_path, at="1970-03-06T06:00:00+00:00")  # a workday
    narrow = asked(tmp_path, weekly, tmp_path, at="1970-03-11T06:00:00+00:00")  # none

    assert workday[64 * 24 + 6]
    assert not workday[69 * 24 + 6]
    assert width(narrow) < 0.5 * width(wide)
