"""The way from a winner to tomorrow's numbers, with rows that go on arriving, while fits run."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from shared.contracts.kinds import LinearSpec, SvrDirectSpec
from tests.live.conftest import OpenYard
from tests.support.load import CLASSICAL, READING, short_files, short_plan
from trainyard.client import ApiError

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
N_ROWS = 1500


async def test_rows_arrive_day_by_day_and_each_day_is_forecast(open_yard: OpenYard, tmp_path: Path) -> None:
    more = {
        file.name: file.content.splitlines()[N_ROWS + 1 : N_ROWS + 1 + 3 * 48] for file in short_files(5000)
    }
    async with open_yard(kinds=CLASSICAL) as yard:
        client = yard.client
        session = await client.create_session("daily")
        ids = {}
        for file in short_files(N_ROWS):
            found = await client.upload(session, file.content, role="input", name=file.name, options=READING)
            ids[file.name] = found.id
        run = await client.run(session, short_plan(await client.series(session)), (LinearSpec(),))
        await client.wait(session, run.run_id, timeout=120)

        first = await client.forecast(session)
        again = await client.forecast(session)
        for day in range(3):
            for name, lines in more.items():
                text = b"\n".join([f"time,{name[:-4]}".encode(), *lines[48 * day : 48 * (day + 1)], b""])
                await client.extend(ids[name], text.decode())
            newest = await client.forecast(session)
            assert (newest.reference_time - first.reference_time).days == day + 1
        past = await client.forecast(session, at=first.reference_time)

        assert again.forecast_id == first.forecast_id
        assert first.timezone == "Australia/Melbourne"
        assert len(first.outputs[0].values) == 12
        assert first.outputs[0].values[0].time > first.reference_time
        assert past.outputs == first.outputs
        assert len(await client.forecasts(session)) >= 4
        with pytest.raises(ApiError, match="beyond the model"):
            await client.forecast(session, horizon=48)
        with pytest.raises(ApiError, match="columns differ"):
            await client.extend(ids["demand.csv"], "time,wind\n2014-06-01 00:00,1\n")
        rows, target = tmp_path / "rows.csv", tmp_path / "tomorrow.csv"
        rows.write_bytes(b"\n".join([b"time,demand", *more["demand.csv"][-2:], b""]))
        job = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "examples" / "daily_forecast.py"), yard.platform.url, session,
            ids["demand.csv"], str(rows), str(target),
        )  # fmt: skip
        assert await asyncio.wait_for(job.wait(), 60) == 0
        assert len(target.read_text().splitlines()) == 13


async def test_a_forecast_waits_for_no_fit(open_yard: OpenYard) -> None:
    async with open_yard(kinds=(*CLASSICAL, "svr_dir")) as yard:
        run = await yard.start_run((LinearSpec(),))
        await yard.client.wait(run.session_id, run.run_id, timeout=120)
        await yard.client.forecast(run.session_id)
        busy = await yard.start_run((SvrDirectSpec(C=1000.0, epsilon=0.001),))
        async for event in yard.client.events(busy.session_id):
            if event.type == "model.progress" and event.data.get("kind") == "svr_dir":
                break

        started = time.perf_counter()
        await yard.client.forecast(run.session_id, horizon=3)
        seconds = time.perf_counter() - started

        status = await yard.client.status(busy.session_id, run_id=busy.run_id)
        assert status.status == "running"
        assert seconds < 10
