"""Where there is much, everything is reachable, and a screen asks for little."""

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from shared.contracts.base import new_id, utc_now
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.storage.connect import open_embedded
from shared.storage.rows import DatasetRow, RunRow, SessionRow
from trainyard.client import AsyncClient
from trainyard.local import ROOT, LocalSettings, Platform

HERE = Path(__file__).parent
BUILT = ROOT / "services/gateway/web/dist/index.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (CHROMIUM and shutil.which("node") and (HERE / "node_modules" / "playwright-core").exists()),
        reason="BROWSER TEST DID NOT RUN: needs chromium, node, and npm install in tests/browser",
    ),
    pytest.mark.skipif(
        not BUILT.exists(), reason="BROWSER TEST DID NOT RUN: the page is not built, make page"
    ),
]
SPEC = DatasetSpec(
    series=(
        SeriesSpec(series_id="a", name="a", role="input", horizon=Horizon(start=-24, end=0)),
        SeriesSpec(series_id="a", name="b", role="output", horizon=Horizon(start=1, end=24)),
    ),
    input_steps=24,
    output_steps=24,
    stride=60,
)


async def fill(folder: Path, session_id: str) -> None:
    """Write two hundred sessions, and fifty finished runs into one more."""
    storage = await open_embedded(folder)
    session = await storage.records.get(SessionRow, session_id)
    assert session is not None
    dataset = DatasetRow(id=new_id(), owner=session.owner, session_id=session.id, spec=SPEC, status="ready")
    runs = [
        RunRow.model_validate(
            {
                "id": new_id(), "owner": session.owner, "session_id": session.id, "dataset_id": dataset.id,
                "models": [{"kind": "lin"}], "status": "completed",
                "started_at": utc_now() - timedelta(hours=k), "finished_at": utc_now(),
                "created_at": utc_now() - timedelta(hours=k),
            }
        )
        for k in range(50)
    ]  # fmt: skip
    sessions = [
        SessionRow(id=new_id(), owner=session.owner, name=f"Station {number}") for number in range(200)
    ]
    await storage.records.insert(sessions)
    await storage.records.insert([dataset])
    await storage.records.insert(runs)
    await storage.close()


async def test_hundreds_of_sessions_are_reachable_and_fifty_runs_take_eight_requests(tmp_path: Path) -> None:
    async with (
        Platform(LocalSettings(data_dir=tmp_path / "data", durable=False)) as platform,
        AsyncClient(platform.url) as client,
    ):
        session = await client.create_session("Many runs")
        await fill(tmp_path / "data", session.replace("-", ""))
        page = await asyncio.create_subprocess_exec(
            "node", str(HERE / "many.mjs"), platform.url, str(CHROMIUM), session,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, complaints = await asyncio.wait_for(page.communicate(), 240)

    assert page.returncode == 0, complaints.decode()
    seen = json.loads(out)
    assert seen["errors"] == []
    assert seen["total"] == seen["reachable"] == 201
    assert "Station 137" in seen["found"]
    assert seen["runs"] == 50
    assert len(seen["asked"]) <= 8, seen["asked"]
