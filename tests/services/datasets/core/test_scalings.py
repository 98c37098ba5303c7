"""Scalings told and applied: what goes there comes back."""

import numpy as np
import pytest

from services.datasets.core.scalings import UnknownColumn, scale_columns, scaler_table
from shared.windows.samples import Column, Layout
from shared.windows.scaling import Scaler

LAYOUT = Layout(
    inputs=(Column("load", "series", -1, 0), Column("day_sin", "calendar", -1, 0)),
    outputs=(Column("price", "series", 1, 2),),
    input_steps=2,
    output_steps=2,
    stride=60,
    x_scaler=Scaler(np.array([10.0, 0.0]), np.array([20.0, 1.0]), np.zeros(2), np.ones(2)),
    y_scaler=Scaler(np.array([-5.0]), np.array([5.0]), np.array([-1.0]), np.array([1.0])),
    own_past=(None,),
)


def test_the_table_names_every_column_with_its_numbers() -> None:
    table = scaler_table(LAYOUT)

    assert [(row["role"], row["name"]) for row in table if isinstance(row, dict)] == [
        ("input", "load"),
        ("input", "day_sin"),
        ("output", "price"),
    ]
    assert table[2] == {
        "role": "output", "position": 0, "name": "price", "lo": -5.0, "hi": 5.0, "min": -1.0, "max": 1.0,
    }  # fmt: skip


def test_scaling_and_scaling_back_returns_the_numbers_and_keeps_what_is_missing() -> None:
    values: dict[str, list[float | None]] = {"load": [10.0, None, 15.0], "price": [0.0]}

    scaled = scale_columns(LAYOUT, values, inverse=False)
    back = scale_columns(LAYOUT, scaled, inverse=True)

    assert scaled == {"load": [0.0, None, 0.5], "price": [0.0]}
    assert back == values


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(UnknownColumn, match="'wind'"):
        scale_columns(LAYOUT, {"wind": [1.0]}, inverse=False)
