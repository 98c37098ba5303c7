"""New rows of a file: later, late and corrected ones make versions; what does not fit says what differs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.contract import RowsBeforeStart, RowsDiffer
from services.ingest.core.read import read_file
from services.ingest.rows import FileNotReady, LedgerRows
from services.ingest.storage import LedgerUploads
from shared.contracts.base import new_id
from shared.errors import InvalidInput
from shared.series.extend import extended
from shared.series.series import Series
from shared.storage.codecs import bytes_to_arrays
from shared.storage.connect import Storage, open_embedded
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.rows import FileRow, SeriesRow, SessionRow
from shared.storage.verified import ObjectDamaged

START = datetime(2026, 1, 1, tzinfo=UTC)


def csv(values: dict[int, object], header: str = "time,load") -> bytes:
    lines = [f"{START + timedelta(hours=hour):%Y-%m-%d %H:%M},{value}" for hour, value in values.items()]
    return "\n".join([header, *lines, ""]).encode()


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await open_embedded(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def file(storage: Storage) -> FileRow:
    session = SessionRow(id=new_id(), owner="ada")
    row = FileRow(
        id=new_id(), owner="ada", session_id=session.id, role="input", file_name="load.csv", total_chunks=1
    )
    await storage.records.insert([session, row])
    content = csv({hour: 50 + hour % 24 for hour in range(100)})
    await LedgerUploads(storage).accept(row, read_file(content, file_name="load.csv"))
    return row


async def rows_of(storage: Storage, file: FileRow) -> tuple[SeriesRow, Series]:
    [row] = await storage.records.select(SeriesRow, {"file_id": file.id})
    return row, Series.from_arrays(bytes_to_arrays(await storage.objects.get(row.object_key)))


async def send(
    storage: Storage, file: FileRow, text: bytes, *, trust_values: bool = False
) -> tuple[int, int, int]:
    found = await LedgerRows(storage).extend(file.session_id, file.id, text, None, trust_values=trust_values)
    return found.version, found.n_new, found.n_changed


async def test_later_rows_late_rows_and_corrections_make_versions_and_the_upload_stays(
    storage: Storage, file: FileRow
) -> None:
    before, base = await rows_of(storage, file)

    assert await send(storage, file, csv({102: 7, 100: 5})) == (1, 2, 0)
    assert await send(storage, file, csv({101: 6, 100: 5.5})) == (2, 1, 1)
    assert await send(storage, file, csv({101: 6, 100: 5.5})) == (2, 0, 0)

    row, series = await rows_of(storage, file)
    assert (row.version, row.base_key, row.statistics["n"]) == (2, before.object_key, 103)
    assert series.values[-3:].tolist() == [5.5, 6, 7]
    assert Series.from_arrays(
        bytes_to_arrays(await storage.objects.get(row.base_key or ""))
    ).content_hash() == (base.content_hash())
    assert row.sha256 != before.sha256


async def test_batches_that_come_at_once_are_all_kept(storage: Storage, file: FileRow) -> None:
    await asyncio.gather(*(send(storage, file, csv({100 + k: float(k)})) for k in range(4)))

    row, series = await rows_of(storage, file)
    assert row.version == 4
    assert series.values[-4:].tolist() == [0, 1, 2, 3]


async def test_a_batch_whose_replica_died_halfway_is_put_in_by_the_next(
    storage: Storage, file: FileRow
) -> None:
    await send(storage, file, csv({100: 1}))
    row, _ = await rows_of(storage, file)
    undone = {
        "version": 0, "object_key": row.base_key, "sha256": row.base_sha256, "base_key": None,
    }  # fmt: skip
    await storage.records.update(SeriesRow, row.id, undone)

    assert await send(storage, file, csv({101: 2})) == (2, 1, 0)

    assert (await rows_of(storage, file))[1].values[-2:].tolist() == [1, 2]


@pytest.mark.parametrize("part", ["batch", "series"])
async def test_rows_are_put_to_intact_ones_only(storage: Storage, file: FileRow, part: str) -> None:
    await send(storage, file, csv({100: 1}))
    row, _ = await rows_of(storage, file)
    [batch] = await storage.records.select(RowBatchRow, {"file_id": file.id})
    if part == "batch":  # whoever was to put it in died
        undone = {"version": 0, "object_key": row.base_key, "sha256": row.base_sha256, "base_key": None}
        await storage.records.update(SeriesRow, row.id, undone)
    key = batch.object_key if part == "batch" else row.object_key
    await storage.objects.put(key, (await storage.objects.get(key)).replace(b"\0", b"\1"))

    with pytest.raises(ObjectDamaged):
        await send(storage, file, csv({101: 2}))


@pytest.mark.parametrize(
    ("text", "problem", "says"),
    [
        (csv({100: 1}, "time,wind"), RowsDiffer, "'load' is missing, 'wind' is not of the file"),
        (csv({100: "1,2"}, "time,load,wind"), RowsDiffer, "'wind' is not of the file"),
        (csv({-5: 1}), RowsBeforeStart, "2025-12-31T19:00:00Z"),
        (csv({100.5: 1}), RowsDiffer, "60 minutes"),  # type: ignore[dict-item]
        (csv({100: 60_000}), RowsDiffer, "another unit"),
        (csv({100: "NaN"}), InvalidInput, "number"),
        (b"time,load\nyesterday,5\n", InvalidInput, "."),
    ],
)
async def test_rows_that_do_not_fit_say_what_differs(
    storage: Storage, file: FileRow, text: bytes, problem: type[InvalidInput], says: str
) -> None:
    with pytest.raises(problem, match=says):
        await send(storage, file, text)

    assert await storage.records.count(RowBatchRow, {}) == 0


async def test_values_of_another_size_are_taken_when_somebody_vouches_for_them(
    storage: Storage, file: FileRow
) -> None:
    assert await send(storage, file, csv({100: 60_000}), trust_values=True) == (1, 1, 0)


async def test_a_file_of_another_session_is_unknown(storage: Storage, file: FileRow) -> None:
    with pytest.raises(FileNotReady):
        await LedgerRows(storage).extend(new_id(), file.id, csv({100: 1}), None, trust_values=False)


@given(st.lists(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 9)), min_size=1), max_size=5))
def test_of_one_stamp_the_value_that_came_last_holds(batches: list[list[tuple[int, float]]]) -> None:
    base = Series.from_rows("a", np.arange(10), np.zeros(10))

    grown = extended(base, [Series.from_rows("a", *zip(*batch, strict=True)) for batch in batches])

    expected = dict.fromkeys(range(10), 0.0) | {at: v for batch in batches for at, v in batch}
    assert dict(zip(grown.times_ns.tolist(), grown.values.tolist(), strict=True)) == expected
