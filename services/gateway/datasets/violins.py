"""The violin plots of data sets, inline as the earlier frontend wants them."""

import base64
from collections.abc import Sequence
from typing import Any

from services.gateway.context import Gateway
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import DatasetRow


async def violin_plots(gateway: Gateway, rows: Sequence[DatasetRow]) -> dict[str, Any]:
    """Return every violin as a data URL, by data set and column."""
    plots: dict[str, Any] = {}
    for row in rows:
        listed = row.report.get("violins")
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and row.object_key:
                plot = await _violin(gateway, f"{row.object_key}/{entry.get('png')}", entry)
                plots |= (
                    {f"{row.name or row.id}:{entry.get('role')}:{entry.get('label')}": plot} if plot else {}
                )
    return plots


async def _violin(gateway: Gateway, key: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    try:
        png = await gateway.objects.get(key)
    except ObjectNotFound:
        return None
    data = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return {"data": data, "type": entry.get("role"), "label": entry.get("label")}
