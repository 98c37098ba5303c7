"""The native live channel: replay what was missed, go on live, without a gap or a repeat."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from services.gateway.auth.identity import Identity, bearer
from services.gateway.context import Gateway, find_session
from services.gateway.live.hub import Subscription
from services.gateway.live.messages import LiveMessage
from services.gateway.problems import BadId, Refused
from shared.errors import SessionNotFound

router = APIRouter()

NOT_SIGNED_IN, NOT_YOURS, TOO_SLOW, AWAY = 4401, 4404, 4408, 1013
_SUBPROTOCOL = "bearer"
_FIRST_MESSAGE_S = 10.0
_CLOSE_S = 10.0  # a slow client first has to read what is on its way


@router.websocket("/ws/sessions/{sid}")
async def follow(websocket: WebSocket, sid: str, after: int | None = None) -> None:
    """Send the events of a session as JSON messages, from ``after`` on if it is given."""
    gateway: Gateway = websocket.app.state.gateway
    who = await _sign_in(websocket, gateway)
    if who is None:
        return
    try:
        session = await find_session(gateway.seen_by(who), who, sid)
    except (SessionNotFound, BadId) as error:
        await websocket.close(NOT_YOURS, error.code)
        return
    box = gateway.hub.open(session.id)  # before the replay: what happens meanwhile waits in the box
    try:
        await _serve(websocket, box, _messages(gateway, session.id, box, after))
    finally:
        gateway.hub.close(session.id, box)


async def _sign_in(websocket: WebSocket, gateway: Gateway) -> Identity | None:
    """Accept and identify: by subprotocol, header, or first message; close with 4401 otherwise."""
    offered = websocket.scope.get("subprotocols", [])
    by_protocol = len(offered) == 2 and offered[0] == _SUBPROTOCOL
    await websocket.accept(_SUBPROTOCOL if by_protocol else None)
    credential = offered[1] if by_protocol else bearer(websocket.headers)
    try:
        if credential is None and not gateway.settings.single_user:
            first = await asyncio.wait_for(websocket.receive_json(), _FIRST_MESSAGE_S)
            credential = first.get("token") if isinstance(first, dict) else None
        return await gateway.verifier.identify(credential)
    except Refused as error:
        await websocket.close(NOT_SIGNED_IN, error.code)
    except (TimeoutError, ValueError, KeyError):
        await websocket.close(NOT_SIGNED_IN, "MISSING_AUTHORIZATION")
    except WebSocketDisconnect:
        pass
    return None


async def _messages(
    gateway: Gateway, session_id: str, box: Subscription, after: int | None
) -> AsyncIterator[LiveMessage]:
    """Yield the missed events, the newest progress, then everything live."""
    seen = 0
    if after is not None:
        async for event in gateway.history.since(session_id, max(0, after)):
            seen = event.seq or seen
            yield event
    for progress in await gateway.history.progress(session_id):
        yield progress
    while True:
        for message in await box.take():
            if message.seq is None or message.seq > seen:
                seen = message.seq or seen
                yield message


async def _serve(websocket: WebSocket, box: Subscription, messages: AsyncIterator[LiveMessage]) -> None:
    """Write until the client leaves, lags too far behind, or the bus is away."""

    async def write() -> None:
        async for message in messages:
            await websocket.send_text(message.text)

    async def read() -> None:  # without a reader a client that left is never noticed
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass  # clients have nothing to say; frames are read so that a farewell is seen
        raise WebSocketDisconnect

    tasks = [asyncio.create_task(t) for t in (write(), read(), box.overflowed.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    if any(isinstance(outcome, WebSocketDisconnect) for outcome in outcomes):
        return
    code, reason = (TOO_SLOW, "TOO_SLOW") if box.overflowed.is_set() else (AWAY, "BROKER_UNAVAILABLE")
    await _close(websocket, code, reason)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        await asyncio.wait_for(websocket.close(code, reason), _CLOSE_S)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return  # the client does not even read the farewell
