"""Dead letters: kept with their payload, and what they were about is marked failed in the ledger."""

from dataclasses import dataclass
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


@dataclass(eq=False)
class DeadLetters:
    """Keeps messages nobody could handle."""

    _records: Records
    _streams: Streams

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
        message = await self._end(event) if event else None
        return [message] if message else []

    async def _end(self, event: Event) -> Message | None:
        """Mark what an event was about as failed, if it is still open, and return the event that says so.

        A job that cannot be fitted has failed; one that cannot be scored has, too, and so has a run that
        cannot be closed although nothing is left to do. A report that cannot be written is given up.
        """
        failed: dict[str, object] = {"status": "failed", "problem": NOT_HANDLED}
        match event:
            case e.UploadCompleted():
                rejected = {"status": "rejected", "problem": NOT_HANDLED}
                file = await self._records.update(
                    FileRow, event.file_id, rejected, expect={"status": "uploaded"}
                )
                if file:
                    return e.FileRejected.caused_by(
                        event, file_id=file.id, file_name=file.file_name, problem=NOT_HANDLED
                    )
            case e.DatasetRequested():
                dataset = await self._records.update(
                    DatasetRow, event.dataset_id, failed, expect={"status": "requested"}
                )
                if dataset:
                    return e.DatasetFailed.caused_by(event, dataset_id=dataset.id, problem=NOT_HANDLED)
            case e.TrainModel() | e.ModelDone():
                for status in (*LIVE_JOB, "finished") if isinstance(event, e.ModelDone) else LIVE_JOB:
                    job = await self._records.update(JobRow, event.job_id, failed, expect={"status": status})
                    if job:
                        return model_done(event, job)
            case e.ModelEvaluated():
                run_id = event.run_id or ""
                jobs = await self._records.select(JobRow, {"run_id": run_id})
                if any(job.status in OPEN_JOB for job in jobs):
                    return None  # its last model will try again
                changes = {**failed, "finished_at": utc_now()}
                for live in LIVE_RUN:
                    run = await self._records.update(RunRow, run_id, changes, expect={"status": live})
                    if run:
                        return run_finished(event, run, best_label=None)
            case e.RunFinished():
                finished = await self._records.get(RunRow, event.run_id or "")
                if finished and not finished.reported:  # how the run ended stays as it is
                    await give_up_report(self._records, finished, NOT_HANDLED)
                    return e.RunReported.caused_by(event, problem=NOT_HANDLED)
        return None


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
