"""The commands of docs/forecasts.md do what the document says, one after another, on a running platform."""

import asyncio
import os
import re
import shutil
import sys
from datetime import datetime, timedelta
from math import pi, sin
from pathlib import Path

import pytest

from shared.contracts.kinds import LinearSpec
from shared.storage.rows import JobRow
from tests.live.conftest import OpenYard
from tests.support.load import CLASSICAL
from trainyard.plan import plan_dataset

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "forecasts.md"
READING = {"timezone": "Europe/Vienna"}


def hourly_load() -> bytes:
    """Return two months that end an hour before the row the document sends."""
    begin, n = datetime(2025, 12, 1), 61 * 24
    rows = (
        f"{begin + timedelta(hours=k):%Y-%m-%d %H:%M},{50 + 8 * sin(k * pi / 12) + 3 * sin(k * 1.7):.3f}"
        for k in range(n)
    )
    return ("time,load\n" + "\n".join(rows) + "\n").encode()


def commands(document: str) -> list[str]:
    """Return the indented commands of a document in order, continued lines joined."""
    found: list[str] = []
    for line in document.splitlines():
        command = line.removeprefix("    ")
        if found and found[-1].endswith("\\"):
            found[-1] += "\n" + command
        elif re.match(r"    (curl|trainyard) ", line):
            found.append(command)
    return found


def test_the_commands_of_a_document_are_found_with_their_continued_lines() -> None:
    document = (
        "text\n\n    curl -X POST $URL/a \\\n      -d '{}'\n    trainyard models $SID   # all\n    not this\n"
    )

    assert commands(document) == ["curl -X POST $URL/a \\\n  -d '{}'", "trainyard models $SID   # all"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
async def test_the_commands_about_forecasts_work_as_they_stand(open_yard: OpenYard, tmp_path: Path) -> None:
    async with open_yard(kinds=CLASSICAL) as yard:
        client = yard.client
        session = await client.create_session("documented")
        file = await client.upload(session, hourly_load(), role="input", name="load.csv", options=READING)
        plan = plan_dataset(
            await client.series(session), target="load", horizon=timedelta(hours=6), timezone="Europe/Vienna"
        )
        run = await client.run(session, plan, (LinearSpec(),))
        await client.wait(session, run.run_id, timeout=120)
        await client.register(session, model="LIN")
        await client.promote(session, model="Last value", reason="somebody to compare with")
        made = await client.forecast(session)
        (job,) = await yard.storage.records.select(JobRow, {"run_id": run.run_id, "kind": "lin"})
        entry = job.files["model.onnx"]
        assert isinstance(entry, dict)
        (tmp_path / "LIN.onnx").write_bytes(await yard.storage.objects.get(str(entry["key"])))
        folder = tmp_path / "bin"
        folder.mkdir()
        trainyard = folder / "trainyard"
        trainyard.write_text(
            f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m trainyard "$@" $TRAINYARD_TEST_URL\n'
        )
        trainyard.chmod(0o755)
        around = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "URL": yard.platform.url,
            "SID": session,
            "ID": made.forecast_id,
            "FILE_ID": file.id,
        }
        said: dict[str, str] = {}
        for command in commands(DOCUMENT.read_text()):
            asks = command.startswith("trainyard ") and not command.startswith("trainyard verify")
            named = {"TRAINYARD_TEST_URL": f"--url {yard.platform.url}" if asks else ""}
            text = command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
            done = await asyncio.create_subprocess_exec(
                "bash", "-c", text, cwd=tmp_path, env=os.environ | around | named,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await asyncio.wait_for(done.communicate(), 120)
            said[command] = output.decode()
            assert done.returncode == 0, f"{command}\n{output.decode()}"

    assert len(said) >= 12
    assert (tmp_path / "tomorrow.csv").exists()
