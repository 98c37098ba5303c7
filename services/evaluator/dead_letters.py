"""Dead letters: kept with their payload, and what they were about is marked failed in the ledger."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from services.evaluator.plots import give_up_report
from shared.contracts import events as e
from shared.contracts.base import Event, Message, derive, utc_now
from shared.contracts.problems import Category, Problem
from shared.storage.announcements import model_done, run_finished
from shared.storage.records import Records
from shared.storage.rows import (
    LIVE_JOB,
    LIVE_RUN,
    OPEN_JOB,
    DatasetRow,
    DeadLetterRow,
    FileRow,
    JobRow,
    RunRow,
)

log = structlog.get_logger()

NOT_HANDLED = Problem(
    code="INTERNAL_ERROR",
    message="the platform could not handle this, and has kept it for its operator",
    category=Category.INTERNAL,
    severity="critical",
    suggestions=("Try again; if it fails again, tell the operator the id.",),
)


class DeadLetter(BaseModel):
    """A message a handler gave up on, as the delivery copied it."""

    model_config = ConfigDict(frozen=True)

    subject: str
    stream: str
    sequence: int
    reason: str
    payload: str


class Exhausted(BaseModel):
    """The broker's advisory that a message was delivered as often as allowed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stream: str
    stream_seq: int
    consumer: str


class Streams(Protocol):
    """Stored messages by stream and sequence."""

    async def read(self, stream: str, sequence: int) -> tuple[str, str] | None:
        """Return subject and payload, or None when the message is gone."""
        ...

    async def remove(self, stream: str, sequence: int) -> None:
        """Delete a message that would otherwise stay in a work queue for ever."""
        ...


class DeadLetters:
    """Buries messages."""

    def __init__(self, records: Records, streams: Streams) -> None:
        self._records, self._streams = records, streams
        self._endings: dict[type[Event], Callable[[Event], Awaitable[Message | None]]] = {
            e.UploadCompleted: self._reject_file,
            e.DatasetRequested: self._fail_dataset,
            e.TrainModel: self._fail_job,
            e.ModelDone: self._fail_job,
            e.ModelEvaluated: self._fail_run,
            e.RunFinished: self._no_report,
        }

    async def handle_exhausted(self, advisory: Exhausted) -> list[Message]:
        """Handle a message whose every delivery ended in a crash."""
        found = await self._streams.read(advisory.stream, advisory.stream_seq)
        if found is None:
            return []
        subject, payload = found
        letter = DeadLetter(
            subject=subject,
            stream=advisory.stream,
            sequence=advisory.stream_seq,
            reason=f"every delivery to {advisory.consumer} ended without an answer",
            payload=payload,
        )
        announced = await self.handle(letter)
        if advisory.stream == "JOBS":
            await self._streams.remove(advisory.stream, advisory.stream_seq)
        return announced

    async def handle(self, letter: DeadLetter) -> list[Message]:
        """Keep a dead letter; return the events that say what became of its matter."""
        event = read_event(letter.subject, letter.payload)
        session_id = event.session_id if event else "-"
        await self._records.insert(
            [
                DeadLetterRow(
                    id=derive("dead", letter.stream, str(letter.sequence)),
                    owner="-",
                    session_id=session_id,
                    subject=letter.subject,
                    reason=letter.reason,
                    payload=letter.payload,
                )
            ]
        )
        log.error("dead letter", subject=letter.subject, reason=letter.reason)
        ending = self._endings.get(type(event)) if event else None
        message = await ending(event) if ending and event else None
        return [message] if message else []

    async def _reject_file(self, event: Event) -> Message | None:
        assert isinstance(event, e.UploadCompleted)
        changes = {"status": "rejected", "problem": NOT_HANDLED}
        row = await self._records.update(FileRow, event.file_id, changes, expect={"status": "uploaded"})
        if row is None:
            return None
        return e.FileRejected.caused_by(event, file_id=row.id, file_name=row.file_name, problem=NOT_HANDLED)

    async def _fail_dataset(self, event: Event) -> Message | None:
        assert isinstance(event, e.DatasetRequested)
        changes = {"status": "failed", "problem": NOT_HANDLED}
        row = await self._records.update(
            DatasetRow, event.dataset_id, changes, expect={"status": "requested"}
        )
        return e.DatasetFailed.caused_by(event, dataset_id=row.id, problem=NOT_HANDLED) if row else None

    async def _fail_job(self, event: Event) -> Message | None:
        """A job that cannot be fitted has failed; one that cannot be scored has, too."""
        assert isinstance(event, e.TrainModel | e.ModelDone)
        expected = (*LIVE_JOB, "finished") if isinstance(event, e.ModelDone) else LIVE_JOB
        for status in expected:
            changes = {"status": "failed", "problem": NOT_HANDLED}
            row = await self._records.update(JobRow, event.job_id, changes, expect={"status": status})
            if row is not None:
                return model_done(event, row)
        return None

    async def _fail_run(self, event: Event) -> Message | None:
        """A run that cannot be closed although nothing is left to do has failed."""
        assert isinstance(event, e.ModelEvaluated)
        jobs = await self._records.select(JobRow, {"run_id": event.run_id or ""})
        if any(job.status in OPEN_JOB for job in jobs):
            return None  # its last model will try again
        changes = {"status": "failed", "problem": NOT_HANDLED, "finished_at": utc_now()}
        for status in LIVE_RUN:
            row = await self._records.update(RunRow, event.run_id or "", changes, expect={"status": status})
            if row is not None:
                return run_finished(event, row, best_label=None)
        return None

    async def _no_report(self, event: Event) -> Message | None:
        """The report of a run cannot be written; how the run ended stays as it is."""
        run = await self._records.get(RunRow, event.run_id or "")
        if run is None or run.reported:
            return None
        await give_up_report(self._records, run, NOT_HANDLED)
        return e.RunReported.caused_by(event, problem=NOT_HANDLED)


def read_event(subject: str, payload: str | bytes) -> Event | None:
    """Return the event a subject and payload carry, or None when they cannot be read."""
    kinds: tuple[type[Event], ...] = (*e.EVENTS, e.TrainModel)
    for kind in kinds:
        if kind.matches(subject):
            try:
                return kind.model_validate_json(payload)
            except ValidationError:
                return None
    return None
