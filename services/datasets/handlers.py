"""What the datasets service does when somebody wants a data set."""

import asyncio
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
from faststream import Context
from pydantic import BaseModel, ConfigDict, JsonValue

from services.datasets.builders import PRODUCT, BuildCrashed, Builders
from services.datasets.core.excerpt import excerpt
from services.datasets.core.preview import preview
from services.datasets.core.scalings import scale_columns, scaler_table
from services.datasets.ports import Datasets, Product
from shared.contracts.backtest import BacktestSpec
from shared.contracts.events import DatasetFailed, DatasetReady, DatasetRequested
from shared.contracts.specs import DatasetSpec
from shared.errors import InvalidInput
from shared.messaging.broker import Reactions
from shared.storage.rows import DatasetRow
from shared.windows.folds import plan_backtest
from shared.windows.size_estimate import Limits

ATTEMPTS = 3  # to build a data set whose process crashes
WAITING = 64  # data sets in hand, most of them waiting for their turn
reactions = Reactions()
Json = dict[str, JsonValue]


class ScaleQuestion(BaseModel):
    """What the gateway asks about a data set of a session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    dataset_id: str
    data: dict[str, list[float | None]] = {}
    inverse: bool = False
    scaled: bool = True


class FoldsQuestion(BaseModel):
    """What the gateway asks before a backtest of models on a data set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    dataset_id: str
    spec: BacktestSpec


class PreviewQuestion(BaseModel):
    """What the gateway asks before a data set is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    spec: DatasetSpec


class SeriesQuestion(BaseModel):
    """Which stretch of a series somebody looks at, and in how many points."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    series_id: str
    from_ms: int | None = None
    to_ms: int | None = None
    points: int = 2000


log = structlog.get_logger()


@reactions.on(DatasetRequested, durable="datasets-dataset-requested", at_once=WAITING)
async def build(
    event: DatasetRequested,
    datasets: Annotated[Datasets, Context()],
    builders: Annotated[Builders, Context()],
) -> DatasetReady | DatasetFailed | None:
    """Build and store one data set, or say why it cannot be."""
    order = await datasets.load(event.dataset_id)
    if order is None:  # deleted; an attempt that was killed may have left its files
        await datasets.forget(event.session_id, event.dataset_id)
        return None
    if order.status == "failed" and order.problem:  # said before, or cancelled before its turn
        return DatasetFailed.caused_by(event, dataset_id=order.id, problem=order.problem)
    try:
        done = order if order.status == "ready" else await _built(order, datasets, builders)
    except (InvalidInput, BuildCrashed) as error:
        if isinstance(error, BuildCrashed) and await datasets.crashed(order) < ATTEMPTS:
            raise
        log.info("dataset failed", code=error.code, reason=error.message)
        await datasets.fail(order, error.problem())
        return DatasetFailed.caused_by(event, dataset_id=order.id, problem=error.problem())
    log.info("dataset ready", n_windows=done.report["n_windows"])
    facts = {key: done.report[key] for key in ("n_windows", "n_train", "n_validation", "n_test", "dropped")}
    findings = done.report.get("findings") or []
    return DatasetReady.caused_by(event, dataset_id=order.id, findings=findings, **facts)


async def _built(order: DatasetRow, datasets: Datasets, builders: Builders) -> DatasetRow:
    if twin := await datasets.reused(order):
        return twin
    series = await datasets.series(order)
    with tempfile.TemporaryDirectory(prefix="trainyard-dataset-") as scratch:
        folder, unwanted = Path(scratch), partial(datasets.unwanted, order)
        report = await builders.build(order.spec, series, folder, unwanted=unwanted)
        return await datasets.save(order, Product(folder / PRODUCT, report))


@reactions.on_question("datasets.scalers")
async def answer_scalers(question: ScaleQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Return the scalings of every column as plain numbers."""
    dataset = await datasets.open(question.session_id, question.dataset_id)
    return {"scalers": scaler_table(dataset.layout)}


@reactions.on_question("datasets.scale")
async def scale(question: ScaleQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Return numbers scaled as the data set's columns are, or back in their units."""
    dataset = await datasets.open(question.session_id, question.dataset_id)
    scaled = scale_columns(dataset.layout, question.data, inverse=question.inverse)
    return {"data": {name: list[JsonValue](values) for name, values in scaled.items()}}


@reactions.on_question("datasets.arrays")
async def store_arrays(question: ScaleQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Store X and Y of all windows and return where."""
    dataset = await datasets.open(question.session_id, question.dataset_id)
    session_id, dataset_id = question.session_id, question.dataset_id
    key, sha256 = await datasets.save_arrays(session_id, dataset_id, dataset, scaled=question.scaled)
    return {"key": key, "sha256": sha256}


@reactions.on_question("datasets.folds")
async def plan_folds(question: FoldsQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Return the folds of a backtest on a data set, or say how many would fit."""
    dataset = await datasets.open(question.session_id, question.dataset_id)
    folds = await asyncio.to_thread(plan_backtest, dataset, question.spec)
    return {"folds": [fold.model_dump(mode="json") for fold in folds]}


@reactions.on_question("datasets.preview")
async def answer_preview(
    question: PreviewQuestion,
    datasets: Annotated[Datasets, Context()],
    limits: Annotated[Limits, Context()],
) -> Json:
    """Return what a data set would be; nothing is stored."""
    wanted = {series.series_id for series in question.spec.series}
    series = await datasets.series_of(question.session_id, wanted)
    return await asyncio.to_thread(preview, question.spec, series, limits)


@reactions.on_question("datasets.series")
async def answer_series(question: SeriesQuestion, datasets: Annotated[Datasets, Context()]) -> Json:
    """Return a stretch of a series, thinned for a chart."""
    found = await datasets.series_of(question.session_id, [question.series_id])
    cut = partial(excerpt, from_ms=question.from_ms, to_ms=question.to_ms, points=question.points)
    return await asyncio.to_thread(cut, found[question.series_id])
