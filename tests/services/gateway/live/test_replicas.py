"""Gateways as processes on a real broker: shared limits, slow attackers, a quick end."""

import asyncio
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from tests.services.gateway.running import running
from trainyard.broker import EmbeddedNats

pytestmark = pytest.mark.live


async def test_a_users_share_is_counted_over_all_replicas(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    secret = "k" * 40
    token = jwt.encode({"aud": "authenticated", "exp": 4_000_000_000, "sub": "anna"}, secret)
    limits = {"TRAINYARD_GATEWAY_JWT_SECRET": secret, "TRAINYARD_GATEWAY_REQUESTS_PER_MINUTE": "10"}
    async with running(tmp_path, nats_server, replicas=2, **limits) as house:
        await _early_in_a_minute()
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            paths = [f"{url}/api/training/environment-info" for url in house.urls * 8]
            answers = [(await http.get(path)).status_code for path in paths]

    assert answers == [200] * 10 + [429] * 6


async def _early_in_a_minute() -> None:
    """Wait if the window is about to change, so that the test counts within one."""
    left = 60 - time.time() % 60
    if left < 5:
        await asyncio.sleep(left)


async def test_half_requests_and_a_stop_do_not_hold_the_gateway(
    tmp_path: Path, nats_server: EmbeddedNats
) -> None:
    async with running(tmp_path, nats_server) as house:
        place = urlsplit(house.url)
        half = [await asyncio.open_connection(place.hostname, place.port) for _ in range(300)]
        for _, writer in half:
            writer.write(b"POST /api/training/init-session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")

        async with httpx.AsyncClient(timeout=2) as http:
            alive = await http.get(f"{house.url}/healthz")
        began = time.monotonic()
        house.processes[0].send_signal(signal.SIGTERM)
        await asyncio.to_thread(house.processes[0].wait, 15)

        assert alive.status_code == 200
        assert time.monotonic() - began < 10
        for _, writer in half:
            writer.close()
