"""The whole platform as processes, its rows and bytes in Supabase, its user signed in."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.rows import (
    ChunkRow,
    DatasetRow,
    FileRow,
    JobRow,
    ResultRow,
    RunRow,
    SeriesRow,
    SessionRow,
)
from tests.support.load import MODELS, READING, short_files, short_plan
from tests.support.supabase import Fault, LocalSupabase
from trainyard.client import ApiError, AsyncClient
from trainyard.local import LocalSettings, Platform
from trainyard.responses import Run

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
QUICK = {"TRAINYARD_EVALUATOR_RECONCILE_EVERY": "PT2S", "TRAINYARD_TRAINER_THREADS": "1"}


@asynccontextmanager
async def _platform(supabase: LocalSupabase, folder: Path) -> AsyncIterator[Platform]:
    settings = LocalSettings(
        data_dir=folder / "yard",
        ack_wait=timedelta(seconds=5),
        durable=False,
        environment={**QUICK, **supabase.environment()},
    )
    async with Platform(settings) as platform:
        yield platform


async def _start_run(client: AsyncClient) -> Run:
    session = await client.create_session("on Supabase")
    for file in short_files():
        await client.upload(session, file.content, role="input", name=file.name, options=READING)
    return await client.run(session, short_plan(await client.series(session)), MODELS)


async def test_a_run_goes_from_csv_to_a_leaderboard_stays_its_users_and_goes_with_its_session(
    supabase: LocalSupabase, service: Storage, tmp_path: Path
) -> None:
    alice, bob = await supabase.new_user(), await supabase.new_user()

    async with (
        _platform(supabase, tmp_path) as platform,
        AsyncClient(platform.url, token=supabase.token(alice)) as mine,
        AsyncClient(platform.url, token=supabase.token(bob)) as theirs,
    ):
        run = await _start_run(mine)
        results = await mine.wait(run.session_id, run.run_id, timeout=240)

        assert results.status == "completed"
        with pytest.raises(ApiError) as refused:
            await theirs.results(run.session_id)
        assert refused.value.answer.code == "SESSION_NOT_FOUND"

        jobs = await service.records.select(JobRow, {"run_id": run.run_id})
        scored = await service.records.select(ResultRow, {"run_id": run.run_id})
        folder = keys.session(jobs[0].session_id)
        stored = await service.objects.list(folder)
        await mine._call("POST", f"/session/{run.session_id}/delete")

    assert {row.owner for row in [*jobs, *scored]} == {alice}
    assert Counter(job.status for job in jobs) == {"finished": len(jobs)}
    assert {row.id for row in scored} == {job.id for job in jobs}
    assert any(key.startswith(keys.run(jobs[0].session_id, run.run_id)) for key in stored)
    assert await service.objects.list(folder) == []
    for kind in (SessionRow, FileRow, ChunkRow, SeriesRow, DatasetRow, RunRow, JobRow, ResultRow):
        assert await service.records.count(kind, {"owner": alice}) == 0


async def test_a_signed_in_user_may_write_all_that_the_gateway_offers(
    supabase: LocalSupabase, service: Storage, tmp_path: Path
) -> None:
    alice = await supabase.new_user()

    async with (
        _platform(supabase, tmp_path) as platform,
        AsyncClient(platform.url, token=supabase.token(alice)) as client,
    ):
        run = await _start_run(client)
        sid, post = run.session_id, partial(client._call, "POST")
        await post(f"/cancel/{sid}", json={"run_id": run.run_id})
        await post("/session-name-change", json={"sessionId": sid, "sessionName": "renamed"})
        await post("/save-zeitschritte", json={"sessionId": sid, "timeSteps": {"input": 24, "output": 12}})
        await post("/save-time-info", json={"sessionId": sid, "timeInfo": {"jahr": True, "zeitzone": "UTC"}})
        await post("/finalize-session", json={"sessionId": sid})
        await post(f"/save-evaluation-tables/{sid}", json={"df_eval": {}, "df_eval_ts": {}})
        files = await client._call("GET", f"/csv-files/{sid}")
        record = files["data"][0] if "data" in files else files["files"][0]
        await client._call("PUT", f"/csv-files/{record['id']}", json={"bezeichnung": "demand, renamed"})
        key = await post("/api-keys", json={"name": "script"})
        async with AsyncClient(platform.url, token=key["key"]) as script:
            status = await _patiently(script, run)
        await client._call("DELETE", f"/csv-files/{record['id']}")
        await post("/cleanup", json={})
        await post("/delete-all-sessions", json={"confirm_delete_all": True})

    assert status in ("cancelled", "completed")
    assert await service.records.count(SessionRow, {"owner": alice}) == 0


OUTAGES: dict[str, Callable[[int, str], Fault | None]] = {
    "away": lambda n, path: "refuse",
    "errors": lambda n, path: "error" if n % 3 == 0 else None,
    "lost answers": lambda n, path: "lost answer" if n % 4 == 0 else None,
}


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("lost answers", 20),
        pytest.param("errors", 20, marks=pytest.mark.slow),
        pytest.param("away", 120, marks=pytest.mark.slow),
    ],
)
async def test_an_outage_in_the_middle_of_a_run_delays_it_and_doubles_nothing(
    supabase: LocalSupabase, service: Storage, tmp_path: Path, kind: str, seconds: float
) -> None:
    alice = await supabase.new_user()

    async with (
        _platform(supabase, tmp_path) as platform,
        AsyncClient(platform.url, token=supabase.token(alice)) as client,
    ):
        run = await _start_run(client)
        await _fail(supabase, kind, seconds)
        results = await _patiently(client, run)

    jobs = await service.records.select(JobRow, {"run_id": run.run_id})
    assert results == "completed"
    assert Counter(job.status for job in jobs) == {"finished": len(jobs)}
    assert len(jobs) == len({job.id for job in jobs})
    assert await service.records.count(ResultRow, {"run_id": run.run_id}) == len(jobs)
    assert await service.records.count(RunRow, {"owner": alice}) == 1


async def _fail(supabase: LocalSupabase, kind: str, seconds: float) -> None:
    asked = 0

    def decide(method: str, path: str) -> Fault | None:
        nonlocal asked
        asked += 1
        return OUTAGES[kind](asked, path)

    supabase.faults.decide = decide
    await asyncio.sleep(seconds)
    supabase.faults.never()
    assert asked > 3


async def _patiently(client: AsyncClient, run: Run) -> str:
    """Ask for the run's end; the gateway itself may say for a while that its store is away."""
    for _ in range(200):
        try:
            status = (await client.status(run.session_id)).status
        except ApiError as error:
            status = "unknown" if error.status == 503 else error.answer.code
        if status in ("completed", "failed", "cancelled"):
            return status
        await asyncio.sleep(1)
    return "still running"
