"""Seven days of a deployed model: rows arrive one day after another, and what follows from them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.kinds import LinearSpec
from shared.storage.forecast_rows import ForecastRow
from shared.storage.records import Records
from shared.storage.schedule_rows import ScheduleRow
from tests.live.conftest import OpenYard
from tests.support.load import CLASSICAL, READING, short_files, short_plan

pytestmark = pytest.mark.live
N_ROWS, DAY, DAYS = 1500, 48, 7


async def test_seven_days_are_forecast_scored_watched_trained_again_and_promoted(open_yard: OpenYard) -> None:
    more = {f.name: f.content.splitlines()[N_ROWS + 1 :][: DAYS * DAY] for f in short_files(5000)}
    async with open_yard(kinds=CLASSICAL) as yard:
        client = yard.client
        session = await client.create_session("seven days")
        ids = {}
        for file in short_files(N_ROWS):
            found = await client.upload(session, file.content, role="input", name=file.name, options=READING)
            ids[file.name] = found.id
        plan = short_plan(await client.series(session))
        first_run = await client.run(session, plan, (LinearSpec(),))
        await client.wait(session, first_run.run_id, timeout=120)

        made = []
        for day in range(DAYS):
            made.append(await client.forecast(session))
            for name, lines in more.items():
                text = b"\n".join([f"time,{name[:-4]}".encode(), *lines[DAY * day : DAY * (day + 1)], b""])
                await client.extend(ids[name], text.decode())
            await _scored(yard.storage.records, made[-1].forecast_id)

        watched = await client.monitoring(session)
        second_run = await client.run(session, plan, (LinearSpec(),))
        await client.wait(session, second_run.run_id, timeout=120)
        by_hand = await client.promote(session, model=made[0].job_id, reason="the first one")
        ruled = await client.promote(session, days=2)
        early = await client.promote(session, days=300)
        registry = await client.promote(session, model="best", reason="trained on a week more")
        after = await client.forecast(session)

        (model,) = watched.models
        (target,) = model.targets
        assert (target.n_forecasts, target.n_values, model.n_open) == (DAYS, DAYS * 12, 0)
        assert target.mae is not None
        assert target.mae > 0
        assert target.skill is not None
        assert {c["level"] for c in target.coverage} == {50.0, 80.0, 95.0}
        assert {one["name"] for one in model.inputs} >= {"demand", "temperature"}
        assert second_run.dataset_id != first_run.dataset_id

        # The second model has not learned from the newest two days: both are compared there.
        assert ruled.judgement is not None
        assert ruled.judgement["n_windows"] > 24
        assert ruled.judgement["decision"] in ("better", "worse", "no_difference"), ruled.judgement
        assert 0 <= ruled.judgement["p_value"] <= 1
        assert (ruled.champion != by_hand.champion) == (ruled.judgement["decision"] == "better")
        assert early.judgement is not None
        assert (early.judgement["decision"], early.judgement["n_windows"]) == ("undecided", 0)

        assert after.version == registry.champion
        assert after.run_id == second_run.run_id

        # A schedule that has been there since yesterday is due at once, and once.
        made_schedule = await client.schedule(session, at="00:00", timezone="UTC")
        row = await yard.storage.records.get(ScheduleRow, made_schedule["schedule"]["schedule_id"])
        assert row is not None
        await yard.storage.records.delete(ScheduleRow, {"id": row.id})
        earlier = datetime.now(UTC) - timedelta(days=2)
        await yard.storage.records.insert([row.model_copy(update={"created_at": earlier})])
        async for event in client.events(session):
            if event.type == "schedule.fired":
                break
        (firing,) = (await client.schedules(session))["firings"]
        assert (firing["status"], firing["result"]["forecast_id"]) == ("done", after.forecast_id)


async def _scored(records: Records, forecast_id: str) -> None:
    """Wait until a forecast has met its truth: the rows' event does it, nobody asks."""
    for _ in range(150):
        row = await records.get(ForecastRow, forecast_id)
        if row is not None and row.scored:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the forecast was not scored within 30 s")
