"""The gateway dies in mid-upload and in mid-run; the page goes on alone, nothing is lost or told twice."""

import asyncio
import hashlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.storage.connect import open_embedded
from shared.storage.rows import FileRow, RunRow
from trainyard.local import ROOT, LocalSettings, Platform

HERE = Path(__file__).parent
BUILT = ROOT / "services/gateway/web/dist/index.html"
PATIENCE_S = 500
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(PATIENCE_S + 60),
    pytest.mark.skipif(
        not (CHROMIUM and shutil.which("node") and (HERE / "node_modules" / "playwright-core").exists()),
        reason="BROWSER TEST DID NOT RUN: needs chromium, node, and npm install in tests/browser",
    ),
    pytest.mark.skipif(
        not BUILT.exists(), reason="BROWSER TEST DID NOT RUN: the page is not built, make page"
    ),
]


def wide_file(path: Path, n_rows: int = 3000) -> bytes:
    """Write a file of nine megabytes: an hourly load, and a long remark beside every value."""
    start, remark = datetime(2024, 1, 1), "as read by the meter " * 145
    lines = [
        f"{start + timedelta(hours=k):%Y-%m-%d %H:%M:%S},{100 + 20 * ((k % 24) > 7) + (k * 7 % 11)},{remark}"
        for k in range(n_rows)
    ]
    content = "\n".join(["time,Load,Remark", *lines]).encode()
    path.write_bytes(content)
    return content


async def test_a_gateway_that_restarts_costs_nobody_an_action_a_byte_or_an_event(tmp_path: Path) -> None:
    content = wide_file(tmp_path / "load.csv")
    async with Platform(LocalSettings(data_dir=tmp_path / "data", durable=False)) as platform:
        page = await asyncio.create_subprocess_exec(
            "node", str(HERE / "restart.mjs"), platform.url, str(CHROMIUM), str(tmp_path / "load.csv"),
            str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert page.stdout is not None
        assert page.stderr is not None
        killed, last = [], ""
        async with asyncio.timeout(PATIENCE_S):
            async for line in page.stdout:
                last = line.decode()
                if last.startswith("now "):
                    killed.append(last.split()[1])
                    process = platform.services["gateway"].process
                    assert process is not None
                    process.kill()
            complaints = (await page.stderr.read()).decode()
        assert await page.wait() == 0, complaints
        storage = await open_embedded(tmp_path / "data")
        (file,) = await storage.records.select(FileRow, {})
        runs = await storage.records.select(RunRow, {})
        await storage.close()

    seen = json.loads(last)
    assert killed == ["uploading", "training"]
    assert seen["errors"] == []
    assert file.size_bytes == len(content)
    assert file.sha256 in (None, hashlib.sha256(content).hexdigest())
    assert [run.status for run in runs] == ["completed"]
    assert seen["models"] >= 3
    assert len(seen["events"]) == len(set(seen["events"])), "an event was told twice"
    assert seen["events"] == sorted(seen["events"])
