"""Build a data set, write it to a folder, and report what a user should know about it."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.datasets.core.scalings import scaler_table
from services.datasets.core.violins import draw, violins
from shared.contracts.specs import DatasetSpec
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_dataset
from shared.windows.size_estimate import Estimate, Limits, check_limits, estimate

VIOLINS = "violins.json"


def build_artefact(
    spec: DatasetSpec, series: Mapping[str, Series], folder: Path, limits: Limits | None = None
) -> dict[str, JsonValue]:
    """Write the data set's files into an empty folder.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``.
    limits
        What a worker may take on; the defaults of ``Limits`` when None.

    Returns
    -------
    dict
        ``n_windows``, ``n_train``, ``n_validation``, ``n_test``, ``dropped`` (the drop report),
        ``findings`` (problems a user should look at), ``bytes``, ``estimate`` and ``violins`` (statistics
        of each column with the name of its picture in the folder).

    Raises
    ------
    InvalidInput
        If no data set can be built; the problem names the setting, the series or the rows.
    """
    expected = priced(spec, series, limits or Limits())
    dataset = build_dataset(spec, series)
    dataset.save(folder)
    parts = {f"n_{part}": len(dataset.indices(part)) for part in ("train", "validation", "test")}
    return {
        "n_windows": dataset.n_windows,
        **parts,
        "dropped": dataset.drops.to_json(),
        "findings": to_jsonable_python(dataset.findings),
        "bytes": dataset.nbytes,
        "estimate": expected.to_json(),
        "violins": _save_violins(dataset, folder),
        "scalers": scaler_table(dataset.layout),
    }


def priced(spec: DatasetSpec, series: Mapping[str, Series], limits: Limits) -> Estimate:
    """Return what the data set will cost.

    Raises
    ------
    TooLarge
        If that is more than the limits allow, with the numbers.
    """
    wanted = {s.series_id for s in spec.series}
    expected = estimate(spec, {key: rows.statistics() for key, rows in series.items() if key in wanted})
    check_limits(spec, expected, limits)
    return expected


def _save_violins(dataset: Dataset, folder: Path) -> list[JsonValue]:
    """Write one picture per column and all densities; return the statistics for the report."""
    densities: list[JsonValue] = []
    listed: list[JsonValue] = []
    for number, violin in enumerate(violins(dataset)):
        png = f"violin_{number}.png"
        (folder / png).write_bytes(draw(violin))
        densities.append(violin.to_json())
        listed.append({"png": png, **violin.summary()})
    (folder / VIOLINS).write_text(json.dumps(densities, allow_nan=False), encoding="utf-8")
    return listed
