"""What is computed on request: plots, forecasts, scalings and arrays, through the gateway."""

import asyncio
import base64
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.series.arrays import Float64
from tests.live.conftest import OpenYard
from tests.support.load import CLASSICAL, MODELS, short_files, short_plan

pytestmark = [pytest.mark.live, pytest.mark.keras]
API = "/api/training"
ROOT = Path(__file__).parents[2]


async def test_a_finished_run_can_be_asked(open_yard: OpenYard) -> None:
    async with open_yard() as yard, httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        run = await yard.start_run((LinearSpec(),))
        await yard.client.wait(run.session_id, run.run_id, timeout=120)
        session = run.session_id
        spec = short_plan(await yard.client.series(session))

        plotted = await http.post(f"{API}/generate-plot", json={"sessionId": session})
        arrays = await http.get(f"{API}/download-arrays/{session}", params={"scaled": True})
        scalers = await http.get(f"{API}/scalers/{session}")
        data = {"data": {"demand": [4.0, None]}}
        scaled = await http.post(f"{API}/scale-data/{session}", json=data)
        back = await http.post(
            f"{API}/scale-data/{session}", json={"data": scaled.json()["data"], "inverse": True}
        )

        assert plotted.status_code == 200, plotted.text
        assert back.status_code == 200, back.text
        picture = base64.b64decode(plotted.json()["plot"].split(",")[1])
        assert picture.startswith(b"\x89PNG")
        stored = np.load(io.BytesIO(arrays.content), allow_pickle=False)
        assert stored["x"].shape[1:] == (spec.input_steps, len(scalers.json()["scalers"]) - 1)
        assert back.json()["data"]["demand"] == [pytest.approx(4.0), None]

        windows = unscaled(stored["x"][:2], scalers.json()["scalers"])
        answer = await http.post(f"{API}/predict/{session}", json={"input_data": windows.tolist()})
        malformed = await http.post(f"{API}/predict/{session}", json={"input_data": "a lot"})

        assert answer.status_code == 200, answer.text
        assert np.shape(answer.json()["predictions"]) == (2, spec.output_steps, 1)
        assert malformed.status_code == 422
        assert malformed.json()["code"] == "WINDOWS_MALFORMED"


def unscaled(x: Float64, scalers: list[dict[str, Any]]) -> Float64:
    """Return windows in original units from the table of scalings."""
    rows = [row for row in scalers if row["role"] == "input"]
    lo, hi, low, high = (np.array([row[key] for row in rows]) for key in ("lo", "hi", "min", "max"))
    span = np.where(hi == lo, 1.0, hi - lo)
    windows: Float64 = (x - low) / (high - low) * span + lo
    return windows


async def test_a_network_can_be_had_as_h5_by_whoever_asks(open_yard: OpenYard) -> None:
    async with open_yard() as yard, httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        run = await yard.start_run((LinearSpec(), DenseSpec(layers=(8,), epochs=1)))
        await yard.client.wait(run.session_id, run.run_id, timeout=150)
        url, listing = (
            f"{API}/{name}/{run.session_id}" for name in ("download-model-h5", "list-models-database")
        )

        first, again = [await http.get(url, params={"format": "h5"}) for _ in range(2)]
        listed = (await http.get(listing)).json()["data"]["models"]
        linear = next(model["filename"] for model in listed if model["model_type"] == "LIN")
        refused = await http.get(url, params={"format": "h5", "filename": linear})

        assert first.status_code == again.status_code == 200, first.text
        assert first.content.startswith(b"\x89HDF")
        assert first.content == again.content
        assert first.headers["x-content-sha256"] == hashlib.sha256(first.content).hexdigest()
        assert [model["model_type"] for model in listed if model["format"] == "h5"] == ["Dense"]
        assert refused.status_code == 422
        assert refused.json()["code"] == "FORMAT_UNAVAILABLE"


async def test_the_average_of_a_runs_models_forecasts_and_says_what_it_relies_on(open_yard: OpenYard) -> None:
    async with (
        open_yard(kinds=CLASSICAL) as yard,
        httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http,
    ):
        run = await yard.start_run(MODELS)
        results = await yard.client.wait(run.session_id, run.run_id, timeout=120)
        session, told = run.session_id, results.leaderboard["ensemble"]
        rows = {row["job_id"]: row for row in results.leaderboard["rows"]}
        windows = np.random.default_rng(0).normal(5, 1, await shape_of_windows(http, session)).tolist()

        async def forecast(job_id: str) -> Float64:
            body = {"run_id": run.run_id, "job_id": job_id, "input_data": windows}
            answer = await http.post(f"{API}/predict/{session}", json=body)
            assert answer.status_code == 200, answer.text
            return np.array(answer.json()["predictions"])

        averaged = await forecast(told["job_id"])
        expected = sum([m["weight"] * await forecast(m["job_id"]) for m in told["members"]])
        measured = await yard.client.importance(session, job_id=told["job_id"])
        again = await yard.client.importance(session, job_id=told["job_id"])
        files = (await http.get(f"{API}/list-models-database/{session}")).json()["data"]["models"]

        assert rows[told["job_id"]]["kind"] == "ensemble"
        np.testing.assert_allclose(averaged, expected)
        assert again == measured
        assert {"demand", "temperature", "day"} <= {one.name for one in measured.inputs}
        assert measured.inputs[0].rise is not None
        assert measured.inputs[0].rise > 0
        assert [file["format"] for file in files if file["job_id"] == told["job_id"]] == ["json"]


async def shape_of_windows(http: httpx.AsyncClient, session: str) -> tuple[int, int, int]:
    """Return the shape of two windows of a session's data set."""
    arrays = await http.get(f"{API}/download-arrays/{session}", params={"scaled": True})
    stored = np.load(io.BytesIO(arrays.content), allow_pickle=False)
    return 2, *stored["x"].shape[1:]


async def test_a_closed_run_leaves_pictures_a_chronicle_and_an_archive_that_adds_up(
    open_yard: OpenYard, tmp_path: Path
) -> None:
    async with open_yard() as yard, httpx.AsyncClient(base_url=yard.platform.url, timeout=60) as http:
        run = await yard.start_run((LinearSpec(),))
        async with asyncio.timeout(120):
            async for _ in yard.client.watch(run.session_id, run.run_id, until="run.reported"):
                pass

        pictures = (await http.get(f"{API}/visualizations/{run.session_id}")).json()["plots"]
        logs = (await http.get(f"{API}/logs/{run.session_id}")).json()["logs"]

        link = pictures["comparison"]["link"]
        light, dark, again = [await http.get(f"{link}?theme={theme}") for theme in ("light", "dark", "dark")]
        unchanged = await http.get(link, headers={"if-none-match": light.headers["etag"]})

        archive = await yard.client.download(run.session_id, tmp_path / "results.zip", run_id=run.run_id)
        recomputed = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "examples" / "recompute_scores.py"), str(archive)
        )

        assert await recomputed.wait() == 0
        assert {"comparison", "03-lin/forecast"} <= set(pictures)
        assert {answer.content[:4] for answer in (light, dark)} == {b"\x89PNG"}
        assert light.content != dark.content == again.content
        assert unchanged.status_code == 304
        assert "immutable" in unchanged.headers["cache-control"]
        sentences = " | ".join(line["message"] for line in logs)
        assert "demand.csv is checked" in sentences
        assert "the run is finished; best on validation: LIN" in sentences


async def test_the_example_drives_the_platform(open_yard: OpenYard, tmp_path: Path) -> None:
    load = tmp_path / "load.csv"
    load.write_bytes(short_files(900)[0].content)

    async with open_yard() as yard:
        command = [sys.executable, str(ROOT / "examples" / "drive_the_platform.py"), yard.platform.url]
        process = await asyncio.create_subprocess_exec(
            *command, str(load), "demand", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(process.communicate(), 120)

    assert process.returncode == 0, errors.decode()
    assert "run.finished" in output.decode()
    assert "1. " in output.decode()
