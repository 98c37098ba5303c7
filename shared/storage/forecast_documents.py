"""The document of a forecast: in a row beside the forecast's own, or, where it is long, in an object.

A forecast is answered when it is kept: rows wait for the disk once, an object and a row three times.
"""

import hashlib
import json
from typing import Any

from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.verified import damaged, get_verified

MOST_IN_ROW_BYTES = 1 << 18


async def keep_forecast(mine: Storage, row: ForecastRow, content: bytes) -> ForecastRow:
    """Keep a forecast and its document, which is JSON; return its row as it is kept."""
    if len(content) <= MOST_IN_ROW_BYTES:
        kept = ForecastDocumentRow(
            id=row.id, owner=row.owner, session_id=row.session_id, content=content.decode()
        )
        await mine.records.insert([kept])  # first: whoever sees the forecast finds its document
        row = row.changed(sha256=hashlib.sha256(content).hexdigest())
    else:
        key = keys.forecast(row.session_id, row.id)
        row = row.changed(object_key=key, sha256=(await mine.objects.put(key, content)).digest)
    await mine.records.insert([row])
    return row


async def forecast_document(records: Records, objects: Objects, row: ForecastRow) -> dict[str, Any]:
    """Return the document of a forecast.

    Raises
    ------
    ObjectNotFound, ObjectDamaged
    """
    document: dict[str, Any]
    if row.object_key is not None:
        document = json.loads(await get_verified(objects, row.object_key, row.sha256))
        return document
    kept = await records.get(ForecastDocumentRow, row.id)
    if kept is None or hashlib.sha256(kept.content.encode()).hexdigest() != row.sha256:
        raise damaged(f"forecast {row.id}")
    document = json.loads(kept.content)
    return document
