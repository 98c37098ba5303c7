"""Checkpoints: whole or not at all, and only for the settings they were made with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.trainer.core.networks.checkpoint import Checkpoint, Course, load_checkpoint, save_checkpoint
from shared.contracts.kinds import DenseSpec

SPEC = DenseSpec(layers=(4,))
COURSE = Course().after(1.0, 0.9).after(0.8, 0.7)
STATE: list[NDArray[Any]] = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(3, np.int64)]


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint.npz"

    save_checkpoint(path, Checkpoint(COURSE, STATE, STATE[:1]), SPEC)
    found = load_checkpoint(path, SPEC)

    assert found is not None
    assert found.course == COURSE
    for written, read in zip(STATE, found.state, strict=True):
        np.testing.assert_array_equal(read, written)
    assert len(found.best) == 1


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, Checkpoint(COURSE, STATE, STATE), SPEC)

    assert load_checkpoint(path, SPEC.model_copy(update={"seed": 1})) is None


@pytest.mark.parametrize("content", [b"", b"half a file", b"PK\x03\x04 torn"])
def test_a_checkpoint_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)

    assert load_checkpoint(path, SPEC) is None


@pytest.mark.parametrize(("patience", "over"), [(0, False), (1, True), (2, True), (3, False)])
def test_patience_counts_epochs_since_the_best(patience: int, over: bool) -> None:
    course = Course().after(1.0, 0.5).after(0.9, 0.6).after(0.8, 0.55)

    assert course.best_epoch == 1
    assert course.is_over(patience) is over
