"""The page in a real Chromium on the whole platform: upload, run, progress, reload, results, download."""

import asyncio
import json
import math
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainyard.local import LocalSettings, Platform

HERE = Path(__file__).parent
PATIENCE_S = 400  # the page waits up to 120 s for each of its steps: a machine with cold caches
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(PATIENCE_S + 60),
    pytest.mark.skipif(
        not (CHROMIUM and shutil.which("node") and (HERE / "node_modules" / "playwright-core").exists()),
        reason="BROWSER TEST DID NOT RUN: needs chromium, node, and npm install in tests/browser",
    ),
]


def hourly_load(n_days: int) -> str:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = (
        f"{(start + timedelta(hours=k)).isoformat()},{5 + math.sin(k * math.tau / 24) + 0.01 * (k % 7):.4f}"
        for k in range(24 * n_days)
    )
    return "\n".join(["time,Load", *rows])


async def test_a_user_goes_from_a_file_to_the_leaderboard_and_back_after_a_reload(tmp_path: Path) -> None:
    csv = tmp_path / "load.csv"
    csv.write_text(hourly_load(90))
    async with Platform(LocalSettings(data_dir=tmp_path / "data", durable=False)) as platform:
        process = await asyncio.create_subprocess_exec(
            "node", str(HERE / "page.mjs"), platform.url, str(CHROMIUM), str(csv), str(tmp_path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, complaints = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert process.returncode == 0, complaints.decode()
    seen = json.loads(out)
    assert seen["errors"] == []
    assert seen["progress"] == sorted(seen["progress"])
    assert "LIN" in seen["best"]
    assert seen["models"] == 3
    assert seen["inputs"] >= 2
    assert seen["downloaded"] > 10_000
    assert seen["overflow"] <= 0
    assert seen["operations"] > 40
