"""The violin plots of data sets, inline as the earlier frontend wants them."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from shared.contracts.specs import FEATURES, column_names
from shared.storage.objects import ObjectNotFound, Objects
from shared.storage.rows import DatasetRow
from shared.storage.verified import digest_in, get_verified

CALENDAR_COLUMNS = frozenset(name for feature in FEATURES for name in column_names(feature))
_SHORT = {"input": "IN", "output": "OUT", "time": "TIME"}


async def violin_plots(objects: Objects, rows: Sequence[DatasetRow]) -> dict[str, Any]:
    """Return every violin as a data URL, by type and column; of several data sets by their names, too."""
    plots: dict[str, Any] = {}
    for row in rows:
        within = f"{row.name or row.id}:" if len(rows) > 1 else ""
        for name, told, key in violins_of(row):
            digest = digest_in(row.report.get("files"), key.removeprefix(f"{row.object_key}/"))
            with suppress(ObjectNotFound):
                png = base64.b64encode(await get_verified(objects, key, digest)).decode()
                plots[f"{within}{name}"] = {"data": f"data:image/png;base64,{png}", **told}
    return plots


def violins_of(row: DatasetRow) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield name, facts and object key of each violin of a data set."""
    listed = row.report.get("violins")
    counts: dict[str, int] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and row.object_key:
            is_time = entry.get("role") == "input" and entry.get("label") in CALENDAR_COLUMNS
            kind = "time" if is_time else str(entry.get("role"))
            counts[kind] = counts.get(kind, 0) + 1
            told = {"type": kind, "label": f"{_SHORT[kind]}{counts[kind]}", "name": entry.get("label")}
            yield f"{kind}_{entry.get('label')}", told, f"{row.object_key}/{entry.get('png')}"
