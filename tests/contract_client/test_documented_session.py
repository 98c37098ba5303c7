"""The session docs/http.md opens with, pasted into a shell as it stands."""

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from shared.contracts.kinds import BASELINES
from tests.contract_client.frontend import csv_file
from tests.live.conftest import OpenYard

pytestmark = [pytest.mark.live]
DOCS = Path(__file__).parents[2] / "docs" / "http.md"


async def test_the_session_of_the_documentation_ends_with_a_leaderboard_and_a_forecast(
    open_yard: OpenYard, tmp_path: Path
) -> None:
    _, _, rest = DOCS.read_text().partition("<!-- session: begin -->")
    script = rest.partition("<!-- session: end -->")[0].strip().removeprefix("```bash").removesuffix("```")
    (tmp_path / "load.csv").write_bytes(csv_file())

    async with open_yard(kinds=("lin", *BASELINES)) as yard:
        told = script.replace("http://127.0.0.1:8000", yard.platform.url)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-ec", told, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(shell.communicate(), 300)

    decoder, text, answers = json.JSONDecoder(), out.decode(), []
    while text:
        answer, end = decoder.raw_decode(text)
        answers.append(answer)
        text = text[end:].strip()
    opened, uploaded, started, results, forecast = answers
    assert all(answer["success"] for answer in (opened, uploaded, started, results, forecast))
    assert forecast["run_id"] == started["run_id"]
    assert all(step["value"] is not None for step in forecast["outputs"][0]["values"])
    assert len(started["warnings"]) == 3
    assert results["best_model"]["label"] in next(iter(results["evaluation_metrics"].values()))
    assert zipfile.is_zipfile(tmp_path / "results.zip")
