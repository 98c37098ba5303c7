"""How far a session is: uploads, and the newest run with its jobs."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.gateway.live.messages import LiveMessage
from services.gateway.runs.phases import DATASET, OF_EVENT, OF_PHASE, TOTAL, TRAINING
from shared.contracts.kinds import WIRE_NAMES, SearchedSpec
from shared.contracts.trials import SEARCH_LOSS
from shared.storage.rows import OPEN_JOB, DatasetRow, JobRow, LogRow, RunRow

_REMEMBERED = 10_000
_SEARCH = 0.9  # share of a model that its search counts as
Phase = Literal["upload", "phase1", "phase2", "phase3", "phase4", "completed"]
IDLE: dict[str, Any] = {
    "run_id": None, "status": "idle", "progress": 0.0, "jobs": [], "message": "No run yet",
    "completed_steps": 0,
    **dict.fromkeys(("current_step", "phase", "eta_seconds", "started_at", "completed_at")),
}  # fmt: skip
_RUN_WORDS = {"waiting": "queued"}  # the others are the same on the wire


class MonotoneProgress:
    """The highest progress ever told per run, so that a job which starts again does not turn it back."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, float] = OrderedDict()

    def raised(self, run_id: str, percent: float) -> float:
        """Return the larger of this and what was told before."""
        highest = max(percent, self._told.pop(run_id, 0.0))
        self._told[run_id] = highest
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return highest


@dataclass(frozen=True)
class RunView:
    """A run, its jobs, and the newest progress of each job by id."""

    run: RunRow
    jobs: Sequence[JobRow]
    progress: Mapping[str, LiveMessage]

    @property
    def over(self) -> bool:
        """Whether the run is over."""
        return self.run.finished_at is not None

    def percent(self) -> float:
        """Return how much is done: 100 only when the verdict of a completed run is in the ledger."""
        if self.run.status == "completed":
            return 100.0
        if self.over:  # stopped: only what was finished counts
            shares = [float(job.status == "finished") for job in self._models()]
        else:
            shares = [self._share(job) for job in self._models()]
        return round(99.0 * sum(shares) / len(shares), 1) if shares else 0.0

    def phase(self) -> str:
        """Return what is going on, in a word."""
        if self.over:
            return self.run.status
        if not self.jobs:
            return "preparing data"
        return "training" if any(job.status in OPEN_JOB for job in self.jobs) else "evaluating"

    def step(self) -> str | None:
        """Return what is going on, in a sentence."""
        if self.over:
            return None
        running = [job.label for job in self.jobs if job.status == "running"]
        return f"Training {', '.join(running)}" if running else self.phase().capitalize()

    def eta_seconds(self) -> float | None:
        """Return the longest remaining time any running job told; what is queued is not in it."""
        told = [
            self.progress[job.id].data.get("eta_seconds")
            for job in self.jobs
            if job.status == "running" and job.id in self.progress
        ]
        known = [float(seconds) for seconds in told if isinstance(seconds, int | float)]
        return round(max(known), 1) if known else None

    def wire(self, monotone_progress: MonotoneProgress) -> dict[str, Any]:
        """Return the answer of ``/status``."""
        run = self.run
        return {
            "run_id": run.id,
            "dataset_id": run.dataset_id,
            "status": _RUN_WORDS.get(run.status, run.status),
            "progress": monotone_progress.raised(run.id, self.percent()),
            "current_step": self.step(),
            "completed_steps": self.completed_steps(),
            "message": self.message(),
            "phase": self.phase(),
            "eta_seconds": self.eta_seconds(),
            "jobs": [self._job(job) for job in self.jobs],
            "started_at": run.started_at,
            "completed_at": run.finished_at,
            "cancel_requested": run.cancel_requested,
            "problem": run.problem.model_dump(mode="json") if run.problem else None,
        }

    def completed_steps(self) -> int:
        """Return how many of the seven phases are done."""
        if self.run.status == "completed":
            return TOTAL
        now = OF_PHASE.get(self.phase()) or (TRAINING if self.jobs else DATASET)
        return now.number - 1

    def message(self) -> str:
        """Return a sentence about the run."""
        if self.run.problem:
            return self.run.problem.message
        return self.step() or f"Training {self.run.status}"

    def _models(self) -> list[JobRow]:
        return [job for job in self.jobs if job.trial is None]

    def _share(self, job: JobRow) -> float:
        if job.status not in OPEN_JOB:
            return 1.0
        if job.status == "searching" and isinstance(job.spec, SearchedSpec):
            trials = [t for t in self.jobs if t.trial and t.trial.model == job.id]
            over = {t.trial.number for t in trials if t.trial and t.status not in OPEN_JOB}
            return _SEARCH * len(over) / job.spec.tune
        told = self.progress.get(job.id)
        fraction = told.data.get("fraction") if told and job.status == "running" else 0.0
        return min(1.0, max(0.0, float(fraction or 0.0)))

    def _job(self, job: JobRow) -> dict[str, Any]:
        told = self.progress.get(job.id)
        latest = told.data if told and job.status == "running" else {}
        return {
            "job_id": job.id,
            "model": WIRE_NAMES[job.kind],
            "kind": job.kind,
            "label": job.label,
            "baseline": job.baseline,
            "trial": job.trial and job.trial.number,
            "trial_of": job.trial and job.trial.model,
            "trial_stage": job.trial and job.trial.stage,
            "trial_loss": job.notes.get(SEARCH_LOSS) if job.trial and job.status == "finished" else None,
            "status": job.status,
            "progress": round(100 * self._share(job), 1),
            "epoch": latest.get("epoch"),
            "total_epochs": latest.get("n_epochs"),
            "loss": latest.get("loss"),
            "val_loss": latest.get("val_loss"),
            "eta_seconds": latest.get("eta_seconds"),
            "seconds": job.seconds,
            "problem": job.problem.model_dump(mode="json") if job.problem else None,
        }


def step_of_log(row: LogRow) -> dict[str, Any]:
    """Return which of the seven phases a line of the log is about, as far as its event says."""
    event = row.details.get("event")
    step = OF_EVENT.get(event) if isinstance(event, str) else None
    return {
        "step_number": step and step.number,
        "step_name": step and step.name,
        "progress_percentage": step and step.percent,
    }


def workflow_phase(view: RunView | None, dataset: DatasetRow | None, *, scored: bool) -> Phase:
    """Return which screen the earlier frontend shows; runs count for more than data sets."""
    if view and not view.over:
        return "phase3"
    if scored:
        return "phase4"
    if dataset is None:
        return "upload"
    return "phase2" if dataset.status == "ready" else "phase1"
