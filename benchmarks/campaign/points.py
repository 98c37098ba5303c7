"""Fault points inside a service: every step that stores, publishes or acknowledges can be made to fail.

The campaign writes orders into a file; the process obeys the next time it passes the point that is named.
"""

import asyncio
import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite
from nats.aio.msg import Msg

from shared.contracts import base
from shared.messaging.publish import Publisher
from shared.storage import local_files
from shared.storage.local_files import FolderObjects, FolderUnavailable
from shared.storage.sqlite import SqliteRecords

POINTS = (
    "records.insert", "records.update", "records.delete", "objects.put", "objects.delete", "publish", "ack",
)  # fmt: skip


@dataclass
class Orders:
    """What this process is to do at which point, as the campaign last wrote it."""

    path: Path
    stamp: int = 0
    pending: list[dict[str, Any]] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    clock: timedelta = timedelta()

    def at(self, point: str) -> dict[str, Any] | None:
        """Return the order that is due at a point, marked as carried out."""
        self._read_again()
        self.passed[point] += 1
        for order in self.pending:
            if order["point"] == point and self.passed[point] >= order["nth"]:
                self.pending.remove(order)
                fired = self.path.parent / f"{order['id']}.fired"
                if fired.exists():
                    return None
                fired.write_text(point)
                return order
        return None

    def _read_again(self) -> None:
        try:
            stamp = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if stamp != self.stamp:
            self.stamp = stamp
            self.passed.clear()
            self.pending = json.loads(self.path.read_text())


async def obey(
    orders: Orders,
    point: str,
    repeat: Callable[[], Awaitable[Any]] | None = None,
    path: Path | None = None,
) -> str | None:
    """Do what is ordered at a point, if anything is, and return what it was."""
    order = orders.at(point)
    if order is None:
        return None
    match order["action"]:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "delay":
            await asyncio.sleep(float(order["value"]))
        case "clock":
            orders.clock = timedelta(hours=float(order["value"]))
        case "twice" if repeat is not None:
            await repeat()
        case "flip" | "tear" as action if path is not None:
            _hurt(path, action)
        case "full" | "readonly" as action:
            raise _disk_error(point, action)
    return str(order["action"])


def _hurt(path: Path, action: str) -> None:
    """Flip a bit of a stored file, or cut it in two."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content if action == "flip" else content[: len(content) // 2])


def _disk_error(point: str, action: str) -> Exception:
    """Return the error a full or write-protected disk gives at a point."""
    if point.startswith("objects"):
        return FolderUnavailable(f"the folder cannot be written ({action})")
    full = action == "full"
    error = sqlite3.OperationalError(
        "database or disk is full" if full else "attempt to write a readonly database"
    )
    error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_READONLY
    error.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_READONLY"
    return error


def install(orders: Orders) -> None:
    """Put the points into the adapters of this process."""
    _clock(orders)
    for name in ("insert", "update", "delete"):
        _around(orders, SqliteRecords, name, f"records.{name}")
    for name in ("put", "delete"):
        _around(orders, FolderObjects, name, f"objects.{name}")
    _around(orders, Publisher, "publish", "publish")
    _around(orders, Msg, "ack", "ack")
    _failing_disk(orders)


def _around(orders: Orders, kind: type, name: str, point: str) -> None:
    original = getattr(kind, name)

    async def wrapped(self: Any, *values: Any, **named: Any) -> Any:
        if await obey(orders, f"{point}:before", lambda: original(self, *values, **named)) == "again":
            return await self.nak(delay=1.5)  # as if the acknowledgement were lost: later ones come first
        result = await original(self, *values, **named)
        path = self._path(values[0]) if point == "objects.put" else None
        await obey(orders, f"{point}:after", path=path)
        return result

    setattr(kind, name, wrapped)


def _failing_disk(orders: Orders) -> None:
    """Let SQLite itself fail, so that the adapter's own translation is tried, too."""
    original = aiosqlite.Connection.execute_fetchall

    async def failing(self: Any, sql: str, *values: Any, **named: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE")):
            await obey(orders, "disk:before")
        return await original(self, sql, *values, **named)

    aiosqlite.Connection.execute_fetchall = failing  # type: ignore[assignment,method-assign]  # a point


def _clock(orders: Orders) -> None:
    """Give this process a clock that can be set; before anything else imports the real one."""

    def utc_now() -> datetime:
        return datetime.now(UTC) + orders.clock

    base.utc_now = utc_now


__all__ = ["POINTS", "Orders", "install", "local_files"]
