"""The stored files of a run's models, as a client may list and fetch them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from services.gateway.problems import NothingThere
from shared.contracts.kinds import WIRE_NAMES, EnsembleSpec
from shared.storage.objects import ObjectNotFound, Objects
from shared.storage.rows import JobRow
from shared.storage.verified import digest_in, get_verified

FORMATS = {
    ".keras": "keras", ".h5": "h5", ".onnx": "onnx", ".skops": "skops", ".npz": "npz", ".json": "json",
}  # fmt: skip
_MODEL, _ENSEMBLE = "model.", "ensemble.json"  # an average is a list of its members: theirs are the files
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class ModelFile:
    """One file of one model."""

    job: JobRow
    name: str
    key: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name a client sees: label, job and format.

        The job is part of it because two models of a run may have the same label.
        """
        label = _UNSAFE.sub("_", self.job.label).strip("_") or self.job.kind
        return f"{label}-{self.job.id[:8]}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The format, as a file suffix."""
        return self.name[self.name.index(".") :]

    def wire(self, dataset_name: str) -> dict[str, Any]:
        """Return the entry of a listing."""
        megabytes = round(self.size_bytes / 1e6, 3)
        return {
            "filename": self.file_name,
            "job_id": self.job.id,
            "label": self.job.label,
            "model_type": WIRE_NAMES[self.job.kind],
            "dataset_name": dataset_name,
            "format": FORMATS.get(self.suffix, self.suffix.lstrip(".")),
            "size": self.size_bytes,
            "size_mb": megabytes,
            "file_size_mb": megabytes,
            "sha256": self.sha256,
            "modified_time": self.job.updated_at.isoformat(),
            "path": self.key,
            "storage_path": self.key,
            "storage_url": self.key,
            "model_path": self.file_name,
            "class": WIRE_NAMES[self.job.kind],
            "model_class": WIRE_NAMES[self.job.kind],
            "file_type": self.suffix.lstrip("."),
        }


def model_files(jobs: Iterable[JobRow]) -> list[ModelFile]:
    """Return every stored model file of finished jobs."""
    return [
        ModelFile(job, name, str(entry["key"]), int(str(entry["size_bytes"])), str(entry["sha256"]))
        for job in jobs
        for name, entry in sorted(job.files.items())
        if (name.startswith(_MODEL) or name == _ENSEMBLE)
        and isinstance(entry, dict)
        and job.status == "finished"
    ]


def preferred(best: JobRow | None) -> tuple[str, ...]:
    """Return whose file is meant where none is named: the best model's; for an average also its members'."""
    if best is None:
        return ()
    members = best.spec.members if isinstance(best.spec, EnsembleSpec) else ()
    return best.id, *(member.job_id for member in members)


def choose(
    files: list[ModelFile],
    *,
    file_name: str | None,
    family: str | None,
    suffix: str | None,
    order: Sequence[str] = (),
) -> ModelFile:
    """Return the file that is meant: by name, or of a family and format the first in an order of jobs.

    Raises
    ------
    NothingThere
    """
    families = {"keras": (".keras",), "sklearn": (".skops", ".npz")}
    wanted = (f".{suffix.lstrip('.')}",) if suffix else families.get(family or "", tuple(FORMATS))
    keras_jobs = {file.job.id for file in files if file.suffix == ".keras"}
    found = [
        file
        for file in files
        if (file.file_name == file_name if file_name else file.suffix in wanted)
        and (family is None or file_name or (file.job.id in keras_jobs) == (family == "keras"))
    ]
    if not found:
        raise NothingThere("there is no such model file", filename=file_name, type=family, format=suffix)
    place = {job_id: number for number, job_id in enumerate(order)}
    # Of one model, in the order of formats the client can expect to open.
    return min(
        found,
        key=lambda f: (
            place.get(f.job.id, len(place)), wanted.index(f.suffix) if f.suffix in wanted else 0
        ),
    )  # fmt: skip


def model_env(libraries: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that say what a model was made with, all together and the earlier four.

    >>> model_env({"keras": "3.15.1"})
    {'X-Library-Versions': 'keras=3.15.1', 'X-Model-Env-Keras': '3.15.1'}
    """
    if not libraries:
        return {}
    known = {
        "Python": "python", "TensorFlow": "tensorflow-cpu", "Keras": "keras", "Numpy": "numpy",
    }  # fmt: skip
    own = {f"X-Model-Env-{word}": libraries[name] for word, name in known.items() if name in libraries}
    return {"X-Library-Versions": ", ".join(f"{n}={v}" for n, v in libraries.items()), **own}


async def library_versions(objects: Objects, job: JobRow) -> dict[str, str]:
    """Return what a model was made with, by library; empty where its passport does not say."""
    entry: JsonValue = job.files.get("passport.json")
    if not isinstance(entry, dict):
        return {}
    try:
        passport = json.loads(
            await get_verified(objects, str(entry["key"]), digest_in(job.files, "passport.json"))
        )
    except (ObjectNotFound, ValueError):
        return {}
    libraries = passport.get("libraries") if isinstance(passport, Mapping) else None
    if not isinstance(libraries, Mapping):
        return {}
    return {str(name): str(version) for name, version in libraries.items()}
