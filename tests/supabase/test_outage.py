"""Supabase away, slow, failing, or silent after the work is done: calls repeat, and nothing happens twice."""

import asyncio
import random
import time
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from shared.contracts.base import new_id
from shared.storage.connect import Storage, open_supabase
from shared.storage.objects import ObjectNotFound
from shared.storage.rows import ChunkRow, JobRow, SessionRow
from shared.storage.supabase import (
    Project,
    RetryPolicy,
    SupabaseUnavailable,
    client_for,
    key_headers,
    open_http,
)
from shared.storage.supabase_objects import ObjectChanged
from shared.storage.supabase_records import SupabaseRecords
from tests.supabase.conftest import User
from tests.support.ledger_rows import chunk_row, job_row, session_row
from tests.support.supabase import SECRET_KEY, Fault, LocalSupabase

BIG = bytes(range(256)) * 60_000  # 15 MB: three pieces of a resumable upload


def _first(supabase: LocalSupabase, fault: Fault, times: int, *, method: str | None = None) -> list[str]:
    """Let the first requests of a method fail; return the list of what was asked."""
    asked: list[str] = []

    def decide(asked_method: str, path: str) -> Fault | None:
        if method in (None, asked_method):
            asked.append(f"{asked_method} {path}")
            return fault if len(asked) <= times else None
        return None

    supabase.faults.decide = decide
    return asked


@pytest.mark.parametrize("fault", ["refuse", "error", "lost answer"])
async def test_a_write_that_fails_is_repeated_and_counted_once(
    supabase: LocalSupabase, service: Storage, alice: User, fault: Fault
) -> None:
    job = job_row(alice.session)
    asked = _first(supabase, fault, 2, method="POST")

    new = await service.records.insert([job])

    assert new == 1
    assert len(asked) == 3
    assert await service.records.count(JobRow, {"id": job.id}) == 1


@pytest.mark.parametrize("fault", ["refuse", "error", "lost answer"])
async def test_a_compare_and_set_whose_answer_was_lost_knows_that_it_won(
    supabase: LocalSupabase, service: Storage, alice: User, fault: Fault
) -> None:
    job = job_row(alice.session)
    await service.records.insert([job])
    _first(supabase, fault, 1, method="PATCH")

    won = await service.records.update(JobRow, job.id, {"attempt": 1}, expect={"attempt": 0})

    assert won is not None
    assert (won.attempt, won.revision) == (1, 1)


async def test_a_compare_and_set_that_came_too_late_knows_that_too(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    job = job_row(alice.session).changed(attempt=1)
    await service.records.insert([job])
    _first(supabase, "lost answer", 1, method="PATCH")

    lost = await service.records.update(JobRow, job.id, {"attempt": 1}, expect={"attempt": 0})

    assert lost is None


async def test_a_counter_is_exact_though_every_third_answer_is_lost(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    job = job_row(alice.session)
    await service.records.insert([job])
    dice = random.Random(7)
    outcomes: list[Fault | None] = ["lost answer", "refuse", None, None, None, None]
    supabase.faults.decide = lambda *_: dice.choice(outcomes)
    project = Project(supabase.url, SecretStr(SECRET_KEY))
    patient = open_supabase(project, RetryPolicy(attempts=20, pause_s=0.0001))

    async def count_one() -> None:
        while True:
            now = await patient.records.get(JobRow, job.id)
            assert now is not None
            changes = {"failures": now.failures + 1}
            if await patient.records.update(JobRow, job.id, changes, expect={"revision": now.revision}):
                return

    await asyncio.gather(*(count_one() for _ in range(6)))

    final = await patient.records.get(JobRow, job.id)
    await patient.close()
    assert final is not None
    assert final.failures == final.revision == 6


async def test_an_outage_longer_than_patience_is_unavailable_and_then_over(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    supabase.faults.decide = lambda *_: "refuse"

    with pytest.raises(SupabaseUnavailable):
        await service.records.get(SessionRow, alice.session.id)
    with pytest.raises(SupabaseUnavailable):
        await service.objects.put(f"sessions/{alice.session.id}/a", b"x")
    with pytest.raises(SupabaseUnavailable):
        await service.ping()

    supabase.faults.never()
    assert await service.records.get(SessionRow, alice.session.id) == alice.session


async def test_a_server_that_never_answers_costs_a_time_limit(supabase: LocalSupabase, alice: User) -> None:
    supabase.faults.decide = lambda *_: "hang"
    async with httpx.AsyncClient(timeout=httpx.Timeout(0.2)) as http:
        records = SupabaseRecords(
            client_for(http, supabase.url, key_headers(SECRET_KEY)),
            retries=RetryPolicy(attempts=2, pause_s=0.01),
        )
        started = time.monotonic()

        with pytest.raises(SupabaseUnavailable) as caught:
            await records.get(SessionRow, alice.session.id)

    supabase.faults.never()
    assert caught.value.details == {"reason": "ReadTimeout"}
    assert time.monotonic() - started < 3


async def test_nobody_listening_is_unavailable() -> None:
    project = Project("http://127.0.0.1:9", SecretStr("sb_secret_x"))
    storage = open_supabase(project, RetryPolicy(attempts=2, pause_s=0.01))

    with pytest.raises(SupabaseUnavailable):
        await storage.records.ping()
    with pytest.raises(SupabaseUnavailable):
        await storage.objects.get("sessions/a/b")

    await storage.close()


async def test_a_proxys_page_instead_of_json_is_unavailable(alice: User) -> None:
    page = httpx.MockTransport(lambda request: httpx.Response(200, html="<h1>Maintenance</h1>"))
    async with httpx.AsyncClient(transport=page) as http:
        records = SupabaseRecords(client_for(http, "http://x", {"apikey": "key"}), retries=RetryPolicy.NONE)

        with pytest.raises(SupabaseUnavailable):
            await records.select(SessionRow, {})


async def test_the_database_going_away_and_coming_back(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    supabase.postgres.stop()
    with pytest.raises(SupabaseUnavailable):
        await service.records.insert([job_row(alice.session)])
    supabase.postgres.start()

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            new = await service.records.insert([job_row(alice.session)])
            break
        except SupabaseUnavailable:
            await asyncio.sleep(0.1)

    assert new == 1
    assert await service.objects.list(f"sessions/{alice.session.id}") == []


@pytest.mark.parametrize("fault", ["refuse", "lost answer"])
async def test_a_resumable_upload_goes_on_where_it_was(
    supabase: LocalSupabase, service: Storage, alice: User, fault: Fault
) -> None:
    key = f"sessions/{alice.session.id}/runs/r/model"
    asked = _first(supabase, fault, 1, method="PATCH")

    stored = await service.objects.put(key, BIG)

    assert stored.size_bytes == len(BIG)
    assert await service.objects.get(key) == BIG
    assert len(asked) == (4 if fault == "refuse" else 3)  # a piece that did arrive is not sent again


async def test_a_download_that_breaks_goes_on_where_it_broke(
    supabase: LocalSupabase, service: Storage, alice: User, tmp_path: Path
) -> None:
    key = f"sessions/{alice.session.id}/runs/r/model"
    await service.objects.put(key, BIG)
    asked = _first(supabase, "cut", 2, method="GET")

    await service.objects.fetch(key, tmp_path / "model")

    assert (tmp_path / "model").read_bytes() == BIG
    assert len(asked) == 3


async def test_a_download_never_mixes_two_versions(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    key = f"sessions/{alice.session.id}/runs/r/model"
    await service.objects.put(key, BIG)
    _first(supabase, "cut", 1, method="GET")

    pieces = service.objects.stream(key)
    await anext(pieces)
    await service.objects.put(key, bytes(len(BIG)))

    with pytest.raises(ObjectChanged):
        async for _ in pieces:
            pass


async def test_an_upload_that_failed_leaves_nothing(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    key = f"sessions/{alice.session.id}/runs/r/model"
    supabase.faults.decide = lambda method, _: "refuse" if method == "PATCH" else None

    with pytest.raises(SupabaseUnavailable):
        await service.objects.put(key, BIG)

    supabase.faults.never()
    with pytest.raises(ObjectNotFound):
        await service.objects.get(key)


async def test_a_list_is_whole_though_the_server_cuts_lower_than_we_ask(
    supabase: LocalSupabase, service: Storage, alice: User
) -> None:
    file_id = new_id()
    await service.records.insert([chunk_row(alice.session, file_id=file_id, index=n) for n in range(450)])

    async with open_http() as http:
        http.event_hooks = {"request": [_limit_to_200]}
        records = SupabaseRecords(client_for(http, supabase.url, key_headers(SECRET_KEY)))
        found = await records.select(ChunkRow, {"file_id": file_id}, order="index")

    assert [row.index for row in found] == list(range(450))


async def _limit_to_200(request: httpx.Request) -> None:
    request.url = request.url.copy_set_param("limit", "200")


async def test_a_session_made_twice_at_once_is_made_once(service: Storage, alice: User) -> None:
    session = session_row(alice.id)

    made = await asyncio.gather(*(service.records.insert([session]) for _ in range(10)))

    assert sum(made) == 1
