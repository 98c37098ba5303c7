"""The native channel on a real broker: replay without a gap or a repeat, slow clients, several replicas."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import websockets
from websockets.typing import Subprotocol

from shared.contracts.base import new_id
from shared.contracts.events import ModelEvaluated, RunFinished
from tests.services.gateway.running import Running, play_a_run, prepare, running
from trainyard.broker import EmbeddedNats

pytestmark = pytest.mark.live


async def hear(address: str, *, until: str = "run.finished", **options: Any) -> list[dict[str, Any]]:
    heard = []
    async with asyncio.timeout(30), websockets.connect(address, **options) as socket:
        async for message in socket:
            heard.append(json.loads(message))
            if heard[-1]["type"] == until:
                break
    return heard


def events(heard: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(message["seq"], message["type"]) for message in heard if message["seq"] is not None]


async def test_what_was_missed_is_told_once_and_then_what_is_new(
    tmp_path: Path, nats_server: EmbeddedNats
) -> None:
    async with running(tmp_path, nats_server, replicas=2) as house:
        sid, other = await house.session(), await house.session()
        await play_a_run(house, other)
        early = asyncio.create_task(hear(house.live(sid)))
        await asyncio.sleep(0.3)
        playing = asyncio.create_task(play_a_run(house, sid, pause=0.05))
        await asyncio.sleep(0.3)

        late = await hear(house.live(sid, gateway=1, after=0))

        await playing
        everything = events(await early)
        assert events(late) == everything
        assert [kind for _, kind in everything][-1] == "run.finished"
        middle = everything[len(everything) // 2][0]
        rest = events(await hear(house.live(sid, after=middle)))
        assert rest == [event for event in everything if event[0] > middle]


async def test_a_channel_on_which_nothing_is_said_stays_open(
    tmp_path: Path, nats_server: EmbeddedNats
) -> None:
    async with running(tmp_path, nats_server) as house:
        sid = await house.session()
        quiet: dict[str, Any] = {"ping_interval": None}  # a browser sends no pings of its own
        async with asyncio.timeout(60), websockets.connect(house.live(sid), **quiet) as socket:
            await asyncio.sleep(12)  # longer than a first message or a stuck body may take
            await play_a_run(house, sid)

            heard = [json.loads(await socket.recv())["type"]]

        assert heard == ["run.planned"]


async def test_nothing_is_lost_while_the_broker_is_away(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    async with running(tmp_path, nats_server) as house:
        sid = await house.session()
        listening = asyncio.create_task(hear(house.live(sid)))
        await asyncio.sleep(0.3)

        nats_server.kill()
        await asyncio.sleep(0.2)
        nats_server.start()
        await prepare(nats_server)
        await play_a_run(house, sid)

        heard = events(await listening)
        replayed = events(await hear(house.live(sid, after=0)))
        assert heard == replayed


async def test_a_stuck_client_is_closed_and_loses_nothing_and_delays_nobody(
    tmp_path: Path, nats_server: EmbeddedNats
) -> None:
    async with running(tmp_path, nats_server, TRAINYARD_GATEWAY_CLIENT_QUEUE="8") as house:
        sid = await house.session()
        stuck = await websockets.connect(house.live(sid, after=0), max_queue=1)  # and nobody takes from it
        awake = asyncio.create_task(hear(house.live(sid, after=0)))
        await asyncio.sleep(0.3)

        await tell_much(house, sid, n_events=60, size_bytes=200_000)

        everything = events(await awake)
        before, code = await rest_of(stuck)
        after = events(await hear(house.live(sid, after=before[-1][0])))
        assert code == 4408
        assert 0 < len(before) < len(everything) == 61
        assert before + after == everything


async def tell_much(house: Running, sid: str, *, n_events: int, size_bytes: int) -> None:
    """Say more than the buffers between two processes hold, and then that the run is over."""
    about = {"session_id": sid, "run_id": new_id()}
    for _ in range(n_events):
        await house.say(ModelEvaluated.first(**about, job_id=new_id(), kind="lin", label="x" * size_bytes))
    await house.say(RunFinished.first(**about, status="completed"))


async def rest_of(socket: websockets.ClientConnection) -> tuple[list[tuple[int, str]], int | None]:
    """Return the events a client that was stuck still gets, and how the gateway took leave of it."""
    heard = []
    try:
        async with asyncio.timeout(30):
            async for message in socket:
                heard.append(json.loads(message))  # noqa: PERF401 - what came before the end counts
    except websockets.ConnectionClosedError as closed:
        return events(heard), closed.rcvd.code if closed.rcvd else None
    return events(heard), None


async def test_tokens_come_as_subprotocol_header_or_first_message(
    tmp_path: Path, nats_server: EmbeddedNats
) -> None:
    secret = "k" * 40
    claims = {"aud": "authenticated", "exp": 4_000_000_000, "role": "authenticated"}
    anna, bert = (jwt.encode({**claims, "sub": name}, secret) for name in ("anna", "bert"))
    async with running(tmp_path, nats_server, TRAINYARD_GATEWAY_JWT_SECRET=secret) as house:
        house.headers = {"Authorization": f"Bearer {anna}"}
        sid = await house.session()
        address = house.live(sid, after=0)
        await play_a_run(house, sid)

        by_protocol = await hear(address, subprotocols=[Subprotocol("bearer"), Subprotocol(anna)])
        by_header = await hear(address, additional_headers=house.headers)

        async def first_message(token: str) -> int | None:
            async with asyncio.timeout(10), websockets.connect(address) as socket:
                await socket.send(json.dumps({"token": token}))
                try:
                    return None if await socket.recv() else 0
                except websockets.ConnectionClosed as closed:
                    return closed.rcvd.code if closed.rcvd else 0

        assert events(by_protocol) == events(by_header) != []
        assert await first_message(anna) is None
        assert await first_message("nonsense") == 4401
        assert await first_message(bert) == 4404
