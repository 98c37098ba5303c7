"""Stored models: listed, fetched, asked for forecasts."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field, JsonValue

from services.gateway.context import Gateway, Here, Session
from services.gateway.models import ModelFile, choose, library_versions, model_files
from services.gateway.once import OnceRoute
from services.gateway.problems import InvalidModelParams, NothingThere, wrong_field
from services.gateway.results import Outcome
from services.gateway.routes.results import RunId, outcome, stored_file
from services.gateway.wire.base import Answer, Wire, spelled
from shared.contracts.kinds import KINDS, WIRE_NAMES
from shared.storage.rows import JobRow

router = APIRouter(tags=["models"], route_class=OnceRoute)
_PACKAGES = ("fastapi", "pydantic", "nats-py", "faststream", "python-socketio", "uvicorn")


@router.get("/list-models-database/{sid}")
async def list_models(here: Here, session: Session, run_id: RunId = None) -> Answer:
    """Return the stored model files of a run."""
    found = await outcome(here, session, run_id)
    models = [file.wire(found.dataset_name) for file in model_files(found.jobs)]
    return Answer(run_id=found.run.id, data={"models": models, "count": len(models)})


@router.post("/save-model/{sid}")
async def save_model(here: Here, session: Session, run_id: RunId = None) -> Answer:
    """Confirm that a run's models are stored: they are, as soon as they are trained."""
    found = await outcome(here, session, run_id)
    models = [file.wire(found.dataset_name) for file in model_files(found.jobs)]
    if not models:
        raise NothingThere("the run has no finished model yet")
    return Answer(saved=True, run_id=found.run.id, data={"models": models, "count": len(models)})


@router.get("/download-model-h5/{sid}", response_class=StreamingResponse)
async def download_model(
    here: Here,
    session: Session,
    filename: Annotated[str | None, Query(max_length=255)] = None,
    type: Annotated[Literal["keras", "sklearn"] | None, Query()] = None,
    format: Annotated[Literal["keras", "h5", "onnx", "skops", "npz"] | None, Query()] = None,
    run_id: RunId = None,
) -> StreamingResponse:
    """Return a model file; the libraries it was made with are in ``X-Library-Versions``."""
    found = await outcome(here, session, run_id)
    files = model_files(found.jobs)
    if format == "h5" or (filename or "").endswith(".h5"):
        file = await _as_h5(here, found, files, filename, type)
    else:
        best = found.run.best_job_id
        file = choose(files, file_name=filename, family=type, suffix=format, best=best)
    answer = await stored_file(here, file.key, file.file_name, "application/octet-stream")
    answer.headers["X-Content-SHA256"] = file.sha256
    if versions := await library_versions(here, file.job):
        answer.headers["X-Library-Versions"] = versions
    return answer


async def _as_h5(
    here: Gateway, found: Outcome, files: list[ModelFile], name: str | None, family: str | None
) -> ModelFile:
    """Have a Keras model written in the older format, which the trainer does when it is first asked for."""
    stored_as = f"{name.removesuffix('.h5')}.keras" if name and name.endswith(".h5") else name
    wanted = None if name else "keras"
    source = choose(files, file_name=stored_as, family=family, suffix=wanted, best=found.run.best_job_id)
    kept = [file for file in files if file.job.id == source.job.id and file.suffix == ".h5"]
    if kept:
        return kept[0]
    about: dict[str, JsonValue] = {
        "session_id": source.job.session_id, "run_id": found.run.id, "job_id": source.job.id, "format": "h5",
    }  # fmt: skip
    result = await here.asks.ask("trainer.export", about)
    return ModelFile(
        source.job, "model.h5", str(result["key"]), int(result["size_bytes"]), str(result["sha256"])
    )


class Predict(Wire):
    """New data for a stored model."""

    model_filename: str | None = Field(None, validation_alias=spelled("model_filename", "modelFilename"))
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    job_id: str | None = Field(None, validation_alias=spelled("job_id", "jobId"))
    input_data: JsonValue = Field(
        validation_alias=spelled("input_data", "inputData"),
        description="windows of inputs in original units, shape (n, input_steps, n_inputs)",
    )


@router.post("/predict/{sid}")
async def predict(body: Predict, here: Here, session: Session) -> Answer:
    """Return forecasts of a stored model in original units."""
    found = await outcome(here, session, body.run_id)
    job = _meant(found, body)
    about: dict[str, JsonValue] = {
        "session_id": session.id, "run_id": found.run.id, "job_id": job.id, "input_data": body.input_data,
    }  # fmt: skip
    return Answer(run_id=found.run.id, job_id=job.id, **await here.asks.ask("trainer.predict", about))


def _meant(found: Outcome, body: Predict) -> JobRow:
    """Return the model a request names: by file, by job, or the best one."""
    if body.model_filename:
        return choose(
            model_files(found.jobs), file_name=body.model_filename, family=None, suffix=None, best=None
        ).job
    job_id = body.job_id or found.run.best_job_id
    job = next((job for job in found.jobs if job.id == job_id and job.status == "finished"), None)
    if job is None:
        raise wrong_field(InvalidModelParams, "job_id", "name a finished model of the run")
    return job


@router.get("/environment-info")
async def environment_info() -> Answer:
    """Return what this gateway runs on and which models the platform knows."""
    kinds: dict[str, JsonValue] = {kind: WIRE_NAMES[kind] for kind in KINDS}
    packages = {name: _version(name) for name in _PACKAGES}
    return Answer(
        python=platform.python_version(), system=platform.system(), packages=packages, model_kinds=kinds,
        formats=["keras", "h5", "onnx", "skops", "npz"],
    )  # fmt: skip


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
