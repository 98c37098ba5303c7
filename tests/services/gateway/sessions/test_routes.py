"""Sessions: opened once under every alias, listed page by page, ended with everything they have."""

import uuid

import httpx
import pytest

from shared.storage import keys
from shared.storage.rows import FileRow, RunRow, SessionRow
from tests.services.gateway.house import House, ready_file


@pytest.mark.parametrize("form", ["{}", "session_{}"])
async def test_every_alias_leads_to_the_same_session(http: httpx.AsyncClient, form: str) -> None:
    mint = str(uuid.uuid4())

    first = await http.post("init-session", json={"sessionId": form.format(mint), "sessionName": "a"})
    again = await http.post("init-session", json={"sessionId": mint})

    assert (first.status_code, again.status_code) == (201, 200)
    found = (await http.get(f"get-session-uuid/session_{mint}")).json()
    assert found["data"]["sessionUuid"] == first.json()["data"]["uuid"] == again.json()["data"]["uuid"]


async def test_the_short_minted_form_is_an_id_too(http: httpx.AsyncClient) -> None:
    answer = await http.post("create-database-session", json={"uploadId": "session_1700000000000_ab12"})

    status = await http.get("session-status/session_1700000000000_ab12")
    assert answer.json()["sessionId"] == "session_1700000000000_ab12"
    assert status.json()["status"] == "pending"


@pytest.mark.parametrize("bad", ["7", "session_", "session_x_y", "0" * 33, "..%2f..", "null"])
async def test_any_other_id_is_refused(http: httpx.AsyncClient, bad: str) -> None:
    answer = await http.get(f"session/{bad}")

    assert answer.status_code in (400, 404)
    assert answer.json()["success"] is False


async def test_sessions_come_newest_first_page_by_page(http: httpx.AsyncClient) -> None:
    for name in "abcde":
        await http.post("init-session", json={"sessionName": name})

    names, before = [], None
    while True:
        params = {"limit": 2, **({"before": before} if before else {})}
        page = (await http.get("list-sessions", params=params)).json()
        names += [s["sessionName"] for s in page["sessions"]]
        before = page["next"]
        if before is None:
            break

    assert names == list("edcba")
    assert page["total_count"] == 5


async def test_a_session_is_renamed_and_finalized(http: httpx.AsyncClient, sid: str) -> None:
    renamed = await http.post("session-name-change", json={"sessionId": sid, "sessionName": "Last 2026"})
    empty = await http.post("session-name-change", json={"sessionId": sid, "sessionName": ""})
    done = await http.post("finalize-session", json={"sessionId": sid, "note": {"any": "thing"}})

    whole = (await http.get(f"session/{sid}/database")).json()["session"]
    assert (renamed.status_code, empty.status_code) == (200, 422)
    assert done.json()["data"]["status"] == "finalized"
    assert (whole["sessionName"], whole["finalized"]) == ("Last 2026", True)


async def test_deleting_a_session_leaves_nothing_of_it(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await ready_file(house, sid, "input", "a.csv", "A")
    objects = house.gateway.service_storage.objects
    await objects.put(f"{keys.session(sid)}/x", b"bytes")

    answer = await http.post(f"session/{sid}/delete")

    assert answer.json()["deleted"]["training_sessions"] == 1
    assert await house.records.count(FileRow, {}) == await house.records.count(SessionRow, {}) == 0
    assert await objects.list("sessions") == []
    assert house.post.types() == ["session.deleted"]
    assert (await http.get(f"session/{sid}")).json()["code"] == "SESSION_NOT_FOUND"


async def test_a_session_with_a_live_run_is_deleted_only_by_force(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    run = RunRow(id="0" * 32, owner="local", session_id=sid, dataset_id="1" * 32, models=())
    await house.records.insert([run])

    refused = await http.post(f"session/{sid}/delete")
    forced = await http.post(f"session/{sid}/delete", params={"force": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "TRAINING_IN_PROGRESS")
    assert forced.status_code == 200
    assert house.queue.runs == [run.id]
    assert "cancel.now" in house.post.types()


async def test_deleting_all_needs_confirmation(http: httpx.AsyncClient, sid: str) -> None:
    bare = await http.post("delete-all-sessions", json={})
    meant = await http.post("delete-all-sessions", json={"confirm_delete_all": True})

    assert (bare.status_code, bare.json()["code"]) == (400, "CONFIRMATION_REQUIRED")
    assert meant.json()["deleted_count"] == 1


async def test_cleanup_removes_old_unfinished_uploads_only(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await ready_file(house, sid, "input", "done.csv", "A")
    await http.post("csv-files", json={"sessionId": sid, "fileName": "left.csv", "type": "input"})

    young = await http.post("cleanup", json={})
    old = await http.post("cleanup", json={"max_age_hours": 0})

    assert (young.json()["cleaned"], old.json()["cleaned"]) == (0, 1)
    assert [f.file_name for f in await house.records.select(FileRow, {})] == ["done.csv"]
