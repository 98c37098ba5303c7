"""The native live channel: replay what was missed, go on live, without a gap or a repeat."""

import asyncio
from collections.abc import AsyncIterator, Coroutine

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from services.gateway.auth.identity import Identity, bearer
from services.gateway.auth.sockets import TooManySockets, credential_ended
from services.gateway.context import Gateway, find_session
from services.gateway.http.access import LIMITS
from services.gateway.http.json_bodies import parse_json
from services.gateway.live.history import History
from services.gateway.live.hub import Subscription
from services.gateway.live.messages import LiveMessage
from services.gateway.problems import BadId, Refused
from shared.errors import SessionNotFound, TrainyardError, Unavailable

router = APIRouter()

NOT_SIGNED_IN, NOT_YOURS, TOO_SLOW, TOO_MANY, AWAY = 4401, 4404, 4408, 4429, 1013
_SUBPROTOCOL = "bearer"
_FIRST_MESSAGE_S = 10.0
_CLOSE_S = 10.0  # a slow client first has to read what is on its way


@router.websocket("/ws/sessions/{sid}")
async def follow(websocket: WebSocket, sid: str, after: int | None = None) -> None:
    """Send the events of a session as JSON messages, from ``after`` on if it is given."""
    gateway: Gateway = websocket.app.state.gateway
    signed_in = await _sign_in(websocket, gateway)
    if signed_in is None:
        return
    who, credential = signed_in
    counted = not gateway.settings.single_user
    try:
        session = await find_session(gateway.seen_by(who).storage.records, who, sid)
        if counted:
            gateway.live.sockets.enter(who.user_id)
    except (SessionNotFound, BadId) as error:
        await websocket.close(NOT_YOURS, error.code)
        return
    except TooManySockets as error:
        await websocket.close(TOO_MANY, error.code)
        return
    # Before the replay: it keeps what happens meanwhile.
    subscription = gateway.live.hub.subscribe(session.id)
    try:
        ended = credential_ended(gateway.admission.verifier, credential)
        await _serve(
            websocket, subscription, _messages(gateway.live.history, session.id, subscription, after), ended
        )
    finally:
        gateway.live.hub.unsubscribe(session.id, subscription)
        if counted:
            gateway.live.sockets.leave(who.user_id)


async def _sign_in(websocket: WebSocket, gateway: Gateway) -> tuple[Identity, str | None] | None:
    """Accept and identify: by subprotocol, header, or first message; close with 4401 otherwise."""
    offered = websocket.scope.get("subprotocols", [])
    by_protocol = len(offered) == 2 and offered[0] == _SUBPROTOCOL
    await websocket.accept(_SUBPROTOCOL if by_protocol else None)
    credential = offered[1] if by_protocol else bearer(websocket.headers)
    try:
        with gateway.live.sockets.unknown():
            if credential is None and not gateway.settings.single_user:
                async with asyncio.timeout(_FIRST_MESSAGE_S):
                    credential = _token_in(await websocket.receive_text())
            return await gateway.admission.verifier.identify(credential), credential
    except TooManySockets as error:
        await websocket.close(TOO_MANY, error.code)
    except Refused as error:
        await websocket.close(NOT_SIGNED_IN, error.code)
    except Unavailable as error:
        await websocket.close(AWAY, error.code)
    except (TimeoutError, ValueError, KeyError):
        await websocket.close(NOT_SIGNED_IN, "MISSING_AUTHORIZATION")
    except WebSocketDisconnect:
        pass
    return None


def _token_in(text: str) -> str | None:
    """Return the token of a first message, whatever else it may be."""
    try:
        first = parse_json(text, LIMITS["none"], field="message")
    except TrainyardError:
        return None
    token = first.get("token") if isinstance(first, dict) else None
    return token if isinstance(token, str) else None


async def _messages(
    history: History, session_id: str, subscription: Subscription, after: int | None
) -> AsyncIterator[LiveMessage]:
    """Yield the missed events, the newest progress, then everything live."""
    seen = 0
    if after is not None:
        async for event in history.since(session_id, max(0, after)):
            seen = event.seq or seen
            yield event
    for progress in await history.progress(session_id):
        yield progress
    while True:
        for message in await subscription.take():
            if message.seq is None or message.seq > seen:
                seen = message.seq or seen
                yield message


async def _serve(
    websocket: WebSocket,
    subscription: Subscription,
    messages: AsyncIterator[LiveMessage],
    ended: Coroutine[None, None, str],
) -> None:
    """Write until the client leaves, lags too far behind, its credential ends, or the bus is away."""

    async def write() -> None:
        async for message in messages:
            await websocket.send_text(message.text)

    async def read() -> None:  # without a reader a client that left is never noticed
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass  # clients have nothing to say; frames are read so that a farewell is seen
        raise WebSocketDisconnect

    credential = asyncio.create_task(ended)
    tasks = [*(asyncio.create_task(t) for t in (write(), read(), subscription.overflowed.wait())), credential]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    if any(isinstance(outcome, WebSocketDisconnect) for outcome in outcomes):
        return
    if credential.done() and not credential.cancelled() and credential.exception() is None:
        await _close(websocket, NOT_SIGNED_IN, credential.result())
        return
    code, reason = (
        (TOO_SLOW, "TOO_SLOW") if subscription.overflowed.is_set() else (AWAY, "BROKER_UNAVAILABLE")
    )
    await _close(websocket, code, reason)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await websocket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return  # the client does not even read the farewell
