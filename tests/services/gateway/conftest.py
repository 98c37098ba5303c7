"""A gateway per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.services.gateway.house import BASE, House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway for the one local user."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    async with house.client() as client:
        client.base_url = httpx.URL(f"http://127.0.0.1{BASE}/")
        yield client


@pytest.fixture
async def sid(http: httpx.AsyncClient) -> str:
    """A session of its own."""
    answer = (await http.post("init-session", json={"sessionName": "load"})).json()
    return str(answer["data"]["uuid"]).replace("-", "")
