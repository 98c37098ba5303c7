"""What the platform knows and runs on: model kinds, scores, packages."""

import platform
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from services.gateway.http.wire import Answer
from services.gateway.models.files import FORMATS
from shared.contracts.kinds import KINDS, MODEL_SPEC, WIRE_NAMES, Kind
from shared.contracts.metrics import METRICS

router = APIRouter(tags=["models"])
_FITTING = {"tensorflow": "tensorflow-cpu", "keras": "keras", "numpy": "numpy"}
_PACKAGES = ("fastapi", "pydantic", "nats-py", "faststream", "python-socketio", "uvicorn")


class KindWords(BaseModel):
    """A model kind as a form offers it."""

    kind: str
    name: str
    meaning: str
    baseline: bool = Field(description="fitted in every run")
    chosen: bool = Field(description="proposed unless somebody chooses")
    parameters: dict[str, JsonValue] = Field(description="with their defaults")


class MetricWords(BaseModel):
    """A score as a table shows it."""

    name: str
    heading: str
    unit: str
    better: str
    ranks: bool = Field(description="whether models may be ranked by it")
    shown: bool = Field(description="whether it stands in short tables")


class Environment(Answer):
    """What this gateway runs on; null for what only the trainer's own machine has."""

    python: str
    tensorflow: str | None
    keras: str | None
    numpy: str | None
    pip_install: str | None = Field(description="what opens downloaded models; null where nothing is known")
    system: str
    packages: dict[str, str | None]
    model_kinds: dict[str, str] = Field(description="wire name by kind")
    models: list[KindWords]
    metrics: list[MetricWords]
    formats: list[str]


@router.get("/environment-info")
async def environment_info() -> Environment:
    """Return what this gateway runs on, what models need, and which models the platform knows."""
    fitting = {name: _version(package) for name, package in _FITTING.items()}
    needed = " ".join(f"{_FITTING[name]}=={v}" for name, v in fitting.items() if v)
    return Environment(
        python=platform.python_version(),
        system=platform.system(),
        packages={name: _version(name) for name in _PACKAGES},
        model_kinds={kind: WIRE_NAMES[kind] for kind in KINDS},
        models=[_words(kind) for kind in KINDS],
        metrics=[MetricWords.model_validate(metric, from_attributes=True) for metric in METRICS],
        formats=list(FORMATS.values()),
        pip_install=f"pip install {needed}" if needed else None,
        **fitting,
    )


def _words(kind: Kind) -> KindWords:
    spec = MODEL_SPEC.validate_python({"kind": kind})
    return KindWords(
        kind=kind,
        name=spec.name,
        meaning=(type(spec).__doc__ or "").strip().splitlines()[0],
        baseline=spec.baseline,
        chosen=spec.chosen,
        parameters=spec.model_dump(mode="json", exclude={"kind"}),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
