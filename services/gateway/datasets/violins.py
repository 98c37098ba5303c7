"""The violin plots of data sets, inline as the earlier frontend wants them."""

import base64
from collections.abc import Sequence
from typing import Any

from services.gateway.context import Gateway
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import DatasetRow
from shared.storage.verified import digest_in, get_verified


async def violin_plots(gateway: Gateway, rows: Sequence[DatasetRow]) -> dict[str, Any]:
    """Return every violin as a data URL, by data set and column."""
    plots: dict[str, Any] = {}
    for row in rows:
        listed = row.report.get("violins")
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and row.object_key:
                name = str(entry.get("png"))
                digest = digest_in(row.report.get("files"), name)
                plot = await _violin(gateway, f"{row.object_key}/{name}", digest, entry)
                plots |= (
                    {f"{row.name or row.id}:{entry.get('role')}:{entry.get('label')}": plot} if plot else {}
                )
    return plots


async def _violin(
    gateway: Gateway, key: str, digest: str | None, entry: dict[str, Any]
) -> dict[str, Any] | None:
    try:
        png = await get_verified(gateway.objects, key, digest)
    except ObjectNotFound:
        return None
    data = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return {"data": data, "type": entry.get("role"), "label": entry.get("label")}
