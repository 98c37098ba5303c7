"""What only the SQLite ledger must bear: several processes, crashes, older files, a file that is away."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from shared.contracts.base import new_id
from shared.storage import sqlite
from shared.storage.records import Row
from shared.storage.rows import ChunkRow, JobRow, SessionRow
from shared.storage.sqlite import LedgerUnavailable, SqliteRecords, _execute
from tests.support.ledger_rows import chunk_row, job_row, session_row

ROOT = Path(__file__).parents[3]
OWNER = "local"

COUNTER = """
import asyncio, sys
from pathlib import Path
from shared.storage.rows import JobRow
from shared.storage.sqlite import SqliteRecords

async def main(path, job_id, times):
    records = await SqliteRecords.open(Path(path))
    for _ in range(times):
        while True:
            now = await records.get(JobRow, job_id)
            changes, expect = {"failures": now.failures + 1}, {"revision": now.revision}
            if await records.update(JobRow, job_id, changes, expect=expect):
                break
    await records.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_processes_that_share_the_file_lose_no_update(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    records = await SqliteRecords.open(path)
    job = job_row(session_row(OWNER))
    await records.insert([job])

    counters = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", COUNTER, str(path), job.id, "40", cwd=ROOT)
        for _ in range(3)
    ]
    codes = [await counter.wait() for counter in counters]

    final = await records.get(JobRow, job.id)
    await records.close()
    assert codes == [0, 0, 0]
    assert final is not None
    assert (final.failures, final.revision) == (120, 120)


async def test_many_may_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    opened = await asyncio.gather(*(SqliteRecords.open(tmp_path / "ledger.sqlite") for _ in range(8)))

    counts = await asyncio.gather(*(records.count(SessionRow, {}) for records in opened))

    await asyncio.gather(*(records.close() for records in opened))
    assert counts == [0] * 8


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from shared.storage.sqlite import SqliteRecords\n"
        "from shared.storage.rows import SessionRow\n"
        "async def main():\n"
        "    records = await SqliteRecords.open(Path(sys.argv[1]))\n"
        "    await records.insert([SessionRow(id=f's{n}', owner='local') for n in range(50)])\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(path)], cwd=ROOT, check=False
    )

    records = await SqliteRecords.open(path)
    found = await records.count(SessionRow, {"owner": OWNER})
    await records.close()

    assert killed.returncode == -9
    assert found == 50


class Old(Row):
    """A row as an earlier version wrote it."""

    table: ClassVar[str] = "things"

    name: str


class New(Old):
    """The same row with fields that came later."""

    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("colour", "name"),)

    colour: str = "grey"
    tags: tuple[str, ...] = ()
    weight: float | None = None


async def test_a_row_gains_fields_without_losing_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old = await SqliteRecords.open(path, [Old])
    await old.insert([Old(id="a", owner=OWNER, name="first")])
    await old.close()

    new = await SqliteRecords.open(path, [New])
    before = await new.get(New, "a")
    after = await new.update(New, "a", {"colour": "red", "tags": ("x", "y"), "weight": 1.5})
    await new.close()

    assert before is not None
    assert (before.name, before.colour, before.tags, before.weight) == ("first", "grey", (), None)
    assert after is not None
    assert (after.colour, after.tags, after.weight) == ("red", ("x", "y"), 1.5)


async def test_a_file_that_stays_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "ledger.sqlite"
    records = await SqliteRecords.open(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(LedgerUnavailable) as caught:
        await records.insert([session_row(OWNER)])

    holder.execute("ROLLBACK")
    assert caught.value.details == {"reason": "SQLITE_BUSY"}
    assert await records.insert([session_row(OWNER)]) == 1
    holder.close()
    await records.close()


async def test_a_file_that_is_no_ledger_is_unavailable_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, " * 100)

    with pytest.raises(LedgerUnavailable):
        await SqliteRecords.open(path)

    assert path.read_bytes() == b"not a database, " * 100


async def test_a_cancelled_call_leaves_all_or_nothing(tmp_path: Path) -> None:
    records = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    rows = [SessionRow(id=new_id(), owner=OWNER) for _ in range(500)]

    call = asyncio.create_task(records.insert(rows))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert await records.count(SessionRow, {}) in (0, 500)
    assert await records.insert(rows) in (0, 500)
    await records.close()


async def test_an_acknowledged_row_waits_for_the_disk(tmp_path: Path) -> None:
    records = await SqliteRecords.open(tmp_path / "ledger.sqlite")

    settings = [
        await _execute(records._connection, f"PRAGMA {name}") for name in ("journal_mode", "synchronous")
    ]

    await records.close()
    assert settings == [[("wal",)], [(2,)]]


async def test_a_chunk_does_not_wait_for_the_disk_and_is_there_at_once(tmp_path: Path) -> None:
    records = await SqliteRecords.open(tmp_path / "ledger.sqlite")
    session = session_row("local")
    await records.insert([session, chunk_row(session, file_id="f", index=0)])

    found = await records.count(ChunkRow, {"file_id": "f"})
    again = await records.insert([chunk_row(session, file_id="f", index=0)])
    setting = await _execute(records._relaxed, "PRAGMA synchronous")

    await records.close()
    assert (found, again) == (1, 0)
    assert setting == [(1,)]
