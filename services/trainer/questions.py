"""Windows and forecasts between JSON and the files the child process reads and writes."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from services.trainer.core.predict import WindowsMalformed
from shared.contracts.data_contract import SeriesContract
from shared.models.passport import PASSPORT, parse_passport
from shared.storage.data_contract import check_contract


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


def difference(scenario: Mapping[str, JsonValue], plain: Mapping[str, JsonValue]) -> JsonValue:
    """Return, by output, how much a scenario's values lie above those of the plain forecast, step by step."""
    found: list[JsonValue] = []
    for ours, theirs in zip(_objects(scenario["outputs"]), _objects(plain["outputs"]), strict=True):
        steps: list[JsonValue] = []
        for a, b in zip(_objects(ours["values"]), _objects(theirs["values"]), strict=True):
            above, below = a["value"], b["value"]
            difference: float | None = None
            if isinstance(above, int | float) and isinstance(below, int | float):
                difference = above - below
            steps.append({"time": a["time"], "difference": difference})
        found.append({"name": ours["name"], "values": steps})
    return found


def _objects(values: JsonValue) -> list[dict[str, JsonValue]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def check_inputs(model: Path, now: Sequence[SeriesContract]) -> None:
    """Refuse series that are read otherwise than a stored model expects; earlier passports expect nothing.

    Raises
    ------
    InputsChanged
    """
    check_contract(_expected(model), now)


@lru_cache(maxsize=64)
def _expected(model: Path) -> tuple[SeriesContract, ...]:
    """Return the contract of a fetched model, whose folder never changes."""
    path = model / PASSPORT
    return parse_passport(path.read_bytes()).contract if path.is_file() else ()
