"""A report that cannot be written: said once, with the reason, and no picture is promised any more."""

from pathlib import Path

from services.evaluator.handlers import report
from services.evaluator.plots import expected_plots
from services.evaluator.report import ReportWriter
from services.evaluator.storage import LedgerResults, LedgerVerdicts
from shared.contracts.events import RunFinished
from shared.storage import keys
from shared.storage.connect import Storage
from shared.storage.rows import DatasetRow, JobRow, PlotRow, ResultRow, RunRow
from tests.support.runs import ledger, planned_run, result_of


async def damaged_run(storage: Storage) -> RunRow:
    """Store a completed run with scores whose data set is not as it was stored."""
    run, jobs = await planned_run(storage, status="completed", verdict={"rows": [{"label": "LIN"}]})
    await storage.records.insert([result_of(jobs[0], 1.0)])
    key = keys.dataset(run.session_id, run.dataset_id)
    await storage.objects.put(f"{key}/x.npy", b"other bytes")
    changes = {"object_key": key, "report": {"files": {"x.npy": {"sha256": "0" * 64}}}}
    await storage.records.update(DatasetRow, run.dataset_id, changes)
    await storage.records.update(JobRow, jobs[0].id, {"status": "finished"})
    await storage.records.insert(expected_plots(run, jobs, {jobs[0].id}))
    return run


async def test_damaged_files_end_in_an_event_that_says_so_and_the_pictures_rows_go(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run = await damaged_run(storage)
    event = RunFinished.first(session_id=run.session_id, run_id=run.id, status="completed")
    writer = ReportWriter(storage, LedgerResults(storage))
    try:
        first, again = [await report(event, LedgerVerdicts(storage), writer) for _ in range(2)]
    finally:
        writer.close()

    left = await storage.records.get(RunRow, run.id)
    assert first is not None
    assert first.problem is not None
    assert first.problem.code == "OBJECT_DAMAGED"
    assert again is not None
    assert again.event_id == first.event_id
    assert left is not None
    assert left.verdict["report_problem"] == first.problem.model_dump(mode="json")
    assert (left.status, left.verdict["rows"]) == ("completed", [{"label": "LIN"}])
    assert not left.reported
    assert await storage.records.select(PlotRow, {"run_id": run.id}) == []
    assert await storage.records.count(ResultRow, {"run_id": run.id}) == 1
    await storage.close()
