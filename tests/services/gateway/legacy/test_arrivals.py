"""Sessions that were opened and never joined are few, and make room for others in time."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.gateway.legacy import arrivals
from tests.services.gateway.house import House, open_house

OPEN = "/socket.io/?EIO=4&transport=polling"
MOST = 5


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, users=True, gateway_anonymous_sockets=MOST) as opened:
        yield opened
        await opened.app.state.rooms.server.eio.disconnect()  # routes outlive a test


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=10) as client:
        yield client


async def opened(http: httpx.AsyncClient) -> str:
    answer = await http.get(OPEN)
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.text[1:])["sid"])


async def joined(http: httpx.AsyncClient) -> str:
    sid = await opened(http)
    await http.post(f"{OPEN}&sid={sid}", content=b'40{"token":"user-anna"}')
    said = await http.get(f"{OPEN}&sid={sid}")
    assert "40{" in said.text, said.text
    return sid


async def test_of_sessions_that_never_join_there_are_only_so_many(http: httpx.AsyncClient) -> None:
    for _ in range(MOST):
        await opened(http)

    refused = await http.get(OPEN)

    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_SOCKETS")


async def test_who_joins_makes_room_for_the_next(http: httpx.AsyncClient) -> None:
    for _ in range(3 * MOST):
        await joined(http)

    await opened(http)


async def test_sessions_that_do_not_join_in_time_are_ended_for_others(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = [await opened(http) for _ in range(MOST)]
    assert (await http.get(OPEN)).status_code == 429

    monkeypatch.setattr(arrivals, "JOIN_WITHIN_S", 0.0)
    await opened(http)

    assert (await http.post(f"{OPEN}&sid={first}", content=b"40")).status_code == 400


async def test_a_packet_nobody_understands_is_answered_at_once(http: httpx.AsyncClient) -> None:
    sid = await opened(http)

    answer = await http.post(f"{OPEN}&sid={sid}", content=b"6")

    assert answer.status_code == 400
