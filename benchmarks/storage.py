"""Rows and megabytes a second through each storage adapter, beside the raw driver on the same store.

    python -m benchmarks.storage [--megabytes 500]

Supabase here is Postgres, PostgREST and the tests' storage server on this machine: no network, no TLS, so
only the ratio to the raw driver says something about a hosted project.
"""

import argparse
import asyncio
import os
import resource
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx

import benchmarks.beside_tests  # noqa: F401 - finds our tests
from shared.contracts.base import new_id
from shared.storage.local_files import FolderObjects
from shared.storage.objects import Objects
from shared.storage.records import Records
from shared.storage.rows import ChunkRow, JobRow, SessionRow
from shared.storage.sqlite import SqliteRecords
from shared.storage.supabase import client_for, key_headers, open_http
from shared.storage.supabase_objects import SupabaseObjects
from shared.storage.supabase_records import SupabaseRecords
from tests.support.ledger_rows import chunk_row, job_row, session_row
from tests.support.supabase import SECRET_KEY, SERVICE_JWT, LocalSupabase, missing_parts

N_ROWS, N_SINGLE, REPEATS = 5000, 200, 3


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    """Return the median time of the repeats of one piece of work."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def show(what: str, amount: float, unit: str, ours: float, raw: float) -> None:
    """Print one line: through the adapter, by the raw driver, and the ratio of their times."""
    print(f"  {what:<28} {amount / ours:>9,.0f} {unit:<7} {amount / raw:>9,.0f} {unit:<7} x{ours / raw:.1f}")


async def measure_rows(records: Records, session: SessionRow) -> tuple[float, float, float, float]:
    """Return the seconds of a batch of inserts, single inserts, single updates, and one large select."""
    file_id, job = new_id(), job_row(session)
    await records.insert([job])

    async def batch() -> None:
        own = new_id()
        await records.insert([chunk_row(session, file_id=own, index=n) for n in range(N_ROWS)])

    async def singles() -> None:
        own = new_id()
        for n in range(N_SINGLE):
            await records.insert([chunk_row(session, file_id=own, index=n)])

    async def updates() -> None:
        for n in range(N_SINGLE):
            await records.update(JobRow, job.id, {"failures": n}, expect={"status": "queued"})

    await records.insert([chunk_row(session, file_id=file_id, index=n) for n in range(N_ROWS)])

    async def select() -> None:
        await records.select(ChunkRow, {"file_id": file_id}, order="index")

    return await seconds(batch), await seconds(singles), await seconds(updates), await seconds(select)


_INSERT = (
    "insert into file_chunks (id, owner, session_id, file_id, {index}, size_bytes, sha256) values ({marks})"
)


async def raw_sqlite(path: Path) -> tuple[float, float, float, float]:
    """Do the same with ``sqlite3`` itself, each statement its own transaction but for the batch."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma synchronous = full")
    insert = _INSERT.format(index='"index"', marks=",".join("?" * 7))
    job_id = connection.execute("select id from jobs").fetchone()[0]
    file_id = connection.execute("select file_id from file_chunks group by 1 having count(*) = ?", [N_ROWS])
    asked = file_id.fetchone()[0]

    async def batch() -> None:
        connection.execute("begin")
        connection.executemany(insert, [_values(n) for n in range(N_ROWS)])
        connection.execute("commit")

    async def singles() -> None:
        for n in range(N_SINGLE):
            connection.execute(insert, _values(n))

    async def updates() -> None:
        for n in range(N_SINGLE):
            connection.execute(
                "update jobs set failures = ? where id = ? and status = 'queued' returning *", [n, job_id]
            ).fetchall()

    async def select() -> None:
        connection.execute('select * from file_chunks where file_id = ? order by "index"', [asked]).fetchall()

    taken = await seconds(batch), await seconds(singles), await seconds(updates), await seconds(select)
    connection.close()
    return taken


async def raw_postgres(project: LocalSupabase, session: SessionRow) -> tuple[float, float, float, float]:
    """Do the same with ``asyncpg`` on one connection."""
    connection = await asyncpg.connect(project.postgres.uri())
    marks = "$1, $2::text::uuid, $3, $4, $5, $6, $7"
    insert = _INSERT.format(index="index", marks=marks)
    [job] = await connection.fetch("select id from jobs where session_id = $1", session.id)
    asked = await connection.fetchval(
        "select file_id from file_chunks group by 1 having count(*) = $1", N_ROWS
    )

    def values(n: int) -> list[object]:
        return [new_id(), session.owner, session.id, *_values(n)[3:]]

    async def batch() -> None:
        await connection.executemany(insert, [values(n) for n in range(N_ROWS)])

    async def singles() -> None:
        for n in range(N_SINGLE):
            await connection.execute(insert, *values(n))

    async def updates() -> None:
        for n in range(N_SINGLE):
            await connection.fetch(
                "update jobs set failures = $1 where id = $2 and status = 'queued' returning *", n, job["id"]
            )

    async def select() -> None:
        await connection.fetch("select * from file_chunks where file_id = $1 order by index", asked)

    taken = await seconds(batch), await seconds(singles), await seconds(updates), await seconds(select)
    await connection.close()
    return taken


def _values(n: int) -> list[object]:
    return [new_id(), "local", "s", "f", n, 4, "0" * 64]


class Direct(httpx.AsyncBaseTransport):
    """Sends rows straight to PostgREST: the tests' front is Python and would be most of what is measured."""

    def __init__(self, url: str) -> None:
        self._base = httpx.URL(url)
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.removeprefix(b"/rest/v1")
        request.url = self._base.copy_with(raw_path=path)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def show_rows(ours: tuple[float, ...], raw: tuple[float, ...]) -> None:
    """Print the four measurements of rows."""
    names = (f"insert, {N_ROWS} at once", "insert, one by one", "compare-and-set", f"select {N_ROWS}")
    for name, amount, mine, theirs in zip(
        names, (N_ROWS, N_SINGLE, N_SINGLE, N_ROWS), ours, raw, strict=True
    ):
        show(name, amount, "rows/s", mine, theirs)


async def measure_objects(objects: Objects, key: str, source: Path, target: Path) -> tuple[float, float]:
    """Return the seconds of putting a file and of fetching it."""
    put = await seconds(lambda: objects.put(key, source))
    return put, await seconds(lambda: objects.fetch(key, target))


async def raw_files(source: Path, target: Path) -> tuple[float, float]:
    """Copy with ``shutil``, and bring it to the disk as the adapter does."""

    async def put() -> None:
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())

    async def fetch() -> None:
        shutil.copyfile(source, target)

    return await seconds(put), await seconds(fetch)


async def raw_http(project: LocalSupabase, key: str, source: Path, target: Path) -> tuple[float, float]:
    """Send the file in one request and stream it back with ``httpx`` alone."""
    headers = {"apikey": SECRET_KEY, "Authorization": f"Bearer {SERVICE_JWT}", "x-upsert": "true"}
    url = f"{project.url}/storage/v1/object"
    async with httpx.AsyncClient(timeout=120, headers=headers) as http:

        async def put() -> None:
            (await http.post(f"{url}/trainyard/{key}", content=_read(source))).raise_for_status()

        async def fetch() -> None:
            async with http.stream("GET", f"{url}/authenticated/trainyard/{key}") as answer:
                with target.open("wb") as file:
                    async for piece in answer.aiter_bytes(1 << 18):
                        file.write(piece)

        return await seconds(put), await seconds(fetch)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            yield piece


def show_objects(megabytes: int, ours: tuple[float, float], raw: tuple[float, float]) -> None:
    """Print both directions."""
    show(f"put {megabytes} MB", megabytes, "MB/s", ours[0], raw[0])
    show(f"fetch {megabytes} MB", megabytes, "MB/s", ours[1], raw[1])


async def embedded(folder: Path, source: Path, megabytes: int) -> None:
    """Measure SQLite and the folder."""
    path, session = folder / "ledger.sqlite", session_row("local")
    records = await SqliteRecords.open(path)
    await records.insert([session])
    ours = await measure_rows(records, session)
    print("SQLite                            adapter           sqlite3")
    show_rows(ours, await raw_sqlite(path))
    await records.close()

    objects = await FolderObjects.open(folder / "objects")
    key = f"sessions/{session.id}/model"
    moved = await measure_objects(objects, key, source, folder / "copy")
    print("folder                            adapter           shutil")
    show_objects(megabytes, moved, await raw_files(source, folder / "copy"))


async def supabase(project: LocalSupabase, folder: Path, source: Path, megabytes: int) -> None:
    """Measure PostgREST and the storage server."""
    user = await project.new_user()
    session = session_row(user)
    async with httpx.AsyncClient(transport=Direct(project.rest.url)) as http:
        records = SupabaseRecords(client_for(http, "http://project", key_headers(SERVICE_JWT)))
        await records.insert([session])
        ours = await measure_rows(records, session)
        print("Supabase rows                     adapter           asyncpg")
        show_rows(ours, await raw_postgres(project, session))

    async with open_http() as http:
        objects = SupabaseObjects(client_for(http, project.url, key_headers(SECRET_KEY)))
        key = f"sessions/{session.id}/model"
        moved = await measure_objects(objects, key, source, folder / "copy")
        print("Supabase objects                  adapter           httpx, one request")
        show_objects(megabytes, moved, await raw_http(project, key, source, folder / "copy"))


def main() -> None:
    """Measure what is here; say what is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100, help="size of the object that is moved")
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        with source.open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1 << 20))
        asyncio.run(embedded(folder, source, megabytes))
        if missing := missing_parts():
            print(f"Supabase was not measured: {missing}")
            return
        project = LocalSupabase()
        try:
            project.start()
            asyncio.run(supabase(project, folder, source, megabytes))
        finally:
            project.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of all of it, servers in this process included: {peak} MB")


if __name__ == "__main__":
    main()
