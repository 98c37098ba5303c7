"""A model as files: plain arrays to load it from, and formats for others to use it."""

from pathlib import Path

import numpy as np

from services.trainer.core.kinds import model_class
from services.trainer.core.model import Model
from services.trainer.core.passport import layout_from_json, read_passport
from services.trainer.core.predict import Forecaster

ARRAYS = "model.npz"


def save_arrays(model: Model, folder: Path) -> None:
    """Write what the model is loaded from: plain arrays, no code, no pickle."""
    arrays = model.to_arrays()
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a keyword for allow_pickle


def load_forecaster(folder: Path, *, passport_sha256: str | None = None) -> Forecaster:
    """Return a stored model, after all its files were verified.

    Raises
    ------
    PassportViolated
        If a file differs from what the passport says.
    """
    passport = read_passport(folder, sha256=passport_sha256)
    layout = layout_from_json(passport.layout)
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Forecaster(model_class(passport.kind).from_arrays(arrays, layout), layout)
