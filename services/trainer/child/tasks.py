"""What the child does: fit and store a model; forecast with a stored one, export it, explain it."""

import os
import time
from dataclasses import asdict
from functools import lru_cache
from math import isfinite
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from services.trainer.child.protocol import (
    ExplainOutcome,
    ExplainTask,
    ExportOutcome,
    ExportTask,
    InputImportance,
    PredictOutcome,
    PredictTask,
    StoredFile,
    TrainOutcome,
    TrainTask,
)
from services.trainer.core.export import export_model, load_forecaster, save_model
from services.trainer.core.fit import fit
from services.trainer.core.importance import (
    N_REPEATS,
    choose_windows,
    inputs_of,
    permutation_importance,
)
from services.trainer.core.memory import require_memory
from services.trainer.core.model import Fitted, Model, OnProgress, Progress
from services.trainer.core.predict import AverageForecaster, Forecaster
from services.trainer.core.problems import NotFinite
from shared.contracts.backtest import BacktestPart
from shared.contracts.trials import SEARCH_LOSS
from shared.fingerprint import file_facts
from shared.models.passport import (
    PASSPORT,
    Passport,
    first_scores,
    folder_sha256,
    layout_to_json,
    library_versions,
    made_with,
    write_passport,
)
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.metrics import known_std
from shared.series.arrays import Float64
from shared.storage.codecs import json_to_bytes
from shared.windows.dataset import Dataset, Part
from shared.windows.folds import parts_of
from shared.windows.samples import Layout
from shared.windows.search_parts import searched

WINDOWS_AT_ONCE = 2048
ROOT = Path(__file__).parents[3]
CODE = (ROOT / "shared", ROOT / "services" / "trainer")  # what decides how a model is fitted
MODELS_KEPT = 16  # loaded models the child remembers


def train(task: TrainTask, on_progress: OnProgress) -> TrainOutcome:
    """Fit a model and write model, forecasts, history and passport into the output folder."""
    started = time.perf_counter()
    dataset = divided(Dataset.open(task.dataset), task.backtest)
    if task.trial:
        dataset = searched(dataset, task.trial.stage)
    n_windows = {part: len(dataset.indices(part)) for part in ("train", "validation", "test")}
    require_memory(
        task.spec,
        dataset.layout,
        n_windows["train"],
        n_windows["validation"],
        available_bytes=min(filter(None, (available_memory(), task.memory_bytes))),
    )
    fitted = fit(
        task.spec.model_copy(update=task.spec.of_trials) if task.trial else task.spec,
        dataset.part("train"),
        dataset.part("validation"),
        dataset.layout,
        on_progress=on_progress,
        checkpoint=task.checkpoint,
    )
    if task.trial:
        return tried(fitted, dataset, time.perf_counter() - started)
    on_progress(Progress(1.0, "forecasts and files"))
    forecast = Forecast(
        validation=part_forecast(fitted.judged, dataset, "validation"),
        test=part_forecast(fitted.model, dataset, "test"),
    )
    metrics = first_scores(forecast)
    task.output.mkdir(parents=True, exist_ok=True)
    unwritten = write_files(task, fitted, forecast, dataset.layout)
    notes = fitted.notes | bound_notes(dataset.layout) | unwritten
    if task.backtest:
        notes["backtest"] = {str(fold.number): fold.cutoff.isoformat() for fold in task.backtest.folds}
    files = {path.name: file_facts(path) for path in sorted(task.output.iterdir()) if path.name != PASSPORT}
    passport = Passport(
        kind=task.spec.kind,
        spec=task.spec,
        seed=getattr(task.spec, "seed", None),
        dataset_sha256=folder_sha256(task.dataset),
        layout=layout_to_json(dataset.layout),
        n_windows=n_windows,
        libraries=library_versions(),
        environment=made_with(*CODE),
        contract=task.contract,
        metrics=metrics,
        notes=notes,
        files=files,
    )
    write_passport(passport, task.output)
    files[PASSPORT] = file_facts(task.output / PASSPORT)
    if task.checkpoint:
        task.checkpoint.unlink(missing_ok=True)
    return TrainOutcome(
        seconds=time.perf_counter() - started,
        notes={**notes, "fit_seconds": round(fitted.seconds, 3)},
        metrics=metrics,
        files={name: StoredFile(**facts.model_dump()) for name, facts in files.items()},
    )


def divided(dataset: Dataset, backtest: BacktestPart | None) -> Dataset:
    """Return the data set in the parts a job is about, scaled by what it trains on."""
    if backtest is None:
        return dataset
    return dataset.divided(parts_of(backtest, dataset.n_windows))


def tried(fitted: Fitted, dataset: Dataset, seconds: float) -> TrainOutcome:
    """Return what a trial leaves behind: how wrong it is on the windows its search judges on.

    That is the RMSE in training standard deviations, averaged over outputs.

    Raises
    ------
    NotFinite
        If a forecast is not a finite number.
    """
    judged = part_forecast(fitted.model, dataset, "test")
    mse = np.mean((judged.y_pred - judged.y_true) ** 2, axis=(0, 1))
    std = [known_std(dataset.training_values(k)) or 1.0 for k in range(len(mse))]
    loss = float(np.mean(np.sqrt(mse) / std))
    if not isfinite(loss):
        raise NotFinite("the forecasts of this trial are not finite numbers")
    notes: dict[str, JsonValue] = {SEARCH_LOSS: loss, "n_judged": len(judged)}
    return TrainOutcome(seconds=seconds, notes=notes, metrics={}, files={})


def bound_notes(layout: Layout) -> dict[str, JsonValue]:
    """Return below what no output is forecast, and what tells that one will be zero, if anything does."""
    floors: dict[str, JsonValue] = {
        column.name: floor
        for column, floor in zip(layout.outputs, layout.floors, strict=False)
        if floor is not None
    }
    dark: dict[str, JsonValue] = {
        column.name: asdict(one)
        for column, one in zip(layout.outputs, layout.darkness, strict=False)
        if one is not None
    }
    named: dict[str, JsonValue] = {"no_forecast_below": floors, "zero_where_dark": dark}
    return {name: bounds for name, bounds in named.items() if bounds}


def predict(task: PredictTask) -> PredictOutcome:
    """Forecast the windows of a file with a stored model; a model is loaded once."""
    started = time.perf_counter()
    forecaster = remembered_forecaster(task.model, task.passport_sha256)
    with np.load(task.windows, allow_pickle=False) as file:
        windows: Float64 = file["x"].astype(np.float64)
    np.savez(task.output, y_pred=forecaster.forecast(windows))
    return PredictOutcome(n_windows=len(windows), seconds=time.perf_counter() - started)


def export(task: ExportTask) -> ExportOutcome:
    """Write a stored model in another format."""
    export_model(task.model, task.format, task.output, passport_sha256=task.passport_sha256)
    return ExportOutcome(file=StoredFile(**file_facts(task.output).model_dump()))


def explain(task: ExplainTask) -> ExplainOutcome:
    """Measure on validation windows which inputs a stored model relies on."""
    started = time.perf_counter()
    forecaster = remembered_forecaster(task.model, task.passport_sha256)
    dataset = divided(Dataset.open(task.dataset), task.backtest)
    layout, validation = dataset.layout, dataset.indices("validation")
    chosen = validation[choose_windows(len(validation), len(inputs_of(layout)), seed=task.seed)]
    found = permutation_importance(
        forecaster.forecast_scaled,
        dataset.x(chosen),
        layout,
        y_true=dataset.y_true(chosen),
        train_std=[known_std(dataset.training_values(k)) for k in range(len(layout.outputs))],
        seed=task.seed,
    )
    return ExplainOutcome(
        loss=_finite(found.loss),
        n_windows=len(chosen),
        n_repeats=N_REPEATS,
        seed=task.seed,
        fitted_on_part=forecaster.learned_from_validation,
        inputs=tuple(
            InputImportance(
                name=one.name,
                source=one.source,
                rise=_finite(one.rise),
                deviation=_finite(one.deviation),
                relative=_finite(one.relative),
            )
            for one in found.importances
        ),
        seconds=time.perf_counter() - started,
    )


def remembered_forecaster(model: Path, passport_sha256: str | None) -> Forecaster | AverageForecaster:
    """Return the model of a folder, loaded once; a changed passport is another model."""
    return _remembered(model, (model / PASSPORT).stat().st_mtime_ns, passport_sha256)


@lru_cache(maxsize=MODELS_KEPT)
def _remembered(folder: Path, written_ns: int, sha256: str | None) -> Forecaster | AverageForecaster:
    return load_forecaster(folder, passport_sha256=sha256)


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def part_forecast(model: Model, dataset: Dataset, part: Part) -> PartForecast:
    """Return truth and forecast of a part in original units, computed in batches."""
    index, layout = dataset.indices(part), dataset.layout
    forecaster = Forecaster(model, layout)
    y_pred = np.empty((len(index), layout.output_steps, len(layout.outputs)))
    spreads = []
    for first in range(0, len(index), WINDOWS_AT_ONCE):
        some = index[first : first + WINDOWS_AT_ONCE]
        x = dataset.x(some)
        y_pred[first : first + len(some)] = forecaster.forecast_scaled(x)
        spreads.append(forecaster.spread_scaled(x))
    said = [spread for spread in spreads if spread is not None]
    return PartForecast(
        dataset.ref_ns[index], dataset.y_true(index), y_pred, np.concatenate(said) if said else None
    )


def write_files(task: TrainTask, fitted: Fitted, forecast: Forecast, layout: Layout) -> dict[str, JsonValue]:
    """Write everything about a fitted model except its passport; return notes on what is missing."""
    notes = save_model(fitted.model, layout, task.output)
    np.savez(task.output / "forecasts.npz", **forecast.to_arrays())  # type: ignore[arg-type]  # means allow_pickle
    history: dict[str, JsonValue] = {name: list(curve) for name, curve in fitted.history.items()}
    (task.output / "history.json").write_bytes(json_to_bytes(history))
    return notes


def available_memory() -> int:
    """Return the bytes of memory this machine can still give, caches that it would drop included."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
