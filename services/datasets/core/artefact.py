"""Build a data set, write it to a folder, and report what a user should know about it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.datasets.core.scalings import scaler_table
from services.datasets.core.violins import draw, violins
from shared.contracts.specs import DatasetSpec
from shared.series.series import Series
from shared.windows.dataset import build_planned
from shared.windows.plan import WindowPlan, plan_windows
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
    plan, expected = planned_within(spec, series, limits)
    dataset = build_planned(plan, series)
    dataset.save(folder)
    densities: list[JsonValue] = []
    listed: list[JsonValue] = []
    for number, violin in enumerate(violins(dataset)):
        png = f"violin_{number}.png"
        (folder / png).write_bytes(draw(violin))
        whole = violin.to_json()
        densities.append(whole)
        listed.append({"png": png, **{k: v for k, v in whole.items() if k not in ("grid", "density")}})
    (folder / VIOLINS).write_text(json.dumps(densities, allow_nan=False), encoding="utf-8")

    parts = {f"n_{part}": len(dataset.indices(part)) for part in ("train", "validation", "test")}
    return {
        "n_windows": dataset.n_windows,
        **parts,
        "dropped": dataset.drops.to_json(),
        "findings": to_jsonable_python(dataset.findings),
        "bytes": dataset.nbytes,
        "estimate": asdict(expected),
        "violins": listed,
        "scalers": scaler_table(dataset.layout),
    }


def planned_within(
    spec: DatasetSpec, series: Mapping[str, Series], limits: Limits | None
) -> tuple[WindowPlan, Estimate]:
    """Return the plan of a data set and what it will cost, if a worker may take it on.

    Raises
    ------
    InvalidInput
        If it is too large, or no data set can be planned.
    """
    plan = plan_windows(spec, series)
    expected = estimate(plan, series)
    check_limits(spec, expected, limits or Limits())
    return plan, expected
