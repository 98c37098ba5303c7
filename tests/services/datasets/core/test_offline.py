"""Data sets from files without a broker: what is read, what is refused, what is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from services.datasets.core.offline import UnreadableFile, read_series
from services.datasets.offline import main

ROWS = [f"2024-01-{1 + h // 24:02d} {h % 24:02d}:00:00;{h * 1.5}" for h in range(240)]


def write(folder: Path, name: str, rows: list[str], header: str = "UTC;value") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def settings(folder: Path, **changes: object) -> Path:
    window = {"series_id": "load", "name": "load"}
    dataset = {
        "series": [
            {**window, "role": "input", "horizon": {"start": -3, "end": 0}},
            {**window, "role": "output", "horizon": {"start": 1, "end": 2}},
        ],
        "input_steps": 4,
        "output_steps": 2,
        "stride": 60,
        **changes,
    }
    path = folder / "settings.json"
    path.write_text(json.dumps({"files": {"load": "load.csv"}, "dataset": dataset}))
    return path


def test_a_settings_file_becomes_windows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "load.csv", ROWS)

    code = main([str(settings(tmp_path)), "--out", str(tmp_path / "data.npz")])

    with np.load(tmp_path / "data.npz", allow_pickle=False) as arrays:
        assert arrays["X"].shape == (235, 4, 1)
        np.testing.assert_array_equal(arrays["Y"][0, :, 0], [6.0, 7.5])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["windows"] == 235


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stride": 0}, "stride"),
        ({"stride": -5}, "stride"),
        ({"offset": 60}, "dataset"),
        ({"input_steps": 0}, "input_steps"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_setting_is_a_problem_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], field: str
) -> None:
    write(tmp_path, "load.csv", ROWS)

    code = main([str(settings(tmp_path, **changes)), "--out", str(tmp_path / "data.npz")])

    problem = json.loads(capsys.readouterr().err)
    assert code == 2
    assert field in problem["details"]["field"]
    assert not (tmp_path / "data.npz").exists()


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("UTC;value", ["2024-01-01 00:00:00;1,5", "2024-01-01 01:00:00;x"]),
        ("UTC,value", ["2024-01-01T01:00:00Z,", "2024-01-01T00:00:00Z,1.5"]),
        ("UTC\tvalue", ["2024-01-01 00:00\t7", "2024-01-01 01:00\t", "2024-01-01 00:00\t1.5"]),
    ],
    ids=["decimal comma and text", "descending", "doubled stamp"],
)
def test_delimiters_order_and_doubles_do_not_matter(tmp_path: Path, header: str, rows: list[str]) -> None:
    series = read_series(write(tmp_path, "a.csv", rows, header), "a")

    np.testing.assert_array_equal(series.values, [1.5, np.nan])


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("UTC;value", ["yesterday;1"], "line 2"),
        ("UTC;value", [], "no rows"),
        ("UTC;issued", ["2024-01-01;2024-01-01"], "one column"),
    ],
)
def test_an_unreadable_file_says_where(tmp_path: Path, header: str, rows: list[str], words: str) -> None:
    path = write(tmp_path, "a.csv", rows, header)

    with pytest.raises(UnreadableFile, match=words):
        read_series(path, "a")


def test_a_file_that_is_not_there_is_a_typed_problem(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        read_series(tmp_path / "missing.csv", "a")


def test_a_column_called_issued_makes_an_archive_of_forecasts(tmp_path: Path) -> None:
    rows = ["2024-01-02;2024-01-01;5", "2024-01-02;2024-01-02;6"]

    series = read_series(write(tmp_path, "f.csv", rows, "UTC;issued;value"), "f")

    assert series.issued_ns is not None
    np.testing.assert_array_equal(series.values, [5, 6])
