"""The fitted scalings of a data set, for people: as a table of plain numbers, and applied to their own."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import JsonValue

from shared.errors import InvalidInput
from shared.windows.samples import Layout
from shared.windows.scaling import Scaler


class UnknownColumn(InvalidInput):
    """Numbers are given for a column the data set does not have."""

    code = "UNKNOWN_DATASET_COLUMN"


def scaler_table(layout: Layout) -> list[JsonValue]:
    """Return one entry per column: role, position, name, and z = (x - lo) / (hi - lo) * (max - min) + min."""
    sides = (("input", layout.inputs, layout.x_scaler), ("output", layout.outputs, layout.y_scaler))
    return [
        {
            "role": role,
            "position": k,
            "name": column.name,
            "lo": float(scaler.lo[k]),
            "hi": float(scaler.hi[k]),
            "min": float(scaler.low[k]),
            "max": float(scaler.high[k]),
        }
        for role, columns, scaler in sides
        for k, column in enumerate(columns)
    ]


def scale_columns(
    layout: Layout, data: Mapping[str, Sequence[float | None]], *, inverse: bool
) -> dict[str, list[float | None]]:
    """Return the values of each column scaled, or scaled values back in their unit; None stays None.

    A name that is both input and output is scaled as the input.

    Raises
    ------
    UnknownColumn
        If the data set has no column of that name.
    """
    scaled: dict[str, list[float | None]] = {}
    for name, values in data.items():
        scaler, k = _column(layout, name)
        numbers = np.full((len(values), len(scaler.lo)), np.nan)
        numbers[:, k] = [np.nan if value is None else value for value in values]
        mapped = (scaler.inverse if inverse else scaler.transform)(numbers)[:, k]
        scaled[name] = [float(value) if np.isfinite(value) else None for value in mapped]
    return scaled


def _column(layout: Layout, name: str) -> tuple[Scaler, int]:
    for columns, scaler in ((layout.inputs, layout.x_scaler), (layout.outputs, layout.y_scaler)):
        for k, column in enumerate(columns):
            if column.name == name:
                return scaler, k
    known = [column.name for column in (*layout.inputs, *layout.outputs)]
    raise UnknownColumn(f"the data set has no column {name!r}", field="data", known=list[JsonValue](known))
