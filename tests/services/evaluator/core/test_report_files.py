import csv
import importlib.util
import io
import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from services.evaluator.core.figures.render import from_json, render, to_json
from services.evaluator.core.report_files import numbers, write_files
from services.evaluator.core.run_data import (
    ModelFacts,
    OutputFacts,
    RunData,
    arrays_of,
    compute,
    run_data_from,
)
from services.evaluator.report import draw, pack, redraw
from shared.scoring.forecasts import Forecast, PartForecast
from shared.series.arrays import Float64

ROOT = Path(__file__).parents[4]
HOUR_NS = 3600 * 10**9


def _part(n_windows: int, error: float, seed: int) -> PartForecast:
    rng = np.random.default_rng(seed)
    hours = np.arange(n_windows)[:, None, None] + np.arange(1, 7)[:, None]
    truth = 20.0 + 5.0 * np.sin(hours / 24 * 2 * np.pi) * [1.0, 40.0] + rng.normal(size=(n_windows, 6, 2))
    noise = np.random.default_rng(int(error * 100)).normal(size=truth.shape)
    return PartForecast(np.arange(n_windows) * HOUR_NS, truth, truth + error * noise * [1.0, 40.0])


def _outputs(series: Float64) -> tuple[OutputFacts, ...]:
    hours = np.arange(1.0, 7.0)
    return (OutputFacts("OT [°C]", 60.0, hours, series), OutputFacts("load", 60.0, hours, 40 * series))


def _run_data(n_validation: int = 80, n_test: int = 120) -> RunData:
    kinds = [("LIN", "lin", 0.5), ("LSTM 64", "lstm", 0.7), ("Seasonal naive", "seasonal_naive", 1.5)]
    models = tuple(
        ModelFacts(
            f"{i:032x}", label, kind, Forecast(_part(n_validation, error, 1), _part(n_test, error, 2)),
            {"loss": [0.3, 0.2], "val_loss": [0.4, 0.3]} if kind == "lstm" else {},
        )
        for i, (label, kind, error) in enumerate(kinds)
    )  # fmt: skip
    return RunData("r" * 8, "rmse", "Europe/Vienna", 1, _outputs(np.sin(np.arange(300.0)) * 5 + 20), models)


@cache
def _zipped() -> bytes:
    run_data = _run_data()
    with tempfile.TemporaryDirectory() as scratch:
        folder, extra = Path(scratch) / "report", Path(scratch) / "extra.json"
        extra.write_bytes(b"{}")
        # Drawing is slow and tested elsewhere: one model's pages stand for all.
        for path, figure in write_files(run_data, compute(run_data), folder).items():
            if not path.startswith(("plots/02", "plots/03")):
                draw(figure, folder / path)
        pack(folder, {"models/lin/passport.json": extra, "configuration.json": extra})
        return (folder / "results.zip").read_bytes()


def _example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recompute_scores", ROOT / "examples/recompute_scores.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_number_in_the_archive_follows_from_its_arrays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.zip"
    path.write_bytes(_zipped())

    code = _example().main(str(path))

    assert (code, capsys.readouterr().out.split(" in ")[0]) == (0, "every number")


def test_a_number_that_was_tampered_with_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(io.BytesIO(_zipped())) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "metrics/01-lin/test.json":
                data = data.replace(b'"mae": 0', b'"mae": 1', 1)
            target.writestr(name, data)

    code = _example().main(str(path))

    assert code == 1
    assert "metrics/01-lin/test.json: differs" in capsys.readouterr().out


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run_data = _run_data()
    for name in ("first", "second"):
        write_files(run_data, compute(run_data), tmp_path / name)
        pack(tmp_path / name, {})

    assert (tmp_path / "first/results.zip").read_bytes() == (tmp_path / "second/results.zip").read_bytes()


def test_the_archive_holds_the_full_set_and_explains_itself() -> None:
    archive = zipfile.ZipFile(io.BytesIO(_zipped()))

    names = archive.namelist()
    readme = archive.read("README.md").decode()

    assert archive.testzip() is None
    assert names == sorted(names)
    assert {name.split("/")[0] for name in names} >= {"metrics", "tables", "plots", "arrays", "models"}
    assert sum(name.endswith(".png") for name in names) == 2 + 4
    assert "Best on validation by rmse: **LIN**." in readme
    assert "LIN is better than Seasonal naive on test by" in readme


def test_every_plot_comes_with_its_data_from_which_it_is_drawn_again(tmp_path: Path) -> None:
    run_data = _run_data()

    drawn = write_files(run_data, compute(run_data), tmp_path)

    assert len(drawn) == 2 + 4 * 3
    for path, figure in drawn.items():
        stored = json.loads((tmp_path / path).with_suffix(".json").read_text())
        assert to_json(from_json(stored)) == stored == to_json(figure)


def test_a_plot_drawn_from_its_data_is_the_plot(tmp_path: Path) -> None:
    run_data = _run_data()
    figure = write_files(run_data, compute(run_data), tmp_path)["plots/01-lin/forecast.png"]

    assert redraw((tmp_path / "plots/01-lin/forecast.json").read_bytes(), "dark") == render(figure, "dark")


def test_the_numbers_are_strict_json_and_tables_with_all_models() -> None:
    archive = zipfile.ZipFile(io.BytesIO(_zipped()))

    for name in archive.namelist():
        if name.endswith(".json"):
            json.loads(archive.read(name), parse_constant=pytest.fail)
    rows = list(csv.DictReader(io.StringIO(archive.read("tables/comparison.csv").decode())))
    assert [row["model"] for row in rows] == ["LIN", "LSTM 64", "Seasonal naive"]


def test_a_runs_data_survive_its_files() -> None:
    run_data = _run_data()
    files = dict(arrays_of(run_data))

    again = run_data_from(files.__getitem__)

    original, recomputed = (dict(numbers(d, compute(d))) for d in (run_data, again))
    assert original == recomputed


@pytest.mark.parametrize(("n_validation", "n_test"), [(0, 40), (40, 0), (1, 1), (0, 0)])
def test_missing_parts_cost_no_evaluation(n_validation: int, n_test: int) -> None:
    run_data = _run_data(n_validation, n_test)

    findings = compute(run_data)

    made = dict(numbers(run_data, findings))
    assert b"NaN" not in b"".join(made.values())
    assert (findings.board.best is None) == (n_validation == 0)


def test_models_with_one_label_keep_apart(tmp_path: Path) -> None:
    run_data = _run_data()
    twin = ModelFacts("f" * 32, "LIN", "lin", run_data.models[1].forecast)
    both = RunData(
        run_data.run_id, "mae", "UTC", 1, run_data.outputs, (run_data.models[0], twin, run_data.models[2])
    )

    write_files(both, compute(both), tmp_path)

    assert {"01-lin.npz", "02-lin.npz"} <= {path.name for path in (tmp_path / "arrays").iterdir()}
    assert '"LIN #2"' in (tmp_path / "plots/error_by_step.json").read_text()


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e300], ids=["NaN", "infinite", "absurd"])
def test_a_broken_model_costs_the_others_nothing(broken: float) -> None:
    run_data = _run_data()
    parts = [_part(n, 0.5, seed) for n, seed in ((80, 1), (120, 2))]
    wrecks = [PartForecast(part.ref_ns, part.y_true, np.full(part.y_true.shape, broken)) for part in parts]
    wreck = ModelFacts("f" * 32, "wreck", "cnn", Forecast(wrecks[0], wrecks[1]))
    with_wreck = RunData("r", "rmse", "UTC", 1, run_data.outputs, (wreck, *run_data.models))

    findings, without = compute(with_wreck), compute(run_data)

    assert [row.label for row in findings.board.rows] == [row.label for row in without.board.rows] + ["wreck"]
    assert findings.board.rows[-1].reason
    assert findings.ensemble.weights == without.ensemble.weights
    assert b"NaN" not in b"".join(content for _, content in numbers(with_wreck, findings))
