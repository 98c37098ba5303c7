"""A stored run done again is byte by byte what it was, or the version that is another one is named."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from services.trainer.child.protocol import TrainTask
from services.trainer.child.warm import WarmChild
from services.trainer.rerun import Rerun, RerunImpossible, main, rerun
from shared.contracts.base import new_id, utc_now
from shared.contracts.kinds import DenseSpec, LinearSpec, ModelSpec, SvrMimoSpec
from shared.models.passport import PASSPORT
from shared.series.series import Series
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes
from shared.storage.connect import Storage
from shared.storage.folders import put_tree
from shared.storage.forecast_rows import RowBatchRow
from shared.storage.rows import DatasetRow, JobRow, RunRow, SeriesRow, SessionRow
from shared.storage.verified import without_keys
from shared.windows.dataset import build_dataset, dataset_key
from tests.support.forecasting import hourly_series, small_dataset
from tests.support.runs import ledger

SESSION, RUN, DATASET = new_id(), new_id(), new_id()
OWN = {"owner": "ada", "session_id": SESSION}
ROWS = hourly_series(400)
SPEC = small_dataset(400).spec


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await ledger(tmp_path / "store")
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def worker() -> AsyncIterator[WarmChild]:
    child = WarmChild(warm_for=())
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


async def _silent(progress: object) -> None:
    """Take progress and do nothing."""


async def stored_run(storage: Storage, worker: WarmChild, tmp_path: Path, *models: ModelSpec) -> None:
    """Store a run as the services do: series, data set, models."""
    await storage.records.insert([SessionRow(id=SESSION, owner="ada")])
    build_dataset(SPEC, ROWS).save(tmp_path / "dataset")
    digests = {}
    for name, series in ROWS.items():
        key = keys.series(SESSION, name)
        digests[name] = (await storage.objects.put(key, arrays_to_bytes(series.to_arrays()))).digest
        row = SeriesRow(
            id=name, file_id=name, position=0, name=name, object_key=key, sha256=digests[name],
            statistics={}, quality={}, **OWN,
        )  # fmt: skip
        await storage.records.insert([row])
    prefix = keys.dataset(SESSION, DATASET)
    files = await put_tree(storage.objects, tmp_path / "dataset", prefix)
    used = {one.series_id: digests[one.series_id] for one in SPEC.series}
    dataset = DatasetRow(
        id=DATASET, status="ready", spec=SPEC, object_key=prefix, content_key=dataset_key(SPEC, used),
        report={"files": without_keys(files)}, **OWN,
    )  # fmt: skip
    run = RunRow(id=RUN, dataset_id=DATASET, models=models, status="completed", **OWN)
    await storage.records.insert([dataset])
    await storage.records.insert([run])
    for position, spec in enumerate(models):
        job_id, output = new_id(), tmp_path / f"model-{position}"
        await worker.train(TrainTask(spec=spec, dataset=tmp_path / "dataset", output=output), _silent)
        stored = await put_tree(storage.objects, output, keys.attempt(SESSION, RUN, job_id, 1))
        job = JobRow(
            id=job_id, run_id=RUN, dataset_id=DATASET, position=position, kind=spec.kind, label=spec.kind,
            spec=spec, status="finished", attempt=1, files=stored, **OWN,
        )  # fmt: skip
        await storage.records.insert([job])


async def again(storage: Storage, worker: WarmChild, tmp_path: Path) -> Rerun:
    return await rerun(storage, RUN, worker, tmp_path / new_id(), threads=None)


@pytest.mark.keras
async def test_a_run_done_again_has_the_same_data_set_scores_and_model_bytes(
    storage: Storage, worker: WarmChild, tmp_path: Path
) -> None:
    models = (LinearSpec(), SvrMimoSpec(), DenseSpec(layers=(8,), epochs=2))
    await stored_run(storage, worker, tmp_path, *models)

    found = await again(storage, worker, tmp_path)

    assert {one.kind: one.differ for one in found.models if one.differ} == {}
    assert found.same, found
    assert [one.kind for one in found.models] == ["lin", "svr_mimo", "dense"]
    assert found.dataset.same_rows
    assert found.versions == ()
    assert found.models[0].scores["test"]["mae"][0] is not None


async def test_rows_that_came_after_the_run_are_left_out_when_it_is_done_again(
    storage: Storage, worker: WarmChild, tmp_path: Path
) -> None:
    await stored_run(storage, worker, tmp_path, LinearSpec())
    load, later = ROWS["load"], "later.npz"
    late = Series("load", load.times_ns[:1] + 1000 * 3600 * 10**9, np.array([9.0]))
    await storage.objects.put(later, arrays_to_bytes({f"0.{n}": a for n, a in late.to_arrays().items()}))
    batch = RowBatchRow(
        id=new_id(), file_id="load", version=1, available_at=utc_now(), n_rows=1, n_new=1, n_changed=0,
        object_key=later, **OWN,
    )  # fmt: skip
    await storage.records.insert([batch])
    key = keys.series(SESSION, "load")
    await storage.records.update(SeriesRow, "load", {"version": 1, "base_key": key, "object_key": "newer"})

    found = await again(storage, worker, tmp_path)

    assert found.same, found
    assert found.dataset.same_rows


async def test_other_rows_and_other_libraries_are_named(
    storage: Storage, worker: WarmChild, tmp_path: Path
) -> None:
    await stored_run(storage, worker, tmp_path, LinearSpec())
    (job,) = await storage.records.select(JobRow, {})
    entry = dict(job.files[PASSPORT])  # type: ignore[arg-type]  # an object
    passport = json.loads(await storage.objects.get(str(entry["key"])))
    passport["libraries"]["numpy"] = "1.0"
    passport["environment"]["processor"] = "abacus"
    passport["metrics"]["test"]["mae"] = 123.0
    text = json.dumps(passport).encode()
    await storage.objects.put(str(entry["key"]), text)
    changed = {**job.files, PASSPORT: {**entry, "sha256": sha256(text).hexdigest()}}
    await storage.records.update(JobRow, job.id, {"files": changed})
    load = ROWS["load"]
    other = arrays_to_bytes(Series("load", load.times_ns, load.values + 1.0).to_arrays())
    digest = (await storage.objects.put(keys.series(SESSION, "load"), other)).digest
    await storage.records.update(SeriesRow, "load", {"sha256": digest})

    found = await again(storage, worker, tmp_path)

    assert {one.what: one.then for one in found.versions} == {"numpy": "1.0", "processor": "abacus"}
    assert not found.dataset.same_rows
    assert found.dataset.differ
    assert (found.same, found.models[0].same_model, found.models[0].same_scores) == (False, True, False)


async def test_what_is_gone_is_said_and_nothing_is_made_in_its_place(
    storage: Storage, worker: WarmChild, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RerunImpossible, match="no such run"):
        await again(storage, worker, tmp_path)

    await stored_run(storage, worker, tmp_path, LinearSpec())
    await storage.records.delete(SeriesRow, {"id": "load"})
    with pytest.raises(RerunImpossible, match="deleted"):
        await again(storage, worker, tmp_path)
    nowhere = tmp_path / "nowhere"
    assert main([RUN, "--data", str(nowhere)]) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "RERUN_IMPOSSIBLE"
    assert not nowhere.exists()
