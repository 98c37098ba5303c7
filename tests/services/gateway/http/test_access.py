"""The table of routes: complete, and true for keys of one session."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.app import bare_app
from services.gateway.http.access import ROUTES, RouteWithoutAccess, names_of, require_access
from services.gateway.settings import GatewaySettings
from shared.contracts.base import utc_now
from shared.storage.rows import FileRow, SessionRow
from tests.services.gateway.house import BASE, open_house

MINE, OTHER = "a" * 32, "b" * 32


def test_a_new_route_without_an_entry_is_not_served(tmp_path: Path) -> None:
    app = bare_app(GatewaySettings(data_dir=tmp_path), CollectorRegistry())

    @app.get(f"{BASE}/new/{{sid}}")
    async def new(sid: str) -> str:
        return sid

    with pytest.raises(RouteWithoutAccess, match=r"GET /api/training/new/\{sid\}.*access\.py"):
        require_access(app)


def test_every_route_is_in_the_table_and_every_entry_is_a_route(tmp_path: Path) -> None:
    app = bare_app(GatewaySettings(data_dir=tmp_path), CollectorRegistry())

    assert names_of(app.routes) == ROUTES.keys()
    assert len(ROUTES) > 50


async def test_a_key_of_one_session_is_refused_whatever_is_about_the_account(tmp_path: Path) -> None:
    async with open_house(tmp_path, users=True) as house:
        await house.records.insert([SessionRow(id=MINE, owner="anna")])
        async with house.client(token="user-anna") as http:
            key = (await http.post(f"{BASE}/api-keys", json={"sessionId": MINE})).json()["key"]

        async with house.client(token=key) as http:
            for name, access in ROUTES.items():
                if access.scope == "account":
                    method, _, path = name.partition(" ")
                    answer = await http.request(method, path.replace("{key_id}", "all.x"), json={})

                    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_TOO_NARROW")


@pytest.mark.parametrize("route", [name for name, access in ROUTES.items() if access.scope == "own"])
async def test_a_key_of_one_session_changes_nothing_of_another(tmp_path: Path, route: str) -> None:
    method, _, path = route.partition(" ")
    old = utc_now() - timedelta(days=9)
    async with open_house(tmp_path, users=True) as house:
        await house.records.insert([SessionRow(id=session, owner="anna") for session in (MINE, OTHER)])
        async with house.client(token="user-anna") as http:
            key = (await http.post(f"{BASE}/api-keys", json={"sessionId": MINE})).json()["key"]
        for number, session in enumerate((MINE, OTHER)):
            file = FileRow(
                id=str(number) * 32, owner="anna", session_id=session, role="input", file_name="a.csv",
                total_chunks=2, created_at=old, updated_at=old,
            )  # fmt: skip
            await house.records.insert([file])

        async with house.client(token=key) as http:
            body = {"confirm_delete_all": True} if "delete" in path else {"max_age_hours": 1}
            answer = await http.request(method, path, json=body if method == "POST" else None)

        assert answer.status_code == 200
        assert OTHER not in answer.text.replace("-", "")
        assert await house.records.get(SessionRow, OTHER) is not None
        assert await house.records.get(FileRow, "1" * 32) is not None
