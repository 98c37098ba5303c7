"""A search through the API: trials are seen, replicas share them, the winner is ranked like any model."""

import asyncio
import os
import signal

import pytest

from shared.contracts.kinds import BoostSpec, Kind, LinearSpec
from shared.storage.fsck import check_store
from shared.storage.rows import JobRow
from tests.live.conftest import OpenYard

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
KINDS: tuple[Kind, ...] = ("last_value", "seasonal_naive", "lin", "lgbmr")


async def test_trials_of_a_search_survive_a_killed_replica_and_the_winner_is_ranked(
    open_yard: OpenYard,
) -> None:
    async with open_yard(trainers=2, kinds=KINDS) as yard:
        run = await yard.start_run((LinearSpec(), BoostSpec(tune=6, n_estimators=40)))
        seen: list[str | None] = []
        killed = False
        async with asyncio.timeout(200):
            async for event in yard.client.watch(run.session_id, run.run_id):
                if event.data.get("trial") is not None and event.type == "model.done":
                    seen.append(event.job_id)
                    if not killed:
                        killed = True
                        job = await yard.storage.records.get(JobRow, event.job_id or "")
                        assert job is not None
                        os.kill(int((job.leased_by or "").rsplit("-", 2)[1]), signal.SIGKILL)

        results = await yard.client.results(run.session_id)
        jobs = await yard.storage.records.select(JobRow, {"run_id": run.run_id})
        trials = [job for job in jobs if job.trial]
        model = next(job for job in jobs if job.kind == "lgbmr" and not job.trial)
        rows = {row["label"]: row for row in results.leaderboard["rows"]}
        report = await check_store(yard.storage)
        assert results.status == "completed"
        assert set(seen) == {job.id for job in trials}
        assert {job.trial.number for job in trials if job.trial} == set(range(6))
        assert {job.status for job in trials} == {"finished"}
        assert isinstance(model.spec, BoostSpec)
        assert model.spec.n_estimators == 40
        assert isinstance(model.notes["search"], dict)
        assert model.notes["search"]["n_trials"] == 6
        assert rows["LGBMR"]["rank"] is not None
        assert not any("trial" in label for label in rows)
        found = [finding.what for finding in report.errors]
        assert [what for what in found if not what.startswith("plot ")] == []  # drawn after the run
