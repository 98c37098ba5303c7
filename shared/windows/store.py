"""A data set on disk: plain .npy files that are memory-mapped, and one JSON file written last."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from shared.contracts.specs import DatasetSpec
from shared.errors import InvalidInput
from shared.series.series import Series
from shared.windows.columns import GridColumn, Track

FORMAT = 1
FACTS = "dataset.json"


class NotADataset(InvalidInput):
    """The folder holds no data set, or one of another format."""

    code = "NOT_A_DATASET"
    advice = ("Build the data set again.",)


class Writer:
    """Saves arrays once each under short names; a strided view of a saved array is only referred to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._saved: list[tuple[NDArray[Any], str]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def array(self, array: NDArray[Any]) -> JsonValue:
        """Save an array, or find it inside one that is already saved; return how to read it back."""
        for saved, name in self._saved:
            if (start := _start_within(array, saved)) is not None:
                step = array.strides[0] // saved.itemsize if len(array) > 1 else 1
                return {"file": name, "start": start, "step": step, "size": len(array)}
        name = f"{len(self._saved)}.npy"
        np.save(self.folder / name, array, allow_pickle=False)
        self._saved.append((array, name))
        return {"file": name, "start": 0, "step": 1, "size": len(array)}

    def series(self, series: Series) -> JsonValue:
        """Save the rows of a series."""
        issued = None if series.issued_ns is None else self.array(series.issued_ns)
        axis = series.times_ns
        equal = (n for saved, n in self._saved if saved.dtype == axis.dtype and np.array_equal(saved, axis))
        known = next(equal, None)  # the columns of one file share their time axis
        whole: JsonValue = {"file": known, "start": 0, "step": 1, "size": len(axis)}
        times, values = whole if known else self.array(axis), self.array(series.values)
        return {"name": series.name, "times_ns": times, "values": values, "issued_ns": issued}

    def track(self, track: Track) -> JsonValue:
        """Save the values of a lattice; tracks evaluated on demand need none."""
        if not isinstance(track, GridColumn):
            return None
        geometry = {name: getattr(track, name) for name in ("first", "hop", "skip", "n_points")}
        return {**geometry, "values": self.array(track.values)}

    def facts(self, facts: Mapping[str, JsonValue]) -> None:
        """Write the JSON file that makes the folder a data set."""
        text = json.dumps({"format": FORMAT, **facts}, allow_nan=False)
        (self.folder / FACTS).write_text(text, encoding="utf-8")


class Reader:
    """Reads what a ``Writer`` wrote, memory-mapped.

    Raises
    ------
    NotADataset
        If the folder holds no finished data set of this format.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FACTS
        if not path.is_file():
            raise NotADataset("the folder holds no data set", file=FACTS)
        self.folder = folder
        self.facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if self.facts.get("format") != FORMAT:
            raise NotADataset(f"format {self.facts.get('format')!r} is not {FORMAT}", file=FACTS)
        self._open: dict[str, NDArray[Any]] = {}

    def array(self, place: Mapping[str, Any]) -> NDArray[Any]:
        """Return an array, or a view into one."""
        name = str(place["file"])
        if name not in self._open:
            self._open[name] = np.load(self.folder / Path(name).name, mmap_mode="r", allow_pickle=False)
        return self._open[name][place["start"] :: place["step"]][: place["size"]]

    def series(self, facts: Mapping[str, Any]) -> Series:
        """Return a series; its rows were checked before they were saved."""
        issued = None if facts["issued_ns"] is None else self.array(facts["issued_ns"])
        return Series(facts["name"], self.array(facts["times_ns"]), self.array(facts["values"]), issued)

    def track(self, facts: Mapping[str, Any]) -> GridColumn:
        """Return a lattice track."""
        geometry = {name: facts[name] for name in ("first", "hop", "skip", "n_points")}
        return GridColumn(values=self.array(facts["values"]), **geometry)


def canonical(spec: DatasetSpec, hashes: Mapping[str, str]) -> Iterator[bytes]:
    """Yield what decides the numbers of a data set, in one fixed order."""
    yield f"trainyard data set {FORMAT}\n".encode()
    yield json.dumps(spec.model_dump(mode="json"), sort_keys=True, allow_nan=False).encode()
    used: Sequence[str] = sorted({s.series_id for s in spec.series})
    for series_id in used:
        yield f"\n{json.dumps(series_id)} {hashes[series_id]}".encode()


def _start_within(array: NDArray[Any], saved: NDArray[Any]) -> int | None:
    """Return the element of ``saved`` a view begins at, None if it is no forward view of it."""
    if array.dtype != saved.dtype or len(array) == 0 or not np.may_share_memory(array, saved):
        return None
    ahead = array.__array_interface__["data"][0] - saved.__array_interface__["data"][0]
    end = ahead + (len(array) - 1) * array.strides[0]
    fits = ahead >= 0 and 0 <= end < saved.nbytes and saved.strides[0] == saved.itemsize
    return ahead // saved.itemsize if fits and array.strides[0] % saved.itemsize == 0 else None
