"""Build a data set, write it to a folder, and report what a user should know about it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from shared.contracts.specs import DatasetSpec
from shared.timeseries.dataset import build_dataset
from shared.timeseries.series import Series


def build_artefact(spec: DatasetSpec, series: Mapping[str, Series], folder: Path) -> dict[str, JsonValue]:
    """Write the data set's files into an empty folder.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``.

    Returns
    -------
    dict
        ``n_windows``, ``n_train``, ``n_validation``, ``n_test``, ``dropped`` (the drop report),
        ``findings`` (problems a user should look at) and ``bytes``.

    Raises
    ------
    InvalidInput
        If no data set can be built; the problem names the setting, the series or the rows.
    """
    dataset = build_dataset(spec, series)
    dataset.save(folder)
    parts = {f"n_{part}": len(dataset.indices(part)) for part in ("train", "validation", "test")}
    return {
        "n_windows": dataset.n_windows,
        **parts,
        "dropped": dataset.drops.to_json(),
        "findings": to_jsonable_python(dataset.findings),
        "bytes": dataset.nbytes,
    }
