"""What a user keeps is counted, whatever made it; what has no room is not begun and leaves nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.quota import Room
from shared.contracts.base import utc_now
from shared.contracts.kinds import LinearSpec
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.rows import DatasetRow, FileRow, JobRow, RunRow, SessionRow
from tests.services.gateway.house import BASE, House, open_house, ready_file
from tests.support.runs import SPEC

SID = "a" * 32
OWN: dict[str, Any] = {"owner": "anna", "session_id": SID}
LIMIT = 1_000_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway with users, and a session of Anna's in which a file is ready."""
    async with open_house(tmp_path, users=True, gateway_session_bytes=LIMIT) as opened:
        await opened.records.insert([SessionRow(id=SID, owner="anna")])
        await ready_file(opened, SID, "input", "input.csv", "Load")
        await ready_file(opened, SID, "output", "output.csv", "Load")
        yield opened


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client(token="user-anna") as client:
        yield client


def entry(n: int) -> dict[str, Any]:
    return {"a": {"key": "k", "size_bytes": n, "sha256": "0"}}


KEPT = {
    "a data set": DatasetRow(
        id="d1", spec=SPEC, status="ready", object_key="k", report={"files": entry(LIMIT)}, **OWN
    ),
    "arrays made of one": DatasetRow(
        id="d1", spec=SPEC, status="ready", object_key="k", report={"made": entry(LIMIT)}, **OWN
    ),
    "a data set being built": DatasetRow(id="d1", spec=SPEC, report={"expected_bytes": LIMIT}, **OWN),
    "a model": JobRow(
        id="j", run_id="r", dataset_id="d", position=0, kind="lin", label="LIN", spec=LinearSpec(),
        status="finished", files=entry(LIMIT), **OWN,
    ),
    "what was measured of a model": JobRow(
        id="j", run_id="r", dataset_id="d", position=0, kind="lin", label="LIN", spec=LinearSpec(),
        status="finished", made=entry(LIMIT), **OWN,
    ),
    "a report": RunRow(
        id="r", dataset_id="d", models=(LinearSpec(),), status="completed",
        verdict={"archive": {"size_bytes": 10, "report_bytes": LIMIT}}, **OWN,
    ),
    "later rows": RowBatchRow(
        id="b", file_id="f", version=1, available_at=utc_now(), n_rows=LIMIT // 16, n_new=1, n_changed=0,
        object_key="k", **OWN,
    ),
    "an upload": FileRow(
        id="u", role="input", file_name="b.csv", total_chunks=1, size_bytes=LIMIT, status="ready", **OWN
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KEPT)
async def test_what_is_kept_leaves_less_room_and_a_refusal_leaves_nothing(
    house: House, http: httpx.AsyncClient, what: str
) -> None:
    await house.records.insert([KEPT[what]])
    before = await house.gateway.service_storage.objects.list("sessions")

    upload = await http.post(
        f"{BASE}/instant-upload", data={"sessionId": SID}, files={"file": ("c.csv", b"time,x\n")}
    )
    dataset = await http.post(f"{BASE}/generate-datasets/{SID}", json={})

    for answer in (upload, dataset):
        assert (answer.status_code, answer.json()["code"]) == (413, "QUOTA_EXCEEDED"), answer.text
        told = answer.json()["details"]
        assert told["kept_bytes"] + told["asked_bytes"] > told["limit_bytes"] == LIMIT
    assert not house.post.messages
    assert await house.records.count(DatasetRow, {"status": "requested"}) == int(what.endswith("built"))
    assert await house.gateway.service_storage.objects.list("sessions") == before


async def test_data_sets_with_the_same_files_count_once(house: House, http: httpx.AsyncClient) -> None:
    report = {"files": entry(LIMIT // 3)}
    twins = [
        DatasetRow(id=f"d{n}", spec=SPEC, status="ready", object_key="k", report=report, **OWN)
        for n in range(9)
    ]
    await house.records.insert(twins)

    answer = await http.post(f"{BASE}/generate-datasets/{SID}", json={})

    assert answer.status_code == 202, answer.text


async def test_a_run_whose_forecasts_have_no_room_is_not_begun(house: House, http: httpx.AsyncClient) -> None:
    windows = {"n_windows": 90_000, "n_validation": 20_000, "n_test": 10_000}
    ready = DatasetRow(id="1" * 32, spec=SPEC, status="ready", object_key="k", report=windows, **OWN)
    await house.records.insert([ready])

    refused = await http.post(f"{BASE}/train-models/{SID}", json={"models": [{"kind": "lin"}]})

    assert (refused.status_code, refused.json()["code"]) == (413, "QUOTA_EXCEEDED"), refused.text
    assert refused.json()["details"]["asked_bytes"] == 3 * 30_000 * 3 * 16  # with both baselines
    assert await house.records.count(RunRow, {}) == 0
    assert not house.post.messages


async def test_room_that_was_just_made_is_seen_before_anything_is_refused(house: House) -> None:
    room = Room(house.records, house.gateway.settings, {})
    await house.records.insert([KEPT["an upload"].changed(size_bytes=LIMIT - 1)])
    await room.require("anna", SID, 1)
    room.kept["anna"].at -= 2  # as if that were two seconds ago

    await house.records.delete(FileRow, {"id": "u"})
    await room.require("anna", SID, LIMIT // 2)
