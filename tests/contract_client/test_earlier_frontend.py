"""A frontend written for the earlier system, unchanged, against the real platform."""

import asyncio
import base64
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.kinds import BASELINES
from tests.contract_client.frontend import SPLIT, Frontend, csv_file, file_record, model_parameters
from tests.live.conftest import OpenYard
from tests.services.gateway.legacy.test_socketio import BROWSER, Follower

pytestmark = [pytest.mark.live, pytest.mark.keras, pytest.mark.timeout(480)]
SCRIPT = Path(__file__).with_name("test_all_endpoints.sh")


async def prepared(frontend: Frontend) -> None:
    """Open a session with an input and an output, as the frontend does."""
    opened = await frontend.say("init-session", {"metadata": {"who": "a test"}})
    assert opened.status_code in (200, 201), opened.text
    for role, horizon in (("input", (-24, 0)), ("output", (0, 12))):
        answers = await frontend.upload(
            csv_file(), file_record(role, "Last", "load.csv", horizon), chunk=9_000
        )
        assert [a.status_code for a in answers] == [200] * len(answers), answers[-1].text
        assert answers[-1].json()["status"] == "completed"
        assert answers[-1].json()["ignored"] == ["isLastChunk"]
    await frontend.until("session-status", "completed")
    assert (await frontend.say("finalize-session", {})).json()["data"]["status"] == "finalized"


def picture(text: Any) -> bool:
    return base64.b64decode(str(text).partition(",")[2])[:4] == b"\x89PNG"


@pytest.mark.skipif(
    not shutil.which("node") or not (BROWSER / "node_modules" / "socket.io-client").exists(),
    reason="THE EARLIER FRONTEND'S SOCKET DID NOT RUN: npm install in tests/browser first",
)
async def test_from_the_first_chunk_to_the_results(open_yard: OpenYard) -> None:
    async with (
        open_yard(kinds=("lin", "dense", *BASELINES)) as yard,
        httpx.AsyncClient(base_url=yard.platform.url, timeout=90) as http,
    ):
        frontend = Frontend(http)
        await prepared(frontend)
        socket = await Follower.start(yard.platform.url, frontend.session_id, "polling")
        await socket.until("ready")

        built = await frontend.post(
            "generate-datasets", {"model_parameters": {}, "training_split": {}}, wait=60
        )
        assert built.json()["status"] == "completed", built.text
        kinds = {plot["type"] for plot in built.json()["violin_plots"].values()}
        assert kinds == {"input", "time", "output"}

        asked = {"model_parameters": model_parameters("Dense"), "training_split": SPLIT}
        started = (await frontend.post("train-models", asked)).json()
        assert started["status"] == "training_started", started
        assert started["jobs"][0]["job_id"]
        assert (await frontend.until("status", "completed", "failed"))["progress"] == 100
        await socket.until("visualizations_ready", seconds=90)

        await told_live(socket)
        await results_are_there(frontend)
        await losses_are_those_of_the_archive(http, frontend, socket)


async def losses_are_those_of_the_archive(
    http: httpx.AsyncClient, frontend: Frontend, socket: Follower
) -> None:
    download = await http.get(f"/api/training/results/{frontend.session_id}/download")
    facts = json.loads(zipfile.ZipFile(io.BytesIO(download.content)).read("arrays/facts.json"))
    (history,) = [model["history"] for model in facts["models"] if model["label"] == "Dense"]
    told = socket.bodies("training_metrics")
    assert [body["loss"] for body in told] == pytest.approx(history["loss"], rel=1e-12)
    assert [body["val_loss"] for body in told] == pytest.approx(history["val_loss"], rel=1e-12)


async def told_live(socket: Follower) -> None:
    epochs = [body["epoch"] for body in socket.bodies("training_metrics")]
    assert epochs == list(range(1, len(epochs) + 1)) != []
    assert all(body["loss"] and body["val_loss"] for body in socket.bodies("training_metrics"))
    (complete,) = socket.bodies("training_complete")
    assert complete["visualizations"]
    assert complete["best_model"]["label"] in next(iter(complete["evaluation_metrics"].values()))
    assert socket.bodies("training_completed")[0]["success"] is True
    assert socket.bodies("training_progress")[-1]["total_steps"] == 7


async def results_are_there(frontend: Frontend) -> None:
    results = (await frontend.get("results")).json()
    assert set(results["evaluation_metrics"]) == {"dataset_1"}
    summary = (await frontend.get("results-summary")).json()
    assert (summary["workflow_phase"], summary["has_trained_model"]) == ("phase4", True)
    for model in results["models"]:
        tables = (await frontend.get("evaluation-tables", model_id=model["job_id"])).json()
        assert (tables["model"], len(tables["df_eval"]["Last"]["MAE"])) == (model["label"], 12)
    shown = (await frontend.get("visualizations")).json()["plots"]
    assert all(picture(plot["data"]) for plot in shown.values())
    assert {"violin", "forecast", "comparison"} <= {plot["type"] for plot in shown.values()}
    settings = {"num_sbpl": 2, "x_sbpl": "UTC", "y_sbpl_fmt": "original", "y_sbpl_set": "separate Achsen"}
    ticked = {"df_plot_in": {"Last": True, "W_sin": True}, "df_plot_out": {"Last": True}, "df_plot_fcst": {}}
    drawn = await frontend.say("generate-plot", {"plot_settings": settings, **ticked})
    assert picture(drawn.json()["plot_data"]), drawn.text
    scalers = (await frontend.get("scalers")).json()
    assert set(scalers["data"]) == {"input", "output", "metadata"}
    width = len(scalers["data"]["input"])
    scaled = await frontend.post("scale-data", {"input_data": [[100.0] * width], "save_scaled": False})
    assert len(scaled.json()["scaled_data"][0]) == width
    one = {"input_data": [[100.0] * width] * 25, "apply_scaling": True}
    assert (await frontend.post("predict", one)).json()["input_count"] == 1


async def test_what_was_cancelled_hides_no_results_and_opens_none(open_yard: OpenYard) -> None:
    async with (
        open_yard(kinds=("lin", "dense", *BASELINES)) as yard,
        httpx.AsyncClient(base_url=yard.platform.url, timeout=90) as http,
    ):
        frontend = Frontend(http)
        await prepared(frontend)
        first = (await frontend.post("train-models", {"modelConfigurations": {"Linear": {}}})).json()[
            "run_id"
        ]
        assert (await frontend.until("status", "completed", "failed"))["status"] == "completed"
        long = {"modelConfigurations": {"Dense_NN": {"layers": [256, 256], "epochs": 1000, "patience": 0}}}
        await frontend.post("train-models", long)
        await asyncio.sleep(2)
        await frontend.post("cancel")
        stopped = await frontend.until("status", "cancelled", "completed")

        runs = (await frontend.get("runs")).json()["runs"]
        assert stopped["progress"] < 100
        assert (await frontend.get("results")).json()["run_id"] == first
        assert [(run["status"], run["shown"]) for run in runs] == [("cancelled", False), ("completed", True)]
        download = await http.get(f"/api/training/results/{frontend.session_id}/download")
        assert "scalers.json" in zipfile.ZipFile(io.BytesIO(download.content)).namelist()


async def test_the_documents_eight_curls_word_for_word(open_yard: OpenYard) -> None:
    told_codes = "curl() { command curl -s -w '\\nHTTP %{http_code}\\n' \"$@\"; }\n"
    async with open_yard(kinds=("lin", *BASELINES)) as yard:
        script = SCRIPT.read_text().replace("http://localhost:8080", yard.platform.url)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", told_codes + script, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(shell.communicate(), 120)

    # Of a session without data there is nothing to show yet; none of it is the fault of the request.
    codes = [line.removeprefix("HTTP ") for line in out.decode().splitlines() if line.startswith("HTTP ")]
    assert codes == ["201", "200", "200", "404", "404", "404", "404", "200"], out.decode()
