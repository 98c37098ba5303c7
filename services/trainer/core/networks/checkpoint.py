"""Where an interrupted training stood: written after every epoch, read once."""

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.trainer.core.model import Progress
from shared.contracts.kinds import NeuralSpec


@dataclass(frozen=True)
class Course:
    """The losses so far, one per epoch; ``best_epoch`` counts from 1, 0 before the first."""

    losses: tuple[float, ...] = ()
    val_losses: tuple[float, ...] = ()
    best_epoch: int = 0

    def after(self, loss: float, val_loss: float) -> "Course":
        """Return the course one epoch later."""
        is_best = not self.val_losses or val_loss < self.val_losses[self.best_epoch - 1]
        best_epoch = len(self.losses) + 1 if is_best else self.best_epoch
        return Course((*self.losses, loss), (*self.val_losses, val_loss), best_epoch)

    def is_over(self, patience: int) -> bool:
        """Say whether ``patience`` epochs brought nothing better; patience 0 never ends.

        >>> Course().after(1.0, 0.9).after(0.8, 0.8).after(0.7, 0.9).is_over(patience=1)
        True
        """
        return 0 < patience <= len(self.losses) - self.best_epoch

    def progress(self, n_epochs: int) -> Progress:
        """Return the course as progress."""
        return Progress(
            fraction=len(self.losses) / n_epochs,
            phase="training",
            epoch=len(self.losses),
            n_epochs=n_epochs,
            loss=self.losses[-1] if self.losses else None,
            val_loss=self.val_losses[-1] if self.val_losses else None,
        )


@dataclass(frozen=True)
class Checkpoint:
    """The course, the newest weights and optimizer state, and the best weights."""

    course: Course
    state: Sequence[NDArray[Any]]
    best: Sequence[NDArray[Any]]


def save_checkpoint(path: Path, checkpoint: Checkpoint, spec: NeuralSpec) -> None:
    """Write a checkpoint whole or not at all: a kill midway leaves the previous one."""
    about = {"course": asdict(checkpoint.course), "spec": spec.model_dump(mode="json")}
    arrays = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    arrays |= {f"state/{i:04}": array for i, array in enumerate(checkpoint.state)}
    arrays |= {f"best/{i:04}": array for i, array in enumerate(checkpoint.best)}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a keyword for allow_pickle
    os.replace(unfinished, path)


def load_checkpoint(path: Path, spec: NeuralSpec) -> Checkpoint | None:
    """Return the checkpoint of the same settings; None if there is none, or it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays["about"].tobytes())
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        return None
    if about["spec"] != spec.model_dump(mode="json"):
        return None
    course = about["course"]
    state, best = (
        [arrays[name] for name in sorted(arrays) if name.startswith(prefix)] for prefix in ("state/", "best/")
    )
    return Checkpoint(
        Course(tuple(course["losses"]), tuple(course["val_losses"]), course["best_epoch"]), state, best
    )
