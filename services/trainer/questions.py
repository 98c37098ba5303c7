"""Windows and forecasts between JSON and the files the child process reads and writes."""

from pathlib import Path

import numpy as np
from pydantic import JsonValue

from services.trainer.core.predict import WindowsMalformed


def write_windows(windows: JsonValue, path: Path) -> None:
    """Write nested lists (n_windows, input_steps, n_inputs), or one window of them, as ``x`` of an npz.

    Raises
    ------
    WindowsMalformed
        If they are no such numbers.
    """
    try:
        x = np.asarray(windows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WindowsMalformed(
            "input_data must be numbers in nested lists: windows, steps, inputs", field="input_data"
        ) from error
    np.savez(path, x=x[None] if x.ndim == 2 else x)


def read_forecasts(path: Path) -> JsonValue:
    """Return ``y_pred`` of an npz as nested lists (n_windows, output_steps, n_outputs)."""
    with np.load(path, allow_pickle=False) as stored:
        forecasts: JsonValue = stored["y_pred"].tolist()
    return forecasts
