"""What a data set would be, without storing it: counts, parts, drops, warnings, distributions."""

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from services.datasets.core.artefact import planned_within
from services.datasets.core.violins import violins
from shared.contracts.specs import DatasetSpec
from shared.series.series import Series
from shared.windows.dataset import Dataset, build_planned
from shared.windows.size_estimate import Limits

PARTS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")
_MS = 1_000_000


def preview(
    spec: DatasetSpec, series: Mapping[str, Series], limits: Limits | None = None
) -> dict[str, JsonValue]:
    """Return the report of the data set a spec describes, with its parts on the time axis.

    Parameters
    ----------
    series
        By ``SeriesSpec.series_id``.
    limits
        What a worker may take on; the defaults of ``Limits`` when None.

    Returns
    -------
    dict
        ``n_windows``, ``n_train``, ``n_validation``, ``n_test``, ``parts`` (see `spans`), ``dropped``,
        ``findings`` and ``violins`` (densities as numbers, in the columns' units).

    Raises
    ------
    InvalidInput
        If no data set can be built; the problem names the setting, the series or the rows.
    """
    plan, _ = planned_within(spec, series, limits)
    dataset = build_planned(plan, series)
    return {
        "n_windows": dataset.n_windows,
        **{f"n_{part}": len(dataset.indices(part)) for part in PARTS},
        "parts": spans(dataset),
        "dropped": dataset.drops.to_json(),
        "findings": to_jsonable_python(dataset.findings),
        "violins": [violin.to_json() for violin in violins(dataset)],
    }


def spans(dataset: Dataset) -> list[JsonValue]:
    """Return each part with its number of windows and its first and last reference time, Unix milliseconds.

    An empty part has neither.
    """
    found: list[JsonValue] = []
    for part in PARTS:
        reference = dataset.ref_ns[dataset.indices(part)]
        some = len(reference) > 0
        found.append(
            {
                "part": part,
                "n": len(reference),
                "first_ms": int(reference[0]) // _MS if some else None,
                "last_ms": int(reference[-1]) // _MS if some else None,
            }
        )
    return found
