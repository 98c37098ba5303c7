"""A data folder that an earlier release left is read: rows, scores, data set, passports, models, answers."""

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.evaluator.core.scores import Scores
from services.trainer.core.export import load_forecaster
from services.trainer.storage import LedgerModels
from shared.contracts.kinds import KINDS, NEURAL
from shared.models.passport import read_passport
from shared.scoring.forecasts import Forecast
from shared.storage.codecs import bytes_to_arrays
from shared.storage.connect import open_embedded
from shared.storage.rows import (
    DatasetRow,
    FileRow,
    JobRow,
    ResultRow,
    RunRow,
    SeriesRow,
    SessionRow,
)
from shared.windows.dataset import Dataset
from tests.services.gateway.house import BASE, open_house
from trainyard.rerun import replay

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/ledger.sql"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a release's data folder."""
    release: Path = request.param
    shutil.copytree(release / "objects", tmp_path / "data" / "objects")
    with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as ledger:
        ledger.executescript((release / "ledger.sql").read_text())
    ledger.close()
    return tmp_path / "data"


async def test_every_row_is_read_and_says_what_it_said(folder: Path) -> None:
    storage = await open_embedded(folder)
    try:
        (session,) = await storage.records.select(SessionRow, {})
        (run,) = await storage.records.select(RunRow, {})
        jobs = await storage.records.select(JobRow, {})
        results = await storage.records.select(ResultRow, {})
        files, series = await storage.records.select(FileRow, {}), await storage.records.select(SeriesRow, {})

        assert run.session_id == session.id
        assert run.status == "completed"
        assert {job.status for job in jobs} == {"finished"}
        assert {"lin", "dense", "svr_mimo", "last_value", "seasonal_naive", "ensemble"} == {
            j.kind for j in jobs
        }
        assert {file.status for file in files} == {"ready"}
        assert len(series) == len(files) == 2
        for result in results:
            for part in ("validation", "test"):
                stored: Any = result.scores[part]
                headline = Scores.from_json(stored).headline()
                assert {name: headline[name] for name in stored["headline"]} == stored["headline"]
    finally:
        await storage.close()


async def test_the_data_set_has_the_windows_its_row_counts(folder: Path) -> None:
    storage = await open_embedded(folder)
    try:
        (row,) = await storage.records.select(DatasetRow, {})
        dataset = Dataset.open(folder / "objects" / "sessions" / row.session_id / "datasets" / row.id)

        assert len(dataset.indices("train")) == row.report["n_train"]
        assert np.isfinite(dataset.x(dataset.indices("test"))).all()
    finally:
        await storage.close()


@pytest.mark.keras
async def test_every_model_passes_its_passport_and_forecasts_what_it_did(
    folder: Path, tmp_path: Path
) -> None:
    storage = await open_embedded(folder)
    try:
        models = LedgerModels(storage, cache=tmp_path / "cache")
        (tmp_path / "cache").mkdir()
        (row,) = await storage.records.select(DatasetRow, {})
        dataset = Dataset.open(folder / "objects" / "sessions" / row.session_id / "datasets" / row.id)
        for job in await storage.records.select(JobRow, {}):
            stored = await models.local(job.session_id, job.id)

            forecaster = load_forecaster(stored.folder, passport_sha256=stored.passport_sha256)

            (before,) = (folder / "objects").rglob(f"{job.id}/*/forecasts.npz")
            test = Forecast.from_arrays(bytes_to_arrays(before.read_bytes())).test
            same = np.searchsorted(dataset.ref_ns, test.ref_ns)
            forecasts = forecaster.forecast(dataset.x(same, scaled=False).astype(np.float64))
            np.testing.assert_array_equal(dataset.y_true(same), test.y_true)
            np.testing.assert_allclose(forecasts, test.y_pred, rtol=1e-4, atol=1e-3)
            assert read_passport(stored.folder).kind == job.kind
            assert job.kind in (*KINDS, *NEURAL, "ensemble")
    finally:
        await storage.close()


@pytest.mark.keras
async def test_a_run_of_an_earlier_release_is_done_again_and_the_version_that_differs_is_named(
    folder: Path,
) -> None:
    storage = await open_embedded(folder)
    (run,) = await storage.records.select(RunRow, {})
    (row,) = await storage.records.select(DatasetRow, {})
    await storage.close()
    before = {path: path.read_bytes() for path in (folder / "objects").rglob("*") if path.is_file()}

    found = await asyncio.to_thread(replay, run.id, data=folder)

    assert found.dataset["n_windows"] == row.report["n_windows"]
    assert found.dataset["same_rows"]
    assert {one["kind"] for one in found.models} == {
        "lin", "dense", "svr_mimo", "last_value", "seasonal_naive",
    }  # fmt: skip
    assert found.left_out == ("Ensemble: an average of the others",)
    assert found.same or "code" in {one["what"] for one in found.versions}
    assert before == {path: path.read_bytes() for path in (folder / "objects").rglob("*") if path.is_file()}


async def test_the_gateway_tells_the_run_as_it_ended(folder: Path) -> None:
    async with open_house(folder) as house, house.client() as client:
        (run,) = await house.records.select(RunRow, {})

        listed = await client.get(f"{BASE}/sessions")
        results = await client.get(f"{BASE}/results/{run.session_id}")
        models = await client.get(f"{BASE}/list-models-database/{run.session_id}")

        assert listed.status_code == results.status_code == models.status_code == 200
        assert run.session_id.replace("-", "") in listed.text.replace("-", "")
        assert {"LIN", "Dense", "Seasonal naive"} <= set(results.text.split('"'))
        assert "NaN" not in results.text
