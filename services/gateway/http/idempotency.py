"""Idempotency-Key: the same key gives the same answer and starts nothing twice."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from services.gateway.context import gateway_of, identity_of
from services.gateway.http.json_bodies import JsonRoute
from shared.contracts.base import derive
from shared.errors import InvalidInput
from shared.storage.records import Records
from shared.storage.rows import AnswerRow

HEADER = "Idempotency-Key"
_PATIENCE_S = 10.0
_POLL_S = 0.1

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyReused(InvalidInput):
    """The same key came with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    advice = ("Use a new key for a new request.",)


class IdempotentRoute(JsonRoute):
    """A route that honours the key on every POST."""

    def get_route_handler(self) -> Handler:
        """Return the handler, wrapped."""
        handler = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or not key:
                return await handler(request)
            gateway, who = await gateway_of(request), await identity_of(request)
            records = gateway.storage.records
            body = hashlib.sha256(await request.body()).hexdigest()
            path = request.url.path
            row = AnswerRow(
                id=derive("answer", who.user_id, path, key), owner=who.user_id, route=path, body_sha256=body
            )
            if not await records.insert([row]):
                known = await _stored_answer(records, row)
                if known and known.body_sha256 != body:
                    raise KeyReused("this Idempotency-Key was used for another request", header=HEADER)
                if known and known.status is not None:
                    return JSONResponse(known.answer, known.status, {"Idempotent-Replay": "true"})
                # Whoever began did not finish. Every id below is derived from the key: again is harmless.
            try:
                response = await handler(request)
            except InvalidInput:
                await records.delete(AnswerRow, {"id": row.id})  # nothing was started; the key is free again
                raise
            answer = json.loads(bytes(response.body))
            await records.update(AnswerRow, row.id, {"status": response.status_code, "answer": answer})
            return response

        return once


async def _stored_answer(records: Records, row: AnswerRow) -> AnswerRow | None:
    """Return the stored answer, waiting a little for the request that is at it."""
    end = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        known = await records.get(AnswerRow, row.id)
        over = asyncio.get_running_loop().time() > end
        if known is None or known.status is not None or known.body_sha256 != row.body_sha256 or over:
            return known
        await asyncio.sleep(_POLL_S)
