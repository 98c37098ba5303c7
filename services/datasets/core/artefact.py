"""Build a data set, write it and its violins to a folder, and report what a user should know about it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.datasets.core.violins import draw, violins
from shared.contracts.specs import DatasetSpec
from shared.timeseries.dataset import Dataset, build_dataset
from shared.timeseries.estimate import Limits, check_limits, estimate
from shared.timeseries.series import Series

MAX_DRAWN = 24  # columns drawn as pictures; the densities of all of them are reported


def build_artefact(
    spec: DatasetSpec, series: Mapping[str, Series], folder: Path, *, limits: Limits
) -> dict[str, JsonValue]:
    """Write the data set's files and the pictures of its columns into an empty folder.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``.
    limits
        What is refused before any window is cut.

    Returns
    -------
    dict
        ``n_windows``, ``n_train``, ``n_validation``, ``n_test``, ``dropped`` (the drop report),
        ``findings`` (problems a user should look at), ``estimate``, ``bytes`` and ``violins``: one entry
        per column with its density, and ``png``, the picture's path in the folder, where drawn.

    Raises
    ------
    InvalidInput
        If no data set can be built; the problem names the setting, the series or the rows.
    """
    expected = estimate(spec, {series_id: one.statistics() for series_id, one in series.items()})
    check_limits(spec, expected, limits)
    dataset = build_dataset(spec, series)
    dataset.save(folder)
    return {
        "n_windows": dataset.n_windows,
        **{f"n_{part}": len(dataset.indices(part)) for part in ("train", "validation", "test")},
        "dropped": dataset.drops.to_json(),
        "findings": to_jsonable_python(dataset.findings),
        "estimate": expected.to_json(),
        "bytes": dataset.nbytes,
        "violins": _write_violins(dataset, folder),
    }


def _write_violins(dataset: Dataset, folder: Path) -> list[JsonValue]:
    (folder / "violins").mkdir()
    entries: list[JsonValue] = []
    for number, violin in enumerate(violins(dataset)):
        entry = violin.to_json()
        if number < MAX_DRAWN:
            path = f"violins/{number:03}.png"
            (folder / path).write_bytes(draw(violin))
            entry["png"] = path
        entries.append(entry)
    return entries
