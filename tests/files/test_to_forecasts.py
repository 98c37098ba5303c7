"""Files whose trouble comes after the reading: what is a sample, what is fitted, what is said.

Rebuilt from public reports, each named at its test; a data set is planned as ``trainyard run`` plans it.
"""

import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from services.trainer.child.tasks import part_forecast
from services.trainer.core.fit import fit
from services.trainer.core.problems import ConstantTarget
from shared.contracts.kinds import LinearSpec, ModelSpec, SeasonalNaiveSpec
from shared.contracts.specs import DatasetSpec
from shared.models.passport import first_scores
from shared.scoring.forecasts import Forecast
from shared.scoring.metrics import measure
from shared.series.problems import NoWindowFits
from shared.windows.dataset import Dataset, build_dataset
from tests.files.cases import HOUR, rows
from trainyard.plan import plan_dataset
from trainyard.responses import Series

DAY_AHEAD = timedelta(hours=24)


def day(k: int) -> float:
    """Return an hour of a load that is the same every day."""
    return round(56 - 24 * math.cos(2 * math.pi * k / 24), 3)


def text(n: int, header: str, write: Callable[[int], str]) -> bytes:
    lines = rows(
        n, "2024-03-04T00:00", HOUR, lambda t, k: f"{t:%Y-%m-%d %H:%M},{write(k)}" if write(k) else ""
    )
    return (header + "\n" + lines.replace("\n\n", "\n")).encode()


def prepared(
    *files: bytes,
    options: dict[str, JsonValue] | None = None,
    horizon: timedelta = DAY_AHEAD,
    **settings: object,
) -> tuple[Dataset, DatasetSpec]:
    """Read files, plan a data set that forecasts ``load``, and build it."""
    read = [one for file in files for one in read_file(file, options=ReadOptions.from_json(options or {}))]
    series = [told(k, one) for k, one in enumerate(read)]
    spec = plan_dataset(series, target="load", horizon=horizon, **settings)  # type: ignore[arg-type]  # of its own
    return build_dataset(spec, {str(k): one.series for k, one in enumerate(read)}), spec


def told(k: int, one: SeriesRead) -> Series:
    return Series(
        series_id=str(k),
        name=one.series.name,
        statistics=to_jsonable_python(one.statistics),
        quality={**to_jsonable_python(one.quality), "file": to_jsonable_python(one.file)},
    )


def forecasts_of(dataset: Dataset, spec: ModelSpec) -> Forecast:
    found = fit(spec, dataset.part("train"), dataset.part("validation"), dataset.layout)
    parts = (part_forecast(found.judged, dataset, "validation"), part_forecast(found.model, dataset, "test"))
    return Forecast(validation=parts[0], test=parts[1])


def test_two_weeks_of_hours_keep_a_validation_part_by_default() -> None:
    """Nixtla/statsforecast#602, #610; thuml/Time-Series-Library#562. Asked for more, it says what fits."""
    dataset, _ = prepared(text(336, "time,load", lambda k: str(day(k))))
    greedy, _ = prepared(
        text(336, "time,load", lambda k: str(day(k))), horizon=timedelta(hours=72), lookback=timedelta(days=5)
    )

    assert len(dataset.indices("validation")) > 20
    assert [finding.code for finding in dataset.findings] == []
    assert [finding.details["part"] for finding in greedy.findings] == ["validation", "test"]
    assert all(finding.suggestions for finding in greedy.findings)


@pytest.mark.parametrize("interpolate", [False, True])
def test_an_empty_cell_a_day_and_the_same_rows_left_out_are_treated_alike(interpolate: bool) -> None:
    """openclimatefix/ocf-data-sampler#80, ourownstory/neural_prophet#619."""
    empty = text(1440, "time,load", lambda k: "-" if k % 24 == 7 else str(day(k)))
    absent = text(1440, "time,load", lambda k: "" if k % 24 == 7 else str(day(k)))

    if not interpolate:  # not one window of 24 targets is free of a hole: both are refused with a way out
        for file in (empty, absent):
            with pytest.raises(NoWindowFits, match="of 1440 reference times dropped") as refused:
                prepared(file)
            assert "--interpolate" in " ".join(refused.value.suggestions)
        return
    one, other = (prepared(file, interpolate=True)[0] for file in (empty, absent))
    assert one.n_windows == other.n_windows == 1440 - 191 - 24 - 51  # at a hole the past would read ahead
    assert np.array_equal(one.x(), other.x())
    assert np.array_equal(one.y_true(), other.y_true())


def test_windows_end_where_an_input_known_ahead_ends() -> None:
    """unit8co/darts#2283: the second file ends twelve hours early."""
    load = text(1440, "time,load", lambda k: str(day(k)))
    temperature = text(1428, "time,temp", lambda k: f"{10 + 5 * np.sin(k / 4):.3f}")

    dataset, spec = prepared(load, temperature, future={"temp"})

    assert dataset.n_windows == 1440 - (spec.input_steps - 1) - 24 - 12


def test_a_flat_line_is_forecast_as_such_and_scores_that_mean_nothing_are_null() -> None:
    """OpenSTEF/openstef#94, #95."""
    dataset, _ = prepared(text(1440, "time,load", lambda k: "0.0"))

    with pytest.raises(ConstantTarget):
        forecasts_of(dataset, LinearSpec())
    naive = forecasts_of(dataset, SeasonalNaiveSpec()).test

    assert not naive.y_pred.any()
    scores = measure(naive.y_true.ravel(), naive.y_pred.ravel())
    assert scores["mae"] == scores["rmse"] == 0
    assert all(value is None or np.isfinite(value) for value in scores.values())
    assert None in scores.values()


def test_text_columns_teach_a_model_what_they_say() -> None:
    """unit8co/darts#1082, skforecast#1160: the load is higher under one tariff, known in advance."""
    generator = np.random.default_rng(0)
    tariffs = np.repeat(generator.choice(["HT", "NT"], 240), 6)

    def write(k: int) -> str:
        return f"{day(k) + 30 * (tariffs[k] == 'HT'):.3f},{tariffs[k]},{'rain' if k % 5 else 'clear'}"

    file = text(1440, "time,load,tariff,weather", write)
    read = read_file(file)
    without, _ = prepared(file)
    options: dict[str, JsonValue] = {"category_columns": ["tariff", "weather"]}
    dataset, spec = prepared(file, options=options, future={"tariff", "weather"})

    assert {one.column: one.values for one in read[0].file.skipped} == {
        "tariff": ("HT", "NT"), "weather": ("clear", "rain"),
    }  # fmt: skip
    assert [one.name for one in spec.inputs] == [
        "load", "tariff = HT", "tariff = NT", "weather = clear", "weather = rain",
    ]  # fmt: skip
    blind, seeing = (forecasts_of(one, LinearSpec()) for one in (without, dataset))
    assert first_scores(blind)["test"]["mae"] > 10  # type: ignore[operator]  # it is a number
    assert first_scores(seeing)["test"]["mae"] < 5  # type: ignore[operator]  # it is a number


def test_a_meter_reading_of_nine_digits_is_not_rounded() -> None:
    """Nixtla/statsforecast#806: float32 steps by 8 at a hundred million."""
    total = 98_765_432.5 + np.cumsum([0.6 + 0.3 * np.sin(2 * np.pi * k / 24) for k in range(1440)])
    dataset, _ = prepared(text(1440, "time,load", lambda k: f"{total[k]:.3f}"))

    forecast = forecasts_of(dataset, LinearSpec()).test

    assert np.abs(forecast.y_true - forecast.y_pred).max() < 0.1
    assert np.isin(np.round(dataset.y_true(), 3), np.round(total, 3)).all()


def test_one_step_ahead_is_a_horizon_like_others() -> None:
    """robjhyndman/forecast#484, etna-team/etna#338, sktime/pytorch-forecasting#1571."""
    dataset, spec = prepared(text(1440, "time,load", lambda k: str(day(k))), horizon=timedelta(hours=1))

    assert dataset.n_windows == 1440 - (spec.input_steps - 1) - 1
    assert first_scores(forecasts_of(dataset, LinearSpec()))["test"]["mae"] < 0.1  # type: ignore[operator]  # a number
