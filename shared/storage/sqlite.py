"""The ledger in one SQLite file that several processes share: the embedded default."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite
import stamina
from pydantic import JsonValue

from shared.contracts.base import utc_now
from shared.errors import SessionNotFound, Unavailable
from shared.storage.columns import (
    NotStorable,
    Type,
    as_text,
    columns,
    conditions,
    decode,
    encode,
    encode_changes,
    ordering,
)
from shared.storage.records import Condition, Less, OneOf, R, Row, Where
from shared.storage.rows import SESSION_TABLES, TABLES, SessionRow

BUSY_TIMEOUT_S: Final = 10.0
_MAX_VARIABLES: Final = 30_000  # SQLite's own limit is 32,766 per statement
_OPEN_ATTEMPTS: Final = 20
_SQL_TYPES: Final[dict[Type, str]] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "real": "REAL",
    "boolean": "INTEGER",
    "time": "TEXT",
    "json": "TEXT",
}
# A mistake in a statement is ours; everything else (locked, full, unreadable) passes or is an operator's.
_OURS: Final = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT})

Parameters = Sequence[object]


class LedgerUnavailable(Unavailable):
    """The ledger does not answer for now."""

    code = "LEDGER_UNAVAILABLE"
    advice = ("Try again in a moment; if it stays, check free disk space and that the folder is writable.",)


@dataclass(eq=False)
class SqliteRecords:
    """Rows in SQLite. Each call is one statement, so a call that is cancelled or killed leaves no half.

    New rows that need not be durable yet go through a connection of their own, which does not wait for the
    disk. Both write one log in order: the next durable row brings what was written before it to the disk.
    """

    _connection: aiosqlite.Connection
    _relaxed: aiosqlite.Connection

    @classmethod
    async def open(cls, path: Path, tables: Iterable[type[Row]] = TABLES) -> Self:
        """Open the file, creating it and what is missing in it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as opened:
            connection, relaxed = await _connect(path, opened), await _connect(path, opened)
            await _prepare(connection, tuple(tables))
            await _execute(relaxed, "PRAGMA synchronous = NORMAL")
            opened.pop_all()
        return cls(connection, relaxed)

    async def insert(self, rows: Sequence[Row]) -> int:
        return sum([await self._insert(kind, batch) for kind, batch in _batches(rows)])

    async def get(self, kind: type[R], row_id: str) -> R | None:
        found = await self.select(kind, {"id": row_id}, limit=1)
        return found[0] if found else None

    async def select(
        self,
        kind: type[R],
        where: Where,
        *,
        order: str = "created_at",
        limit: int | None = None,
        offset: int = 0,
    ) -> list[R]:
        name, descending = ordering(kind, order)
        way = "DESC" if descending else "ASC"
        condition, parameters = _where(kind, where)
        found = await _execute(
            self._connection,
            f'SELECT {_names(kind)} FROM "{kind.table}" WHERE {condition}'
            f' ORDER BY "{name}" {way}, "id" {way} LIMIT ? OFFSET ?',
            [*parameters, -1 if limit is None else limit, offset],
        )
        return [_row(kind, values) for values in found]

    async def update(
        self, kind: type[R], row_id: str, changes: Mapping[str, object], *, expect: Where | None = None
    ) -> R | None:
        new = encode_changes(kind, changes)
        condition, parameters = _where(kind, {**(expect or {}), "id": row_id})
        assignments = "".join(f', "{name}" = ?' for name in new)
        found = await _execute(
            self._connection,
            f'UPDATE "{kind.table}" SET "revision" = "revision" + 1, "updated_at" = ?{assignments}'
            f" WHERE {condition} RETURNING {_names(kind)}",
            [as_text(utc_now()), *_bound(kind, new), *parameters],
        )
        return _row(kind, found[0]) if found else None

    async def delete(self, kind: type[Row], where: Where) -> int:
        condition, parameters = _where(kind, where)
        return len(
            await _execute(
                self._connection, f'DELETE FROM "{kind.table}" WHERE {condition} RETURNING 1', parameters
            )
        )

    async def count(self, kind: type[Row], where: Where) -> int:
        condition, parameters = _where(kind, where)
        found = await _execute(
            self._connection, f'SELECT count(*) FROM "{kind.table}" WHERE {condition}', parameters
        )
        return int(found[0][0])

    async def ping(self) -> None:
        await _execute(self._connection, "SELECT 1 FROM sqlite_master LIMIT 1", [])

    async def close(self) -> None:
        await self._relaxed.close()
        await self._connection.close()

    async def _insert(self, kind: type[Row], rows: Sequence[Row]) -> int:
        marks = ", ".join(["?"] * len(columns(kind)))
        values = ", ".join([f"({marks})"] * len(rows))
        new = await _execute(
            self._connection if kind.durable else self._relaxed,
            f'INSERT INTO "{kind.table}" ({_names(kind)}) VALUES {values}'
            ' ON CONFLICT ("id") DO NOTHING RETURNING 1',
            [value for row in rows for value in _bound(kind, encode(row, kind))],
        )
        return len(new)


async def _connect(path: Path, opened: AsyncExitStack) -> aiosqlite.Connection:
    """Open the file; what goes wrong after that closes it again."""
    try:
        connecting = aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        # A process that ends without closing shall end: the file survives that, as it survives a power cut.
        connecting._thread.daemon = True
        connection = await connecting
    except sqlite3.Error as error:
        raise _unavailable(error) from error
    opened.push_async_callback(connection.close)
    return connection


async def _execute(
    connection: aiosqlite.Connection, sql: str, parameters: Parameters = ()
) -> list[tuple[Any, ...]]:
    try:
        return [tuple(row) for row in await connection.execute_fetchall(sql, list(parameters))]
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            raise SessionNotFound("the session does not exist") from error
        if getattr(error, "sqlite_errorcode", 0) in _OURS or isinstance(error, sqlite3.ProgrammingError):
            raise
        raise _unavailable(error) from error


async def _prepare(connection: aiosqlite.Connection, tables: Sequence[type[Row]]) -> None:
    # Switch to write-ahead logging; SQLite does not wait here while another process does the same.
    def is_busy(error: Exception) -> bool:
        return isinstance(error, LedgerUnavailable) and error.details["reason"] == "SQLITE_BUSY"

    async for attempt in stamina.retry_context(
        is_busy, attempts=_OPEN_ATTEMPTS, timeout=None, wait_initial=0.05, wait_jitter=0.05, wait_max=1.0
    ):
        with attempt:
            await _execute(connection, "PRAGMA journal_mode = WAL")
    # An acknowledged row must survive a power cut, because the broker forgets what was acknowledged.
    await _execute(connection, "PRAGMA synchronous = FULL")
    await _execute(connection, "BEGIN IMMEDIATE")
    for kind in tables:
        # The statements that give the file the table, columns and indexes of a row type.
        present = {row[1] for row in await _execute(connection, f'PRAGMA table_info("{kind.table}")')}
        defined = {c.name: f'"{c.name}" {_SQL_TYPES[c.type]}' for c in columns(kind).values()}
        defined["id"] += " PRIMARY KEY NOT NULL"
        if present:
            added = [definition for name, definition in defined.items() if name not in present]
            statements = [f'ALTER TABLE "{kind.table}" ADD COLUMN {definition}' for definition in added]
        else:
            statements = [f'CREATE TABLE "{kind.table}" ({", ".join(defined.values())})']
        for names in kind.indexes:
            index = "_".join([kind.table, *names, "idx"])
            quoted = ", ".join(f'"{name}"' for name in names)
            statements.append(f'CREATE INDEX IF NOT EXISTS "{index}" ON "{kind.table}" ({quoted})')
        for statement in statements:
            await _execute(connection, statement)
    if SessionRow in tables:
        for statement in _deleted_sessions(tables):
            await _execute(connection, statement)
    await _execute(connection, "COMMIT")


def _deleted_sessions(tables: Sequence[type[Row]]) -> list[str]:
    """Return what lets a session's rows go with it and no new ones come, as foreign keys do in Postgres.

    Work under way while its session is deleted would otherwise leave rows nobody can find or delete. The ids
    of deleted sessions are kept, because SQLite cannot add a foreign key to a table that is there.
    """
    statements = [
        'CREATE TABLE IF NOT EXISTS "deleted_sessions" ("id" TEXT PRIMARY KEY NOT NULL)',
        f'CREATE TRIGGER IF NOT EXISTS "session_deleted" AFTER DELETE ON "{SessionRow.table}" BEGIN'
        ' INSERT OR IGNORE INTO "deleted_sessions" VALUES (OLD."id"); END',
        f'CREATE TRIGGER IF NOT EXISTS "session_opened" AFTER INSERT ON "{SessionRow.table}" BEGIN'
        ' DELETE FROM "deleted_sessions" WHERE "id" = NEW."id"; END',
    ]
    for table in (kind.table for kind in tables if kind in SESSION_TABLES):
        statements += [
            f'CREATE TRIGGER IF NOT EXISTS "{table}_session" BEFORE INSERT ON "{table}"'
            ' WHEN EXISTS (SELECT 1 FROM "deleted_sessions" WHERE "id" = NEW."session_id")'
            " BEGIN SELECT RAISE(ABORT, 'the session is deleted'); END",
            f'CREATE TRIGGER IF NOT EXISTS "{table}_session_deleted" AFTER DELETE ON "{SessionRow.table}"'
            f' BEGIN DELETE FROM "{table}" WHERE "session_id" = OLD."id"; END',
        ]
    return statements


def _batches(rows: Sequence[Row]) -> Iterable[tuple[type[Row], Sequence[Row]]]:
    kinds = dict.fromkeys(type(row) for row in rows)
    for kind in kinds:
        of_kind = [row for row in rows if type(row) is kind]
        size = _MAX_VARIABLES // len(columns(kind))
        for start in range(0, len(of_kind), size):
            yield kind, of_kind[start : start + size]


def _where(kind: type[Row], where: Where) -> tuple[str, list[object]]:
    """Return a condition made of our own column names and marks, and the values for the marks."""
    parts = ["1"]
    parameters: list[object] = []
    for at, condition in conditions(kind, where):
        part, value = _part(f'"{at.name}"', condition)
        parts.append(part)
        parameters.append(value)
    return " AND ".join(parts), parameters


def _part(name: str, condition: Condition) -> tuple[str, object]:
    match condition:
        case Less(value):
            return f"{name} < ?", value
        case OneOf(values):
            # One mark for any number of values; NULL never equals anything, so it is asked for by name.
            or_null = f" OR {name} IS NULL" if None in values else ""
            return f"({name} IN (SELECT value FROM json_each(?)){or_null})", json.dumps(values)
        case _:
            return f"{name} IS ?", condition


@cache
def _names(kind: type[Row]) -> str:
    return ", ".join(f'"{name}"' for name in columns(kind))


def _bound(kind: type[Row], values: Mapping[str, JsonValue]) -> list[object]:
    known = columns(kind)
    return [_document(v) if known[n].type == "json" and v is not None else v for n, v in values.items()]


def _document(value: JsonValue) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError as error:
        raise NotStorable("a document holds NaN or infinity, which JSON cannot say") from error


def _row(kind: type[R], values: Sequence[Any]) -> R:
    named = {
        c.name: json.loads(v) if c.type == "json" and v is not None else v
        for c, v in zip(columns(kind).values(), values, strict=True)
    }
    return kind.model_validate(decode(kind, named))


def _unavailable(error: sqlite3.Error) -> LedgerUnavailable:
    reason = getattr(error, "sqlite_errorname", type(error).__name__)
    return LedgerUnavailable(f"the ledger file does not answer ({reason})", reason=reason)
