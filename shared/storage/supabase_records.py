"""The ledger in Supabase's Postgres, through PostgREST: the production store."""

import functools
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import httpx
from postgrest import APIError, APIResponse, AsyncSelectRequestBuilder, CountMethod
from postgrest.types import ReturnMethod

from shared.storage.columns import (
    NotStorable,
    TableColumn,
    columns,
    conditions,
    decode,
    encode,
    encode_changes,
    ordering,
)
from shared.storage.records import Condition, Less, OneOf, R, Row, Scalar, Where
from shared.storage.rows import SessionRow
from shared.storage.supabase import RetryPolicy, SupabaseUnavailable, refusal, unreachable
from supabase import AsyncClient

_BATCH: Final = 500  # rows of one insert
_PAGE: Final = 1000  # rows asked for at once
_SURE_PAGE: Final = 100  # no server is set to cut below this, so a shorter page is the last one
_VALUES_IN_URL: Final = 100  # ids of about 4 KB, half of what proxies let pass
_WRITER: Final = "last_write"  # the column a write leaves its token in
_WRITERS: Final = "recent_writes"  # where the database keeps the tokens of a row's last writes

Query: TypeAlias = AsyncSelectRequestBuilder
Part: TypeAlias = Sequence[tuple[TableColumn, Condition]]


class SupabaseRecords:
    """Rows through PostgREST, speaking for whoever the client is for.

    Every write carries a token of its own, and the database keeps a row's last few. A request that timed out
    may have been carried out, so on the next try a write looks for its token before it believes that it
    came too late.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        owns_http: bool = False,
    ) -> None:
        self._rest = client.postgrest
        self._http = client.options.httpx_client
        self._retries = retries
        self._owns_http = owns_http

    async def insert(self, rows: Sequence[Row]) -> int:
        return sum([await self._insert(kind, batch) for kind, batch in _batches(rows)])

    async def get(self, kind: type[R], row_id: str) -> R | None:
        found = await self._rows(kind, self._select(kind).eq("id", row_id).limit(1))
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
        parts = list(_split(kind, where))
        if len(parts) == 1 and limit is not None:
            return await self._first(kind, parts[0], order, limit, offset)
        found = [row for part in parts for row in await self._all(kind, part)]
        found.sort(key=lambda row: _sort_key(row, name), reverse=descending)
        return found[offset : None if limit is None else offset + limit]

    async def update(
        self, kind: type[R], row_id: str, changes: Mapping[str, object], *, expect: Where | None = None
    ) -> R | None:
        token = uuid.uuid4().hex
        body = {**encode_changes(kind, changes), _WRITER: token}

        async def once(attempt: int, part: Part) -> list[R]:
            query = self._rest.from_(kind.table).update(body).eq("id", row_id)
            changed = await _rows_once(kind, _filtered(query, part).select(_names(kind)))
            if changed or attempt == 0:
                return changed
            return await _rows_once(kind, self._select(kind).eq("id", row_id).contains(_WRITERS, [token]))

        for part in _split(kind, expect or {}):
            if found := await self._retries.call(functools.partial(once, part=part)):
                return found[0]
        return None

    async def delete(self, kind: type[Row], where: Where) -> int:
        deleted = 0
        for part in _split(kind, where):
            # PostgREST returns at most one page of what it deleted, so the number is asked for by itself.
            query = self._rest.from_(kind.table).delete(
                count=CountMethod.exact, returning=ReturnMethod.minimal
            )
            deleted += await self._number(_filtered(query, part))
        return deleted

    async def count(self, kind: type[Row], where: Where) -> int:
        counted = 0
        for part in _split(kind, where):
            query = self._rest.from_(kind.table).select("id", count=CountMethod.exact, head=True)
            counted += await self._number(_filtered(query, part))
        return counted

    async def ping(self) -> None:
        query = self._rest.from_(SessionRow.table).select("id").limit(1)
        await _execute(query)

    async def close(self) -> None:
        if self._owns_http and self._http is not None:
            await self._http.aclose()

    async def _insert(self, kind: type[Row], rows: Sequence[Row]) -> int:
        token = uuid.uuid4().hex
        body = [{**encode(row, kind), _WRITER: token} for row in rows]
        ids = OneOf(tuple(row.id for row in rows))

        async def once(attempt: int) -> int:
            query = self._rest.from_(kind.table).upsert(body, ignore_duplicates=True, on_conflict="id")
            new = len((await _execute(query.select("id"))).data)
            if attempt == 0:
                return new
            # Count the rows this write made, on any of its tries.
            counted = self._rest.from_(kind.table).select("id", count=CountMethod.exact, head=True)
            mine = [
                _filtered(counted, part).contains(_WRITERS, [token]) for part in _split(kind, {"id": ids})
            ]
            return sum([await self._number(one) for one in mine])

        return await self._retries.call(once)

    def _select(self, kind: type[Row]) -> Query:
        return self._rest.from_(kind.table).select(_names(kind))

    async def _rows(self, kind: type[R], query: Query) -> list[R]:
        return await self._retries.call(lambda _: _rows_once(kind, query))

    async def _number(self, query: Query) -> int:
        answer = await self._retries.call(lambda _: _execute(query))
        if answer.count is None:
            raise SupabaseUnavailable("something else than Supabase answered", reason="no count")
        return answer.count

    async def _first(self, kind: type[R], part: Part, order: str, limit: int, offset: int) -> list[R]:
        """Return the first matches in an order; the database sorts, so no others travel."""
        name, descending = ordering(kind, order)
        found: list[R] = []
        while len(found) < limit:
            query = _filtered(self._select(kind), part)
            query = query.order(name, desc=descending, nullsfirst=not descending)
            query = query.order("id", desc=descending)
            asked = min(limit - len(found), _PAGE)
            page = await self._rows(kind, query.limit(asked).offset(offset + len(found)))
            found += page
            if len(page) < min(asked, _SURE_PAGE):
                break
        return found

    async def _all(self, kind: type[R], part: Part) -> list[R]:
        """Return all matches, page by page along the ids, so that rows that come or go shift nothing."""
        found: list[R] = []
        while True:
            query = _filtered(self._select(kind), part).order("id").limit(_PAGE)
            page = await self._rows(kind, query.gt("id", found[-1].id) if found else query)
            found += page
            # A server may cut earlier than we ask (1,000 by default) without saying so.
            if len(page) < _SURE_PAGE:
                return found


async def _rows_once(kind: type[R], query: Query) -> list[R]:
    answer = await _execute(query)
    return [kind.model_validate(decode(kind, row)) for row in answer.data if isinstance(row, dict)]


async def _execute(query: Query) -> APIResponse:
    try:
        answer = await query.execute()
    except httpx.HTTPError as error:
        raise unreachable(error) from error
    except APIError as error:
        raise refusal(error.code or "") from error
    except ValueError as error:
        raise NotStorable("a document holds NaN or infinity, which JSON cannot say") from error
    # A proxy's page of regrets comes with status 200 as well, and must not pass for "no rows".
    if not isinstance(answer.data, list):
        raise SupabaseUnavailable("something else than Supabase answered", reason="no JSON")
    return answer


def _batches(rows: Sequence[Row]) -> Iterator[tuple[type[Row], Sequence[Row]]]:
    for kind in dict.fromkeys(type(row) for row in rows):
        # The same id twice in one statement would conflict with itself.
        of_kind = list({row.id: row for row in reversed(rows) if type(row) is kind}.values())
        for start in range(0, len(of_kind), _BATCH):
            yield kind, of_kind[start : start + _BATCH]


def _split(kind: type[Row], where: Where) -> Iterator[Part]:
    """Yield conditions that together select the same rows once each, each short enough for a URL."""
    options = [[(at, piece) for piece in _pieces(c)] for at, c in conditions(kind, where)]
    yield from itertools.product(*options)


def _pieces(condition: Condition) -> Iterator[Condition]:
    if not isinstance(condition, OneOf):
        yield condition
        return
    values = [value for value in dict.fromkeys(condition.values) if value is not None]
    for start in range(0, len(values), _VALUES_IN_URL):
        yield OneOf(tuple(values[start : start + _VALUES_IN_URL]))
    if None in condition.values:
        yield None


def _filtered(query: Query, part: Part) -> Query:
    """Add conditions; each is a parameter of its own, so no value can end it and start another."""
    for at, condition in part:
        match condition:
            case Less(value):
                query = query.lt(at.name, value)
            case OneOf(values):
                query = query.filter(at.name, "in", f"({','.join(map(_quoted, values))})")
            case None | bool():
                query = query.is_(at.name, condition)
            case _:
                query = query.eq(at.name, condition)
    return query


def _quoted(value: Scalar) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _names(kind: type[Row]) -> str:
    return ",".join(columns(kind))


def _sort_key(row: Row, name: str) -> tuple[bool, Any, str]:
    value = getattr(row, name)
    return value is not None, 0 if value is None else value, row.id
