"""Fetching what the datasets service has stored, in one way for everybody who reads it."""

from pathlib import Path

from shared.errors import DatasetNotFound
from shared.storage.connect import Storage
from shared.storage.folders import fetch_tree
from shared.storage.rows import DatasetRow


async def ready_dataset(storage: Storage, dataset_id: str) -> DatasetRow:
    """Return the row of a data set whose files are stored.

    Raises
    ------
    DatasetNotFound
        If it was deleted, or is not ready.
    """
    row = await storage.records.get(DatasetRow, dataset_id)
    if row is None or row.object_key is None:
        raise DatasetNotFound("there is no such data set any more, or it is not ready", dataset_id=dataset_id)
    return row


async def fetch_dataset(storage: Storage, row: DatasetRow, folder: Path) -> None:
    """Write the files of a ready data set into a folder.

    Raises
    ------
    ObjectDamaged
        If a file is missing or has other bytes.
    """
    assert row.object_key is not None
    await fetch_tree(storage.objects, row.object_key, folder, row.report.get("files"))
