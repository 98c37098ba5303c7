"""Folders of data sets: complete, plain, and refused when they are neither."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.windows.dataset import Dataset
from shared.windows.store import FACTS, NotADataset, Reader, Writer


def test_a_view_of_a_saved_array_is_not_saved_again(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    rows = np.arange(20.0)

    places = [writer.array(array) for array in (rows, rows[3:15:4], rows[5:5])]
    writer.facts({"places": places})

    reader = Reader(tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 2  # the rows and the empty piece
    np.testing.assert_array_equal(reader.array(reader.facts["places"][1]), rows[3:15:4])


def test_arrays_stay_on_disk_until_they_are_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.facts({"place": writer.array(np.arange(5.0))})

    reader = Reader(tmp_path)

    assert isinstance(reader.array(reader.facts["place"]), np.memmap)


def test_a_folder_without_facts_is_no_data_set(tmp_path: Path) -> None:
    Writer(tmp_path).array(np.arange(3.0))

    with pytest.raises(NotADataset):
        Dataset.open(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / FACTS).write_text(json.dumps({"format": 99}))

    with pytest.raises(NotADataset, match="99"):
        Dataset.open(tmp_path)
