"""Lines arrive in order, in few writes, once, and survive a ledger that is away."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.storage.logbook import LogBook
from shared.storage.owned import OwnedRecords
from shared.storage.records import Row
from shared.storage.rows import LogRow
from shared.storage.sqlite import SqliteRecords

SOON = timedelta(milliseconds=10)


class Moody(OwnedRecords):
    """A ledger that is away for its first writes and counts them."""

    away_for = 0
    writes = 0

    async def insert(self, rows: Sequence[Row]) -> int:
        self.writes += 1
        if self.writes <= self.away_for:
            raise Unavailable("away")
        return await super().insert(rows)


def line(n: int) -> LogRow:
    return LogRow(id=f"line-{n:04}", owner="me", session_id="s", message=f"epoch {n}")


@pytest.mark.parametrize("away_for", [0, 2], ids=["there", "away twice"])
async def test_every_line_is_stored_once_and_in_few_writes(tmp_path: Path, away_for: int) -> None:
    ledger = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    records = Moody(ledger, "me")
    records.away_for = away_for

    async with LogBook(records, every=SOON) as book:
        for n in range(300):
            book.write(line(n))
        await asyncio.sleep(0.2)
        book.write(line(300))

    stored = await ledger.select(LogRow, {}, order="id")
    await ledger.close()
    assert [row.message for row in stored] == [f"epoch {n}" for n in range(301)]
    assert records.writes <= away_for + 3


async def test_a_long_outage_keeps_a_bounded_number_of_lines(tmp_path: Path) -> None:
    ledger = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    records = Moody(ledger, "me")
    records.away_for = 2
    book = LogBook(records, keep=10)

    for start in (0, 15):
        for n in range(start, start + 15):
            book.write(line(n))
        await book.flush()
    await book.flush()

    stored = await ledger.select(LogRow, {}, order="id")
    await ledger.close()
    assert [row.message for row in stored] == [f"epoch {n}" for n in range(20, 30)]
