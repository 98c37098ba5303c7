"""Stored models: listed, fetched, asked for forecasts and for what they rely on."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, SkipValidation

from services.gateway.context import ObjectsDep, RecordsDep, Session, WorkersDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Earlier, EarlierAnswer, YesNo, remarks, spelled
from services.gateway.models.files import (
    ModelFile,
    choose,
    library_versions,
    model_env,
    model_files,
    preferred,
)
from services.gateway.problems import InvalidModelParams, NothingThere, wrong_field
from services.gateway.results.outcome import Outcome
from services.gateway.results.routes import RunId, outcome, stored_file
from services.gateway.workers import Workers
from shared.contracts.base import utc_now
from shared.storage import keys
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import JobRow
from shared.storage.verified import ObjectDamaged, digest_in, get_verified

router = APIRouter(tags=["models"], route_class=IdempotentRoute)


class StoredModels(BaseModel):
    """The stored files of a run's models."""

    models: list[dict[str, Any]]
    count: int


class ModelList(Answer):
    """The stored files of a run's models."""

    session_id: str
    run_id: str
    data: StoredModels


class SavedModels(BaseModel):
    """Stored models as the system documents name them."""

    models_saved: int
    models: list[dict[str, Any]]
    count: int
    total_size: int = Field(description="bytes")
    session_id: str


class ModelsSaved(Answer):
    """Models that are stored: they are, as soon as they are trained."""

    saved: bool = True
    message: str
    session_id: str
    run_id: str
    models: list[dict[str, Any]]
    total_uploaded: int
    data: SavedModels


@router.get("/list-models-database/{sid}")
async def list_models(sid: str, records: RecordsDep, session: Session, run_id: RunId = None) -> ModelList:
    """Return the stored model files of a run."""
    found = await outcome(records, session, run_id)
    models = [file.wire(found.dataset_name) for file in model_files(found.jobs)]
    data = StoredModels(models=models, count=len(models))
    return ModelList(session_id=sid, run_id=found.run.id, data=data)


@router.post("/save-model/{sid}")
async def save_model(sid: str, records: RecordsDep, session: Session, run_id: RunId = None) -> ModelsSaved:
    """Confirm that a run's models are stored: they are, as soon as they are trained."""
    found = await outcome(records, session, run_id)
    files = model_files(found.jobs)
    if not files:
        raise NothingThere("the run has no finished model yet")
    models = [file.wire(found.dataset_name) for file in files]
    size = sum(file.size_bytes for file in files)
    n = len(models)
    return ModelsSaved(
        message=f"{n} model files are stored",
        session_id=sid,
        run_id=found.run.id,
        models=models,
        total_uploaded=n,
        data=SavedModels(models_saved=n, models=models, count=n, total_size=size, session_id=sid),
    )


@router.get("/download-model-h5/{sid}", response_class=StreamingResponse)
async def download_model(
    sid: str,
    records: RecordsDep,
    objects: ObjectsDep,
    workers: WorkersDep,
    session: Session,
    filename: Annotated[str | None, Query(max_length=255)] = None,
    type: Annotated[Literal["keras", "sklearn"] | None, Query()] = None,
    format: Annotated[Literal["keras", "h5", "onnx", "skops", "npz", "json"] | None, Query()] = None,
    run_id: RunId = None,
) -> StreamingResponse:
    """Return a model file; the libraries it was made with are in ``X-Library-Versions``.

    ``filename`` picks one of the listing, ``format`` a format of the best model; ``type=keras`` means the
    best neural model as ``model_<session>.h5``, ``type=sklearn`` the best other one. Nothing named means the
    same as ``type=keras``, or without a neural model the best model's own file. An average is a JSON list of
    its members, whose own files are listed beside it.
    """
    found = await outcome(records, session, run_id)
    files = model_files(found.jobs)
    neural = any(file.suffix == ".keras" for file in files)
    unnamed = filename is None and format is None
    if unnamed and (type == "keras" or (type is None and neural)):
        file, name = await _as_h5(workers, found, files, None, "keras"), f"model_{sid}.h5"
    elif format == "h5" or (filename or "").endswith(".h5"):
        file = await _as_h5(workers, found, files, filename, type)
        name = file.file_name
    else:
        order = preferred(found.best_job())
        file = choose(files, file_name=filename, family=type, suffix=format, order=order)
        name = f"model_{sid}{file.suffix}" if unnamed else file.file_name
    answer = await stored_file(objects, file.key, name, "application/octet-stream", file.sha256)
    answer.headers.update(model_env(await library_versions(objects, file.job)))
    return answer


async def _as_h5(
    workers: Workers, found: Outcome, files: list[ModelFile], name: str | None, family: str | None
) -> ModelFile:
    """Have a Keras model written in the older format, which the trainer does when it is first asked for."""
    stored_as = f"{name.removesuffix('.h5')}.keras" if name and name.endswith(".h5") else name
    wanted = None if name else "keras"
    order = preferred(found.best_job())
    source = choose(files, file_name=stored_as, family=family, suffix=wanted, order=order)
    kept = [file for file in files if file.job.id == source.job.id and file.suffix == ".h5"]
    if kept:
        return kept[0]
    about: dict[str, JsonValue] = {
        "session_id": source.job.session_id, "run_id": found.run.id, "job_id": source.job.id, "format": "h5",
    }  # fmt: skip
    result = await workers.ask("trainer.export", about)
    return ModelFile(
        source.job, "model.h5", str(result["key"]), int(result["size_bytes"]), str(result["sha256"])
    )


class Predict(Earlier):
    """New data for a stored model."""

    model_filename: str | None = Field(None, validation_alias=spelled("model_filename", "modelFilename"))
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    job_id: str | None = Field(None, validation_alias=spelled("job_id", "jobId"))
    input_data: SkipValidation[JsonValue] = Field(  # parsed JSON already, and much of it
        validation_alias=spelled("input_data", "inputData"),
        description="windows of inputs in original units, shape (n, input_steps, n_inputs); or one of them",
    )
    apply_scaling: YesNo = Field(
        True, validation_alias=spelled("apply_scaling", "applyScaling"), description="models always scale"
    )


class Predicted(EarlierAnswer):
    """Forecasts in original units."""

    run_id: str
    job_id: str
    predictions: JsonValue = Field(description="shape (n, output_steps, n_outputs)")
    model_used: str
    timestamp: AwareDatetime
    input_count: int = Field(description="windows")
    n_windows: int
    scaling_applied: bool = True
    seconds: float


@router.post("/predict/{sid}")
async def predict(body: Predict, records: RecordsDep, workers: WorkersDep, session: Session) -> Predicted:
    """Return forecasts of a stored model in original units."""
    found = await outcome(records, session, body.run_id)
    if body.model_filename:
        files = model_files(found.jobs)
        job = choose(files, file_name=body.model_filename, family=None, suffix=None).job
    else:
        job = finished_model(found, body.job_id)
    about: dict[str, JsonValue] = {
        "session_id": session.id, "run_id": found.run.id, "job_id": job.id, "input_data": body.input_data,
    }  # fmt: skip
    told: dict[str, Any] = await workers.ask("trainer.predict", about)
    unscaled = ("apply_scaling=false is not honoured: input_data is read in original units",)
    return Predicted.model_validate(
        {
            "run_id": found.run.id,
            "job_id": job.id,
            "model_used": body.model_filename or job.label,
            "timestamp": utc_now(),
            "input_count": told["n_windows"],
            **told,
            **remarks(body, warnings=() if body.apply_scaling else unscaled),
        }
    )


def finished_model(found: Outcome, job_id: str | None) -> JobRow:
    """Return a finished model of a run, by default the best."""
    wanted = job_id or found.run.best_job_id
    job = next((job for job in found.jobs if job.id == wanted and job.status == "finished"), None)
    if job is None:
        raise wrong_field(InvalidModelParams, "job_id", "name a finished model of the run")
    return job


class InputImportance(BaseModel):
    """How much worse forecasts get when the windows of one input are exchanged with those of others."""

    name: str = Field(description="display name of the series, or the calendar feature")
    source: Literal["series", "calendar"]
    rise: float | None = Field(
        description="of the loss, mean over repeats; 0 = the model does not rely on it"
    )
    deviation: float | None = Field(description="standard deviation of the rise over repeats")
    relative: float | None = Field(description="rise in shares of the undisturbed loss")


class Importance(Answer):
    """What a model relies on, most important input first, and how that was measured."""

    run_id: str
    job_id: str
    model: str
    part: str = Field(description="where it was measured")
    fitted_on_part: bool = Field(description="whether the model ended by learning from that part, too")
    loss: float | None = Field(description="undisturbed: RMSE in training standard deviations, over outputs")
    n_windows: int
    n_repeats: int
    seed: int
    inputs: list[InputImportance]


@router.get("/feature-importance/{sid}")
async def feature_importance(
    records: RecordsDep,
    objects: ObjectsDep,
    workers: WorkersDep,
    session: Session,
    run_id: RunId = None,
    job_id: Annotated[str | None, Query(description="default: the best model", max_length=64)] = None,
    seed: Annotated[int, Query(ge=0, lt=2**31, description="of the choice of windows")] = 0,
) -> Importance:
    """Return which series and calendar features a model relies on: measured once, then kept.

    Permutation importance on at most 500 windows of the validation part: an input's whole windows are
    exchanged between samples, five times, and the rise of the loss is told.
    """
    found = await outcome(records, session, run_id)
    job = finished_model(found, job_id)
    about: dict[str, JsonValue] = {"session_id": session.id, "job_id": job.id, "seed": seed}
    try:
        key = keys.importance(session.id, found.run.id, job.id, name := keys.importance_name(seed))
        measured = json.loads(await get_verified(objects, key, digest_in(job.made, name)))
    except (ObjectNotFound, ObjectDamaged):  # it is measured again
        measured = await workers.ask("trainer.importance", about)
    return Importance(run_id=found.run.id, job_id=job.id, model=job.label, **measured)
