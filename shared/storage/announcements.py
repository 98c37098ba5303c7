"""What a row says when it has ended: the one way from a job or a run to its event."""

from shared.contracts.base import Event
from shared.contracts.events import ModelDone, RunFinished
from shared.storage.rows import JobRow, RunRow


def model_done(cause: Event, job: JobRow) -> ModelDone:
    """Return the event that says how a job ended."""
    return ModelDone.caused_by(
        cause,
        session_id=job.session_id,
        run_id=job.run_id,
        job_id=job.id,
        kind=job.kind,
        label=job.label,
        status=job.status,
        trial=job.trial and job.trial.number,
        seconds=job.seconds,
        problem=job.problem,
    )


def run_finished(cause: Event, run: RunRow, *, best_label: str | None) -> RunFinished:
    """Return the event that says how a closed run ended."""
    return RunFinished.caused_by(
        cause,
        session_id=run.session_id,
        run_id=run.id,
        status=run.status,
        best_job_id=run.best_job_id,
        best_label=best_label,
        backtest=run.backtest is not None,
        problem=run.problem,
    )
