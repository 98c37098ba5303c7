"""Text columns: offered as categories, read as series of 0 and 1, and the same in training and forecast."""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from rich.console import Console

from services.ingest.core.contract import read_rows
from services.ingest.core.problems import TooManyCategories, UnknownCategory
from services.ingest.core.read import ReadOptions, SeriesRead, read_file
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.series.extend import extended
from shared.windows.dataset import build_dataset, build_window
from trainyard.console import show_file
from trainyard.plan import parse_reading, plan_dataset
from trainyard.responses import Series, UploadedFile

START = datetime(2024, 3, 4)
TARIFF: dict[str, JsonValue] = {"category_columns": ["tariff"]}


def csv(tariffs: Sequence[str], first: int = 0) -> bytes:
    lines = [
        f"{START + timedelta(hours=first + k):%Y-%m-%d %H:%M};{first + k}.5;{tariff};note {first + k}"
        for k, tariff in enumerate(tariffs)
    ]
    return "\n".join(["time;load;tariff;remark", *lines, ""]).encode()


def read(tariffs: Sequence[str], **options: object) -> list[SeriesRead]:
    return read_file(csv(tariffs), options=ReadOptions.model_validate(options))


def test_a_column_of_few_texts_is_offered_with_its_values_and_one_of_many_is_left_out() -> None:
    [load] = read(["HT", "NT", "HT"] * 10)

    assert [(one.column, one.reason, one.values) for one in load.file.skipped] == [
        ("tariff", "text", ("HT", "NT")),
        ("remark", "no numbers", ()),
    ]


def test_categories_are_a_series_of_0_and_1_per_value_and_an_empty_cell_is_missing() -> None:
    _, high, low = read(["HT", "NT", "", "HT"], **TARIFF)

    assert (high.series.name, low.series.name) == ("tariff = HT", "tariff = NT")
    assert np.array_equal(high.series.values, [1, 0, np.nan, 1], equal_nan=True)
    assert np.array_equal(low.series.values, [0, 1, np.nan, 0], equal_nan=True)
    assert low.quality.missing.lines == (4,)


def test_more_than_twenty_values_are_no_categories() -> None:
    assert len(read([f"v{k % 20}" for k in range(60)], **TARIFF)) == 21
    with pytest.raises(TooManyCategories, match="21 different values"):
        read([f"v{k % 21}" for k in range(63)], **TARIFF)


def test_each_meter_of_a_long_table_has_every_category() -> None:
    lines = [
        f"{m};2024-03-04 {h:02d}:00;{m}{h}.5;{'HT' if m == 'A' else 'NT'}" for h in range(24) for m in "AB"
    ]
    text = "\n".join(["meter;time;load;tariff", *lines, ""]).replace("A0.5", "10.5").replace("B", "2")

    found = read_file(
        text.replace("A", "1").encode(),
        options=ReadOptions.from_json({**TARIFF, "key_columns": ["meter"]}),
    )

    names = ["1", "1 tariff = HT", "1 tariff = NT", "2", "2 tariff = HT", "2 tariff = NT"]
    assert [one.series.name for one in found] == names
    assert [one.series.values.mean() for one in found[1:3] + found[4:]] == [1, 0, 0, 1]


def test_a_value_no_model_has_learned_is_refused_by_name() -> None:
    known = read(["HT", "NT"] * 6, **TARIFF)
    facts = to_jsonable_python(known[0].file)

    with pytest.raises(UnknownCategory, match="'XT', known are 'HT', 'NT'"):
        read_rows(
            csv(["XT"], 12), [one.series for one in known],
            options=TARIFF, facts=facts, file_name="load.csv", trust_values=False,
        )  # fmt: skip


@given(st.lists(st.sampled_from(["HT", "NT", "WE"]), min_size=40, max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_a_forecast_reads_the_same_categories_as_training(tariffs: list[str], data: st.DataObject) -> None:
    tariffs = ["HT", "NT", "WE", *tariffs]
    whole = read(tariffs, **TARIFF)
    dataset = build_dataset(spec_of(whole), {one.series.name: one.series for one in whole})
    sample = data.draw(st.integers(0, dataset.n_windows - 1))
    ref_ns = int(dataset.ref_ns[sample])
    n_known = int(np.searchsorted(whole[0].series.times_ns, ref_ns, side="right"))
    n_first = data.draw(st.integers(3, n_known))

    first = read(tariffs[:n_first], **TARIFF)
    facts = to_jsonable_python(first[0].file)
    series = [one.series for one in first]
    for begin in range(n_first, n_known):  # a row at a time: most of them show one value alone
        fresh = read_rows(
            csv(tariffs[begin : begin + 1], begin), series,
            options=TARIFF, facts=facts, file_name="load.csv", trust_values=False,
        )  # fmt: skip
        series = [extended(old, [new]) for old, new in zip(series, fresh, strict=True)]

    window = build_window(dataset, {one.name: one for one in series}, ref_ns)
    assert np.array_equal(window, dataset.x(np.array([sample])))


def spec_of(found: Sequence[SeriesRead]) -> DatasetSpec:
    past, coming = Horizon(start=-5, end=0), Horizon(start=1, end=2)
    names = [one.series.name for one in found]
    inputs = [SeriesSpec(series_id=name, name=name, role="input", horizon=past) for name in names]
    target = SeriesSpec(series_id="load", name="load", role="output", horizon=coming)
    return DatasetSpec(series=(*inputs, target), input_steps=6, output_steps=2, stride=60)


def test_the_command_line_offers_categories_and_names_those_that_were_read() -> None:
    assert "inputs with --read 'category_columns=tariff'" in shown(read(["HT", "NT"] * 12))
    assert "column 'tariff' is 2 series of 0 and 1 (HT, NT)" in shown(read(["HT", "NT"] * 12, **TARIFF))


def test_a_column_of_categories_is_known_in_advance_as_a_whole() -> None:
    series = [told(one) for one in read(["HT", "NT"] * 120, **TARIFF)]

    spec = plan_dataset(series, target="load", horizon=timedelta(hours=3), future={"tariff"})

    assert [(one.name, one.horizon.end, one.resample) for one in spec.inputs] == [
        ("load", 0.0, "auto"),
        ("tariff = HT", 3.0, "previous"),
        ("tariff = NT", 3.0, "previous"),
    ]


def test_a_reading_option_may_be_for_one_file_alone() -> None:
    said = ["load.csv:category_columns=tariff", "decimal=,"]

    assert parse_reading(said, file_name="load.csv") == {"category_columns": ["tariff"], "decimal": ","}
    assert parse_reading(said, file_name="temp.csv") == {"decimal": ","}


def told(one: SeriesRead) -> Series:
    return Series(
        series_id=one.series.name,
        name=one.series.name,
        statistics=to_jsonable_python(one.statistics),
        quality={**to_jsonable_python(one.quality), "file": to_jsonable_python(one.file)},
    )


def shown(found: Sequence[SeriesRead]) -> str:
    console = Console(file=io.StringIO(), width=200)
    series = tuple(told(one) for one in found)
    show_file(
        console, UploadedFile(id="f", file_name="load.csv", role="input", status="ready", series=series)
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
