"""The data contract of a model: written when it is trained, checked when it forecasts."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.trainer.forecasts import LedgerForecasts
from services.trainer.questions import check_inputs
from services.trainer.storage import LedgerJobs
from shared.contracts.base import new_id
from shared.contracts.data_contract import SeriesContract
from shared.contracts.kinds import LinearSpec
from shared.models.passport import PASSPORT, Passport, write_passport
from shared.storage import keys
from shared.storage.codecs import arrays_to_bytes
from shared.storage.connect import Storage
from shared.storage.data_contract import InputsChanged
from shared.storage.folders import put_tree
from shared.storage.rows import DatasetRow, FileRow, JobRow, SeriesRow, SessionRow
from shared.storage.verified import without_keys
from tests.support.forecasting import hourly_series, small_dataset
from tests.support.runs import ledger

SESSION, RUN, DATASET, JOB = new_id(), new_id(), new_id(), new_id()
OWN = {"owner": "ada", "session_id": SESSION}
READ = {"timezone": "Europe/Vienna", "decimal": ","}


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await ledger(tmp_path / "store")
    await opened.records.insert([SessionRow(id=SESSION, owner="ada")])
    job = JobRow(
        id=JOB, run_id=RUN, dataset_id=DATASET, position=0, kind="lin", label="LIN", spec=LinearSpec(),
        status="finished", **OWN,
    )  # fmt: skip
    small_dataset(300).save(tmp_path / "dataset")
    key = keys.dataset(SESSION, DATASET)
    files = without_keys(await put_tree(opened.objects, tmp_path / "dataset", key))
    dataset = DatasetRow(
        id=DATASET, status="ready", spec=small_dataset(300).spec, object_key=key,
        report={"files": files}, **OWN,
    )  # fmt: skip
    file = FileRow(
        id="f", role="input", file_name="all.csv", total_chunks=1, size_bytes=1, sha256="0" * 64,
        status="ready", options={"timezone": "Europe/Vienna", "interval_end_minutes": 60.0}, **OWN,
    )  # fmt: skip
    await opened.records.insert([job])
    await opened.records.insert([dataset])
    await opened.records.insert([file])
    for position, (name, series) in enumerate(hourly_series(300).items()):
        stored = await opened.objects.put(keys.series(SESSION, name), arrays_to_bytes(series.to_arrays()))
        row = SeriesRow(
            id=name, file_id="f", position=position, name=name, object_key=keys.series(SESSION, name),
            sha256=stored.digest, quality={"file": READ, "step_s": 3600.0}, **OWN,
            statistics={"step_min": 60.0, "min": 1.0, "max": 99.0},
        )  # fmt: skip
        await opened.records.insert([row])
    try:
        yield opened
    finally:
        await opened.close()


async def _then(storage: Storage, tmp_path: Path) -> tuple[SeriesContract, ...]:
    job = await storage.records.get(JobRow, JOB)
    assert job is not None
    return await LedgerJobs(storage, cache=tmp_path, lease=timedelta(seconds=30)).contract(job)


async def _now(storage: Storage, tmp_path: Path) -> tuple[SeriesContract, ...]:
    order = await LedgerForecasts(storage, cache=tmp_path).order(SESSION, JOB, as_of=None)
    assert order.zone == "Europe/Vienna"
    return order.contract


def _model(folder: Path, contract: tuple[SeriesContract, ...]) -> Path:
    folder.mkdir()
    passport = Passport(
        kind="lin", spec=LinearSpec(), seed=None, dataset_sha256="", layout={}, n_windows={}, libraries={},
        contract=contract, metrics={}, notes={}, files={},
    )  # fmt: skip
    write_passport(passport, folder)
    return folder


async def test_what_was_learned_at_upload_is_in_the_passport_and_holds_while_nothing_changes(
    storage: Storage, tmp_path: Path
) -> None:
    contract = await _then(storage, tmp_path)
    model = _model(tmp_path / "model", contract)

    check_inputs(model, await _now(storage, tmp_path))

    load = next(one for one in contract if (one.name, one.role) == ("load", "output"))
    assert (load.column, load.file_name, load.timezone) == ("load", "all.csv", "Europe/Vienna")
    assert (load.step_minutes, load.interval_end_minutes, load.lowest, load.highest) == (
        60.0,
        60.0,
        1.0,
        99.0,
    )
    assert '"contract"' in (model / PASSPORT).read_text()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("timezone", {"quality": {"file": {"timezone": "UTC"}, "step_s": 3600.0}}),
        ("step_minutes", {"quality": {"file": READ, "step_s": 900.0}}),
        ("column", {"name": "load in MW"}),
    ],
)
async def test_a_series_that_is_read_otherwise_is_named_with_what_differs(
    storage: Storage, tmp_path: Path, field: str, changes: dict[str, object]
) -> None:
    model = _model(tmp_path / "model", await _then(storage, tmp_path))
    await storage.records.update(SeriesRow, "load", changes)

    with pytest.raises(InputsChanged) as refused:
        check_inputs(model, await _now(storage, tmp_path))

    problem = refused.value.problem()
    assert (problem.code, problem.details["field"], problem.details["series"]) == (
        "INPUTS_CHANGED", field, "load",
    )  # fmt: skip
    assert field.replace("_", " ") in problem.message


async def test_more_rows_and_larger_values_are_no_change(storage: Storage, tmp_path: Path) -> None:
    model = _model(tmp_path / "model", await _then(storage, tmp_path))
    statistics = {"step_min": 60.0375, "min": -5.0, "max": 250.0}  # the mean step: a gap among the rows
    await storage.records.update(SeriesRow, "load", {"statistics": statistics, "version": 0})

    check_inputs(model, await _now(storage, tmp_path))


async def test_models_of_earlier_releases_expect_nothing(storage: Storage, tmp_path: Path) -> None:
    await storage.records.update(SeriesRow, "load", {"name": "renamed"})
    earlier = _model(tmp_path / "earlier", ())
    text = (earlier / PASSPORT).read_text().replace('"contract": [],', "").replace('"environment": {},', "")
    (earlier / PASSPORT).write_text(text)

    check_inputs(earlier, await _now(storage, tmp_path))

    assert "contract" not in text
