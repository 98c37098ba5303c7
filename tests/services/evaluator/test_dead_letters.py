"""Dead letters: kept whole, and what they were about is marked failed so that nothing hangs."""

from pathlib import Path

from services.evaluator.dead_letters import NOT_HANDLED, DeadLetter, DeadLetters, Exhausted
from services.evaluator.plots import expected_plots
from shared.contracts.base import Event, new_id
from shared.contracts.events import DatasetRequested, ModelEvaluated, RunFinished, TrainModel, UploadCompleted
from shared.storage.rows import DatasetRow, DeadLetterRow, FileRow, JobRow, PlotRow, RunRow
from tests.support.runs import SPEC, ledger, planned_run


class Stored:
    """Stands for the broker's streams: one message that is there until it is removed."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.removed: list[int] = []

    async def read(self, stream: str, sequence: int) -> tuple[str, str] | None:
        return self.event.subject(), self.event.model_dump_json()

    async def remove(self, stream: str, sequence: int) -> None:
        self.removed.append(sequence)


def letter_of(event: Event) -> DeadLetter:
    return DeadLetter(
        subject=event.subject(), stream="EVT", sequence=7, reason="bug", payload=event.model_dump_json()
    )


async def test_a_file_nobody_can_read_is_rejected_and_the_letter_kept(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, _ = await planned_run(storage)
    own = {"owner": run.owner, "session_id": run.session_id}
    upload = FileRow(id=new_id(), role="input", file_name="a.csv", total_chunks=1, status="uploaded", **own)
    await storage.records.insert([upload])
    event = UploadCompleted.first(session_id=run.session_id, file_id=upload.id)
    dead_letters = DeadLetters(storage.records, Stored(event))

    first, again = await dead_letters.handle(letter_of(event)), await dead_letters.handle(letter_of(event))

    kept = await storage.records.select(DeadLetterRow, {})
    stored = await storage.records.get(FileRow, upload.id)
    assert [message.type for message in first] == ["file.rejected"]
    assert again == []
    assert [(row.reason, row.payload) for row in kept] == [("bug", event.model_dump_json())]
    assert stored is not None
    assert stored.status == "rejected"
    await storage.close()


async def test_a_data_set_nobody_can_build_has_failed(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, _ = await planned_run(storage)
    row = DatasetRow(id=new_id(), owner=run.owner, session_id=run.session_id, spec=SPEC)
    await storage.records.insert([row])
    event = DatasetRequested.first(session_id=run.session_id, dataset_id=row.id)

    said = await DeadLetters(storage.records, Stored(event)).handle(letter_of(event))

    assert [message.type for message in said] == ["dataset.failed"]
    await storage.close()


async def test_a_job_whose_every_delivery_crashed_has_failed_and_leaves_the_queue(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage)
    event = TrainModel.first(session_id=run.session_id, run_id=run.id, job_id=jobs[2].id, kind="lin")
    streams = Stored(event)

    said = await DeadLetters(storage.records, streams).handle_exhausted(
        Exhausted(stream="JOBS", stream_seq=9, consumer="train-lin")
    )

    failed = await storage.records.get(JobRow, jobs[2].id)
    assert [message.type for message in said] == ["model.done"]
    assert failed is not None
    assert failed.status == "failed"
    assert streams.removed == [9]
    await storage.close()


async def test_a_run_nobody_can_close_has_failed_once_its_last_model_is_over(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage)
    event = ModelEvaluated.first(
        session_id=run.session_id, run_id=run.id, job_id=jobs[0].id, kind="lin", label="LIN", headline={}
    )
    dead_letters = DeadLetters(storage.records, Stored(event))

    early = await dead_letters.handle(letter_of(event))
    for job in jobs:
        await storage.records.update(JobRow, job.id, {"status": "finished"})
    late, again = await dead_letters.handle(letter_of(event)), await dead_letters.handle(letter_of(event))

    failed = await storage.records.get(RunRow, run.id)
    assert early == again == []
    assert [message.type for message in late] == ["run.finished"]
    assert failed is not None
    assert failed.status == "failed"
    await storage.close()


async def test_a_letter_nobody_can_read_is_kept_all_the_same(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    letter = DeadLetter(subject="evt.x.-.odd", stream="EVT", sequence=1, reason="?", payload="no json")
    dead_letters = DeadLetters(
        storage.records, Stored(UploadCompleted.first(session_id=new_id(), file_id=new_id()))
    )

    said = await dead_letters.handle(letter)

    assert said == []
    assert len(await storage.records.select(DeadLetterRow, {})) == 1
    await storage.close()


async def test_a_report_nobody_can_write_leaves_the_run_as_it_ended(tmp_path: Path) -> None:
    storage = await ledger(tmp_path)
    run, jobs = await planned_run(storage, status="completed")
    await storage.records.insert(expected_plots(run, jobs, {jobs[0].id}))
    event = RunFinished.first(session_id=run.session_id, run_id=run.id, status="completed")

    said = await DeadLetters(storage.records, Stored(event)).handle(letter_of(event))

    left = await storage.records.get(RunRow, run.id)
    assert [message.type for message in said] == ["run.reported"]
    assert left is not None
    assert (left.status, left.verdict["report_problem"]) == ("completed", NOT_HANDLED.model_dump(mode="json"))
    assert await storage.records.select(PlotRow, {"run_id": run.id}) == []
    await storage.close()
