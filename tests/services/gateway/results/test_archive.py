"""A download waits for the report, gets the evaluator's archive, and never anything else."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.live.messages import LiveMessage
from shared.contracts.kinds import LinearSpec
from shared.storage import keys
from shared.storage.rows import ResultRow, RunRow, RunStatus
from tests.services.gateway.house import BASE, House, open_house

RUN, JOB = "2" * 32, "3" * 32
ARCHIVE = b"PK the evaluator's own bytes"


async def store_run(house: House, sid: str, status: RunStatus, *, scored: bool = True) -> None:
    """Write down a run as the evaluator leaves it before it reports."""
    own: dict[str, Any] = {"owner": "local", "session_id": sid}
    run = RunRow(id=RUN, dataset_id="1" * 32, models=(LinearSpec(),), status=status, **own)
    result = ResultRow(id=JOB, run_id=RUN, label="LIN", kind="lin", scores={}, headline={"rmse": 1.0}, **own)
    await house.records.insert([run, result] if scored else [run])


async def store_report(house: House, sid: str) -> None:
    """Store the archive and say so, as the evaluator does."""
    await house.gateway.service_storage.objects.put(keys.archive(sid, RUN), ARCHIVE)
    await house.records.update(RunRow, RUN, {"verdict": {"rows": [], "claims": []}})
    house.gateway.live.hub.publish(LiveMessage(9, "run.reported", sid, RUN, None, {"plots": []}, "{}"))


async def test_a_download_right_after_the_end_of_a_run_waits_for_the_evaluators_archive(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await store_run(house, sid, "completed")

    download = asyncio.create_task(http.get(f"results/{sid}/download"))
    while not len(house.gateway.live.hub):  # noqa: ASYNC110 - a hub tells nobody that somebody listens
        await asyncio.sleep(0.01)
    await store_report(house, sid)
    answer = await download

    assert (answer.status_code, answer.content) == (200, ARCHIVE)
    assert answer.headers["content-disposition"] == 'attachment; filename="trainyard-22222222.zip"'
    assert len(house.gateway.live.hub) == 0


async def test_a_stored_archive_comes_at_once(house: House, http: httpx.AsyncClient, sid: str) -> None:
    await store_run(house, sid, "cancelled")
    await store_report(house, sid)

    answer = await http.get(f"results/{sid}/download")

    assert (answer.status_code, answer.content) == (200, ARCHIVE)


async def test_a_report_that_takes_too_long_is_asked_for_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_report_patience=0.1) as house, house.client() as http:
        sid = (await http.post(f"{BASE}/init-session", json={})).json()["data"]["uuid"].replace("-", "")
        await store_run(house, sid, "completed")

        answer = await http.get(f"{BASE}/results/{sid}/download")

    assert (answer.status_code, answer.json()["code"]) == (503, "REPORT_NOT_READY")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("status", "scored", "code"),
    [("running", True, "NOT_AVAILABLE"), ("failed", False, "NO_REPORT"), ("cancelled", False, "NO_REPORT")],
)
async def test_a_run_without_a_report_says_so_at_once(
    house: House, http: httpx.AsyncClient, sid: str, status: RunStatus, scored: bool, code: str
) -> None:
    await store_run(house, sid, status, scored=scored)

    answer = await http.get(f"results/{sid}/download")

    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_the_results_say_how_far_the_report_is(house: House, http: httpx.AsyncClient, sid: str) -> None:
    await store_run(house, sid, "running")
    states = [(await http.get(f"results/{sid}")).json()["report"]]

    await house.records.update(RunRow, RUN, {"status": "completed"})
    states.append((await http.get(f"results/{sid}")).json()["report"])
    await store_report(house, sid)
    states.append((await http.get(f"results/{sid}")).json()["report"])

    assert states == ["none", "writing", "ready"]


async def test_a_report_that_cannot_be_written_is_not_waited_for(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await store_run(house, sid, "completed")
    problem = {"code": "OBJECT_DAMAGED", "message": "a stored file is not as it was stored"}
    download = asyncio.create_task(http.get(f"results/{sid}/download"))
    while not len(house.gateway.live.hub):  # noqa: ASYNC110 - a hub tells nobody that somebody listens
        await asyncio.sleep(0.01)
    await house.records.update(RunRow, RUN, {"verdict": {"rows": [], "report_problem": problem}})
    house.gateway.live.hub.publish(LiveMessage(9, "run.reported", sid, RUN, None, {"problem": problem}, "{}"))

    waiting, later = await download, await http.get(f"results/{sid}/download")

    assert (waiting.status_code, waiting.json()["code"]) == (404, "REPORT_FAILED")
    assert later.json()["code"] == "REPORT_FAILED"
    assert (await http.get(f"results/{sid}")).json()["report"] == "failed"
