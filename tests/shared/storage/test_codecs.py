"""Bytes that come back as the arrays or documents they were, or as a clear problem."""

import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import JsonValue

from shared.storage.codecs import (
    CorruptObject,
    NotFinite,
    arrays_to_bytes,
    bytes_to_arrays,
    json_to_bytes,
)

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["float64", "float32", "int64", "int32", "bool", "U7", "datetime64[ns]"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
NAMES = st.text(st.characters(categories=["L", "N"], include_characters="_"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, ARRAYS, max_size=4))
def test_arrays_come_back_with_their_names_types_and_shapes(
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
) -> None:
    returned = bytes_to_arrays(arrays_to_bytes(arrays))

    assert list(returned) == list(arrays)
    for name, array in arrays.items():
        assert returned[name].dtype == array.dtype
        np.testing.assert_array_equal(returned[name], array)


@pytest.mark.parametrize("name", ["file", "args", "kwds", "allow_pickle", "Größe"])
def test_an_array_may_have_any_name(name: str) -> None:
    returned = bytes_to_arrays(arrays_to_bytes({name: np.arange(3)}))

    assert list(returned) == [name]


def test_python_objects_are_neither_written_nor_read() -> None:
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([{"a": 1}], dtype=object))

    with pytest.raises(ValueError):
        arrays_to_bytes({"x": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(CorruptObject):
        bytes_to_arrays(pickled.getvalue())


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "bare npy"])
def test_damaged_arrays_are_told_from_good_ones(damage: str) -> None:
    good = arrays_to_bytes({"x": np.arange(1000.0)})
    bare = io.BytesIO()
    np.save(bare, np.arange(3))
    flipped = good[:4000] + bytes([good[4000] ^ 1]) + good[4001:]
    bad = {
        "empty": b"",
        "text": b"time,load\n",
        "cut": good[:-300],
        "flipped": flipped,
        "bare npy": bare.getvalue(),
    }[damage]

    with pytest.raises(CorruptObject):
        bytes_to_arrays(bad)


def test_documents_come_back_with_every_digit() -> None:
    document: JsonValue = {"mae": 0.1 + 0.2, "name": "Größe", "none": None, "list": [1, True, "x"]}

    assert json.loads(json_to_bytes(document)) == document


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(NotFinite):
        json_to_bytes({"mae": [value]})
