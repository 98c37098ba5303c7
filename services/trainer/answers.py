"""What the trainer answers about stored models: in a child of its own, so that no answer waits for a fit."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

from faststream import Context
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.trainer.child.protocol import (
    BackcastOutcome,
    BackcastTask,
    ExplainOutcome,
    ExplainTask,
    ExportOutcome,
    ExportTask,
    ForecastOutcome,
    ForecastTask,
    PredictOutcome,
    PredictTask,
)
from services.trainer.child.warm import FitRefused, WarmChild
from services.trainer.ports import ForecastOrder, Forecasts, Models
from services.trainer.questions import check_inputs, difference, read_forecasts, write_windows
from shared.messaging.broker import Reactions
from shared.storage.forecast_rows import ForecastRow
from shared.windows.upcoming import FutureInputsMissing

answers = Reactions()
Json = dict[str, JsonValue]


class PredictQuestion(BaseModel):
    """What the gateway asks about a model of a session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    input_data: JsonValue


class ExportQuestion(BaseModel):
    """What the gateway asks for a model in a format that is made on request only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    format: str = Field(default="h5", pattern=r"^[a-z0-9]{1,16}$")


class ImportanceQuestion(BaseModel):
    """What the gateway asks about the inputs of a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    seed: int = 0


class ForecastQuestion(BaseModel):
    """What the gateway asks about the future."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    at: str | None = None
    as_of: str | None = None
    horizon_hours: float | None = None
    levels: tuple[float, ...] = (50, 80, 95)
    future: dict[str, list[float | None] | dict[str, float]] = {}
    version: int | None = None

    def asked(self, *, future: bool) -> Json:
        """Return what decides the answer beside model and rows."""
        left_out = {"session_id", "job_id", "version"} | (set() if future else {"future"})
        asked: Json = self.model_dump(mode="json", exclude=left_out, exclude_defaults=True)
        return asked


class BackcastQuestion(BaseModel):
    """What a model would have forecast at moments of the past; ``ref_ns`` in Unix nanoseconds, ascending."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    job_id: str
    ref_ns: tuple[int, ...] = Field(min_length=1, max_length=10_000)


@answers.on_question("trainer.predict")
async def predict(
    question: PredictQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Forecast windows in original units with a stored model, in the child process."""
    model = await models.local(question.session_id, question.job_id)
    with tempfile.TemporaryDirectory(prefix="trainyard-predict-") as scratch:
        windows, output = Path(scratch) / "windows.npz", Path(scratch) / "forecast.npz"
        await asyncio.to_thread(write_windows, question.input_data, windows)
        outcome = await worker.answer(
            PredictTask(
                model=model.folder, passport_sha256=model.passport_sha256, windows=windows, output=output
            ),
            PredictOutcome,
        )
        forecasts: JsonValue = await asyncio.to_thread(read_forecasts, output)
    return {"predictions": forecasts, "n_windows": outcome.n_windows, "seconds": outcome.seconds}


@answers.on_question("trainer.export")
async def export(
    question: ExportQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Say where a model lies in a format; what is asked for the first time is made in the child and kept."""
    session_id, job_id, name = question.session_id, question.job_id, f"model.{question.format}"
    stored = await models.find(session_id, job_id, name)
    if stored is None:
        model = await models.local(session_id, job_id)
        with tempfile.TemporaryDirectory(prefix="trainyard-export-") as scratch:
            output = Path(scratch) / name
            await worker.answer(
                ExportTask(
                    model=model.folder,
                    passport_sha256=model.passport_sha256,
                    format=question.format,
                    output=output,
                ),
                ExportOutcome,
            )
            stored = await models.add(session_id, job_id, output)
    return {"key": stored.key, "size_bytes": stored.size_bytes, "sha256": stored.sha256}


@answers.on_question("trainer.importance")
async def importance(
    question: ImportanceQuestion,
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Measure which inputs a stored model relies on, in the child process, and keep the answer."""
    session_id, job_id, seed = question.session_id, question.job_id, question.seed
    model = await models.local(session_id, job_id)
    with tempfile.TemporaryDirectory(prefix="trainyard-explain-") as scratch:
        await models.fetch_dataset(session_id, job_id, Path(scratch))
        outcome = await worker.answer(
            ExplainTask(
                model=model.folder,
                passport_sha256=model.passport_sha256,
                dataset=Path(scratch),
                backtest=model.backtest,
                seed=seed,
            ),
            ExplainOutcome,
        )
    answer: Json = outcome.model_dump(mode="json", exclude={"said"})
    await models.keep_importance(session_id, job_id, seed, answer)
    return answer


@answers.on_question("trainer.forecast")
async def forecast(
    question: ForecastQuestion,
    forecasts: Annotated[Forecasts, Context()],
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Forecast the future with a stored model and keep it; a scenario keeps its plain forecast, too."""
    order = await forecasts.order(question.session_id, question.job_id, as_of=question.as_of or question.at)
    task = await _forecast_task(question, order, models)
    parent: ForecastRow | None = None
    plain: Json | None = None
    if question.future:
        try:
            plain = (await worker.answer(task.model_copy(update={"future": {}}), ForecastOutcome)).document
            parent, _ = await forecasts.keep(
                order, plain, question.asked(future=False), None, question.version
            )
        except FitRefused as error:
            if error.code != FutureInputsMissing.code:
                raise
    document = (await worker.answer(task, ForecastOutcome)).document
    if parent is not None and plain is not None:
        document["difference"] = difference(document, plain)
    parent_id = parent.id if parent else None
    kept, whole = await forecasts.keep(
        order, document, question.asked(future=True), parent_id, question.version
    )
    if kept.object_key is None:
        return {"forecast_id": kept.id, "document": whole}
    return {"forecast_id": kept.id, "key": kept.object_key, "sha256": kept.sha256}


@answers.on_question("trainer.template")
async def template(
    question: ForecastQuestion,
    forecasts: Annotated[Forecasts, Context()],
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Say which stamps and columns a forecast needs that only somebody who knows the future can fill."""
    order = await forecasts.order(question.session_id, question.job_id, as_of=question.as_of)
    task = await _forecast_task(question, order, models)
    return (await worker.answer(task.model_copy(update={"template_only": True}), ForecastOutcome)).document


@answers.on_question("trainer.backcast")
async def backcast(
    question: BackcastQuestion,
    forecasts: Annotated[Forecasts, Context()],
    models: Annotated[Models, Context()],
    worker: Annotated[WarmChild, Context()],
) -> Json:
    """Forecast from moments of the past with the newest rows, and keep it in place of what was there."""
    order = await forecasts.order(question.session_id, question.job_id, as_of=None)
    model = await models.of(order.job)
    await asyncio.to_thread(check_inputs, model.folder, order.contract)
    with tempfile.TemporaryDirectory(prefix="trainyard-backcast-") as scratch:
        outcome = await worker.answer(
            BackcastTask(
                model=model.folder,
                passport_sha256=model.passport_sha256,
                dataset=order.dataset,
                backtest=model.backtest,
                rows=order.rows,
                ref_ns=question.ref_ns,
                output=Path(scratch) / "backcast.npz",
            ),
            BackcastOutcome,
        )
        key = await forecasts.keep_backcast(order.job, Path(scratch) / "backcast.npz")
    return {"key": key, "n_complete": outcome.n_complete, "seconds": outcome.seconds}


async def _forecast_task(question: ForecastQuestion, order: ForecastOrder, models: Models) -> ForecastTask:
    model = await models.of(order.job)
    await asyncio.to_thread(check_inputs, model.folder, order.contract)
    return ForecastTask(
        model=model.folder,
        passport_sha256=model.passport_sha256,
        dataset=order.dataset,
        backtest=model.backtest,
        rows=order.rows,
        zone=order.zone,
        at=question.at,
        horizon_hours=question.horizon_hours,
        levels=tuple(level / 100 for level in question.levels),
        future=question.future,
    )
