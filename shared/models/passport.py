"""A model's passport: what it is, what it was made from, and the hashes of its files."""

import hashlib
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from shared.contracts.data_contract import SeriesContract
from shared.contracts.kinds import JobKind, JobSpec
from shared.errors import InvalidInput
from shared.fingerprint import FileFacts, file_facts
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.metrics import measure
from shared.windows.darkness import Darkness
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler

PASSPORT = "passport.json"
FORMAT = 1
LIBRARIES = ("numpy", "scipy", "scikit-learn", "keras", "tensorflow-cpu", "onnx", "skops")


class PassportViolated(InvalidInput):
    """A model's files are not those its passport describes; none of them was opened."""

    code = "MODEL_FILES_CHANGED"
    advice = ("Train the model again, or restore its files from a backup.",)


class Passport(BaseModel):
    """Everything one needs to know to use a model's files, as JSON."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    kind: JobKind
    spec: JobSpec
    seed: int | None
    dataset_sha256: str
    layout: dict[str, Any]
    n_windows: dict[str, int]
    libraries: dict[str, str]
    environment: dict[str, str] = {}  # earlier passports do not say
    contract: tuple[SeriesContract, ...] = ()  # the same
    metrics: dict[str, dict[str, float | None]]
    notes: dict[str, JsonValue]
    files: dict[str, FileFacts]


def write_passport(passport: Passport, folder: Path) -> None:
    """Write a passport beside the files it describes."""
    (folder / PASSPORT).write_text(passport.model_dump_json(indent=1), encoding="utf-8")


def read_passport(folder: Path, *, sha256: str | None = None) -> Passport:
    """Return the passport of a folder, after its own hash and those of all files are verified.

    Raises
    ------
    PassportViolated
        If the passport or a file is missing, or differs from its hash.
    """
    path = folder / PASSPORT
    if not path.is_file():
        raise PassportViolated("the model has no passport", file=PASSPORT)
    passport = parse_passport(path.read_bytes(), sha256=sha256)
    for name, expected in passport.files.items():
        file = folder / Path(name).name
        if not file.is_file():
            raise PassportViolated(f"the file {name} is missing", file=name)
        if file_facts(file) != expected:
            raise PassportViolated(f"the file {name} is not the one that was stored", file=name)
    return passport


def parse_passport(content: bytes, *, sha256: str | None = None) -> Passport:
    """Return the passport in some bytes, after their hash is verified; its files are not looked at.

    Raises
    ------
    PassportViolated
        If the bytes are not those that were stored, or of a format to come.
    """
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise PassportViolated("the passport is not the one that was stored", file=PASSPORT)
    passport = Passport.model_validate_json(content)
    if passport.format != FORMAT:
        raise PassportViolated(f"passport format {passport.format} is not {FORMAT}", file=PASSPORT)
    return passport


def folder_sha256(folder: Path) -> str:
    """Return one hash over the names and contents of all files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {file_facts(path).sha256}\n".encode())
    return digest.hexdigest()


def first_scores(forecast: Forecast) -> dict[str, dict[str, float | None]]:
    """Return a first impression of each part, over all outputs; the evaluator scores in full."""
    return {"validation": _first_scores(forecast.validation), "test": _first_scores(forecast.test)}


def _first_scores(part: PartForecast) -> dict[str, float | None]:
    if len(part) == 0:
        return {"mae": None, "rmse": None}
    scores = measure(part.y_true.ravel(), part.y_pred.ravel())
    return {"mae": scores["mae"], "rmse": scores["rmse"]}


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries a model depends on, as far as they are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def made_with(*code: Path) -> dict[str, str]:
    """Return what else decides the bytes of a fit: the code in some folders, interpreter and machine."""
    digest = hashlib.sha256()
    for folder in code:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder.parent).as_posix()}\n".encode() + path.read_bytes())
    return {
        "code": digest.hexdigest()[:16],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
    }


def _processor() -> str:
    """Return the processor's name, which decides the instructions libraries choose; empty where unknown."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor()


def layout_to_json(layout: Layout) -> dict[str, Any]:
    """Return names, order, windows and scalers of the columns as plain JSON."""
    return {
        "inputs": [asdict(column) for column in layout.inputs],
        "outputs": [asdict(column) for column in layout.outputs],
        "input_steps": layout.input_steps,
        "output_steps": layout.output_steps,
        "stride": layout.stride,
        "x_scaler": layout.x_scaler.to_json(),
        "y_scaler": layout.y_scaler.to_json(),
        "own_past": list(layout.own_past),
        "floors": list(layout.floors),
        "darkness": [None if one is None else asdict(one) for one in layout.darkness],
    }


def layout_from_json(facts: Mapping[str, Any]) -> Layout:
    """Return the layout that ``layout_to_json`` described."""
    return Layout(
        inputs=tuple(Column(**column) for column in facts["inputs"]),
        outputs=tuple(Column(**column) for column in facts["outputs"]),
        input_steps=facts["input_steps"],
        output_steps=facts["output_steps"],
        stride=facts["stride"],
        x_scaler=Scaler.from_json(facts["x_scaler"]),
        y_scaler=Scaler.from_json(facts["y_scaler"]),
        own_past=tuple(facts["own_past"]),
        floors=tuple(facts.get("floors", ())),
        darkness=tuple(None if one is None else Darkness(**one) for one in facts.get("darkness", ())),
    )
