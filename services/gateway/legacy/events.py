"""Events in the words of the earlier frontend: progress that never falls, one end per run."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import sqrt
from typing import Any

from services.gateway.live.messages import PROGRESS, LiveMessage
from services.gateway.runs.phases import (
    DATASET,
    EVALUATING,
    PREPARING,
    TESTING,
    TOTAL,
    TRAINING,
    Step,
)
from services.gateway.runs.progress import RunView
from shared.contracts.kinds import WIRE_NAMES
from shared.storage.rows import OPEN_JOB

LegacyEvent = tuple[str, dict[str, Any]]
COMPLETE, COMPLETE_TOO = "training_complete", "training_completed"
ERROR, ERROR_TOO = "error", "training_error"
CANCELLED = "training_cancelled"
REPORTED = "visualizations_ready"
DATASET_COMPLETE = "dataset_generation_complete"
TERMINAL = frozenset({COMPLETE, COMPLETE_TOO, ERROR_TOO, CANCELLED})
UPLOADS = {
    "upload.completed": "upload_completed",
    "file.ready": "file_ready",
    "file.rejected": "file_rejected",
}
_PHASES: dict[str, tuple[str, str, Step]] = {
    "dataset.requested": ("dataset_generation", "Building the data set", DATASET),
    "dataset.ready": ("dataset_ready", "The data set is built", PREPARING),
    "training.requested": ("training_requested", "Training is about to start", PREPARING),
    "run.planned": ("training", "Training", TRAINING),
    "cancel.requested": ("cancelling", "Stopping", TRAINING),
}


@dataclass(eq=False)
class LegacyEvents:
    """Tells one client about one session.

    It remembers the newest run: which jobs it has, how far each is, the highest percentage told, and
    whether its end was told. Backtests are passed over: the earlier frontend has no words for them and would
    take their end for that of the training.
    """

    _session_id: str
    _run_id: str | None = None
    _shares: dict[str, float] = field(default_factory=dict)
    _epochs: dict[str, int] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _highest: float = 0.0
    _ended: bool = False
    _passed_over: set[str] = field(default_factory=set)

    def pass_over(self, run_id: str) -> None:
        """Tell nothing about a run."""
        self._passed_over.add(run_id)

    def catch_up(self, view: RunView) -> None:
        """Take over what the ledger knows of the newest run, without telling it."""
        self._begin(view.run.id, [job.id for job in view.jobs])
        for job in view.jobs:
            if job.status not in OPEN_JOB:
                self._shares[job.id] = 1.0
        self._highest = view.percent()
        self._ended = view.over

    def tell(self, message: LiveMessage) -> list[LegacyEvent]:
        """Return what a message means to the client, in order."""
        if message.run_id and message.data.get("backtest"):
            self.pass_over(message.run_id)
        if message.run_id in self._passed_over or message.data.get("trial") is not None:
            return []  # the earlier frontend knows no searches
        if message.run_id and message.run_id != self._run_id:
            self._begin(message.run_id, [])
        lines = self._about(message)
        if message.type in _PHASES:
            phase, text, step = _PHASES[message.type]
            lines.insert(0, ("phase_update", {"phase": phase, "message": text, **_stepped(step)}))
        return [(name, {"session_id": self._session_id, **body}) for name, body in lines]

    def _begin(self, run_id: str, jobs: Iterable[str]) -> None:
        self._run_id = run_id
        self._shares = dict.fromkeys(jobs, 0.0)
        self._epochs = {}
        self._began = {}
        self._highest = 0.0
        self._ended = False

    def _about(self, message: LiveMessage) -> list[LegacyEvent]:
        data = message.data
        match message.type:
            case "upload.completed" | "file.ready" | "file.rejected":
                return [(UPLOADS[message.type], dict(data))]
            case "dataset.requested" | "dataset.ready" | "dataset.failed":
                return _dataset(message.type, data)
            case "run.planned":
                self._shares = {job["job_id"]: self._shares.get(job["job_id"], 0.0) for job in data["jobs"]}
                return [self._progress("training", "Training", {}, TRAINING)]
            case "model.done" if data["status"] != "finished":
                self._shares[message.job_id or ""] = 1.0
                return [("model_complete", self._model(message, metrics=None)), self._after(message)]
            case "model.evaluated":
                self._shares[message.job_id or ""] = 1.0
                metrics = data.get("headline", {})
                return [("model_complete", self._model(message, metrics=metrics)), self._after(message)]
            case "run.finished":
                return self._end(message)
            case "run.reported":
                return [(REPORTED, {"run_id": message.run_id, "message": "The pictures are there"})]
            case other if other == PROGRESS:
                return self._heard(message)
        return []

    def _heard(self, message: LiveMessage) -> list[LegacyEvent]:
        """Tell a job's progress, and the losses of each epoch once."""
        if self._ended or message.job_id is None:
            return []
        job, data = message.job_id, message.data
        self._shares[job] = max(self._shares.get(job, 0.0), float(data.get("fraction") or 0.0))
        detail = {
            "model_name": WIRE_NAMES.get(data["kind"], data["kind"]),
            "job_id": job,
            "epoch": data.get("epoch"),
            "total_epochs": data.get("n_epochs"),
            "loss": data.get("loss"),
            "val_loss": data.get("val_loss"),
            "eta_seconds": data.get("eta_seconds"),
        }
        text = f"{data['label']}: {data['phase']}"
        lines = [self._progress(str(data["phase"]), text, detail, TRAINING)]
        told = self._epochs.get(job, 0)
        for one in data.get("curve") or ():
            if one["epoch"] > told:
                self._epochs[job] = told = one["epoch"]
                lines.append(("training_metrics", self._metrics(message, detail, one)))
        return lines

    def _metrics(
        self, message: LiveMessage, detail: Mapping[str, Any], one: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the losses of one epoch."""
        eta, started = detail["eta_seconds"], self._began.setdefault(str(message.job_id), time.time())
        epoch, loss, val_loss = one["epoch"], one["loss"], one["val_loss"]
        return {
            **detail,
            "timestamp": datetime.now(UTC).isoformat(),
            "metrics_type": "real_time",
            "run_id": message.run_id,
            "epoch": epoch,
            "loss": loss,
            "val_loss": val_loss,
            "accuracy": None,
            "val_accuracy": None,
            "root_mean_squared_error": _root(loss),
            "val_root_mean_squared_error": _root(val_loss),
            "eta_formatted": None if eta is None else formatted(eta),
            "progress_percent": self._highest,
            "epoch_duration": round((time.time() - started) / epoch, 3),
        }

    def _after(self, message: LiveMessage) -> LegacyEvent:
        about = {"job_id": message.job_id}
        return self._progress("training", f"{message.data['label']} is done", about, TESTING)

    def _progress(
        self, phase: str, text: str, detail: Mapping[str, Any], step: Step, status: str = "processing"
    ) -> LegacyEvent:
        shares = self._shares.values()
        percent = round(99.0 * sum(shares) / len(shares), 1) if shares else 0.0
        self._highest = max(self._highest, percent)
        names = ("model_name", "epoch", "total_epochs", "loss", "val_loss", "eta_seconds")
        told = {
            "status": status, "progress_percent": self._highest, "phase": phase, "message": text,
            "run_id": self._run_id, **_stepped(step),
        }  # fmt: skip
        return "training_progress", {**dict.fromkeys(names), **told, **detail}

    def _model(self, message: LiveMessage, *, metrics: object) -> dict[str, Any]:
        data = message.data
        return {
            "model_name": WIRE_NAMES.get(data["kind"], data["kind"]),
            "label": data["label"],
            "job_id": message.job_id,
            "run_id": message.run_id,
            "status": data.get("status", "finished"),
            "metrics": metrics,
            "problem": data.get("problem"),
        }

    def _end(self, message: LiveMessage) -> list[LegacyEvent]:
        if self._ended:
            return []
        self._ended = True
        data = message.data
        status, run_id = data["status"], message.run_id
        phase: LegacyEvent = (
            "phase_update",
            {"phase": status, "message": f"Training {status}", **_stepped(EVALUATING)},
        )
        if status == "failed":
            problem = data.get("problem") or {"code": "TRAINING_FAILED", "message": "training failed"}
            body = {"run_id": run_id, "status": "failed", "error": problem["message"], **problem}
            return [phase, (ERROR, body), (ERROR_TOO, body)]
        if status == "cancelled":
            last = self._progress(status, "Training cancelled", {"eta_seconds": None}, TRAINING, status)
            stopped = {"run_id": run_id, "status": status, "message": "Training was cancelled"}
            return [phase, last, (CANCELLED, stopped)]
        self._highest = 100.0
        last = self._progress(status, f"Training {status}", {"eta_seconds": 0.0}, EVALUATING, status)
        last[1]["completed_steps"] = TOTAL
        body = {"run_id": run_id, "status": status, "success": True, "message": "Training completed"}
        return [phase, last, (COMPLETE, body), (COMPLETE_TOO, body)]


def _dataset(kind: str, data: Mapping[str, Any]) -> list[LegacyEvent]:
    """Tell how far a data set is; one that failed is told as an error, too."""
    about = {"dataset_id": data["dataset_id"], "eta_seconds": None}
    if kind == "dataset.requested":
        told = {
            "status": "processing",
            "progress": 5,
            "step": DATASET.name,
            "message": "Building the data set",
        }
        return [("dataset_status_update", {**about, **told})]
    if kind == "dataset.failed":
        problem = data["problem"]
        told = {"status": "failed", "progress": 0, "step": DATASET.name, "message": problem["message"]}
        failed = {**about, **told, "error": problem["message"], "problem": problem}
        return [("dataset_status_update", failed), (ERROR, {**problem, **failed})]
    told = {
        "status": "completed", "progress": 100, "step": PREPARING.name, "message": "The data set is built",
        "n_dat": data["n_windows"],
    }  # fmt: skip
    return [
        ("dataset_status_update", {**about, **told}),
        (DATASET_COMPLETE, {"dataset_count": 1, **about, **told}),
    ]


def _stepped(step: Step) -> dict[str, Any]:
    """Return which of the seven phases this is, under all the names a stepper reads."""
    return {
        "step": step.number, "current_step": step.name, "total_steps": TOTAL,
        "completed_steps": step.number - 1,
    }  # fmt: skip


def formatted(seconds: float) -> str:
    """Return a remaining time for people.

    >>> formatted(75), formatted(3.4)
    ('1m 15s', '3s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _root(loss: float | None) -> float | None:
    return sqrt(loss) if loss is not None and loss >= 0 else None
