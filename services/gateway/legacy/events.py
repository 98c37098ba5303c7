"""Events in the words of the earlier frontend: progress that never falls, one end per run."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.gateway.live.messages import PROGRESS, LiveMessage
from services.gateway.runs.progress import RunView
from shared.contracts.kinds import WIRE_NAMES
from shared.storage.rows import LIVE_JOB

LegacyEvent = tuple[str, dict[str, Any]]
COMPLETE, COMPLETE_TOO = "training_complete", "training_completed"
ERROR, ERROR_TOO = "error", "training_error"
DATASET_COMPLETE = "dataset_generation_complete"
TERMINAL = frozenset({COMPLETE, COMPLETE_TOO, ERROR, ERROR_TOO})
UPLOADS = {
    "upload.completed": "upload_completed",
    "file.ready": "file_ready",
    "file.rejected": "file_rejected",
}
_PHASES = {
    "dataset.requested": ("dataset_generation", "Building the data set"),
    "dataset.ready": ("dataset_ready", "The data set is built"),
    "training.requested": ("training_requested", "Training is about to start"),
    "run.planned": ("training", "Training"),
    "cancel.requested": ("cancelling", "Stopping"),
}


class LegacyEvents:
    """Tells one client about one session.

    It remembers the newest run: which jobs it has, how far each is, the highest percentage told, and
    whether its end was told. Backtests are passed over: the earlier frontend has no words for them and would
    take their end for that of the training.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id  # as the client spells it
        self._run_id: str | None = None
        self._shares: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._highest = 0.0
        self._ended = False
        self._passed_over: set[str] = set()

    def pass_over(self, run_id: str) -> None:
        """Tell nothing about a run."""
        self._passed_over.add(run_id)

    def catch_up(self, view: RunView) -> None:
        """Take over what the ledger knows of the newest run, without telling it."""
        self._begin(view.run.id, [job.id for job in view.jobs])
        for job in view.jobs:
            if job.status not in LIVE_JOB:
                self._shares[job.id] = 1.0
        self._highest = view.percent()
        self._ended = view.over

    def tell(self, message: LiveMessage) -> list[LegacyEvent]:
        """Return what a message means to the client, in order."""
        if message.run_id and message.data.get("backtest"):
            self.pass_over(message.run_id)
        if message.run_id in self._passed_over:
            return []
        if message.run_id and message.run_id != self._run_id:
            self._begin(message.run_id, [])
        lines = [*self._phase(message), *self._about(message)]
        return [(name, {"session_id": self._session_id, **body}) for name, body in lines]

    def _begin(self, run_id: str, jobs: Iterable[str]) -> None:
        self._run_id = run_id
        self._shares = dict.fromkeys(jobs, 0.0)
        self._epochs = {}
        self._highest = 0.0
        self._ended = False

    def _phase(self, message: LiveMessage) -> list[LegacyEvent]:
        known = _PHASES.get(message.type)
        return [("phase_update", {"phase": known[0], "message": known[1]})] if known else []

    def _about(self, message: LiveMessage) -> list[LegacyEvent]:
        data = message.data
        match message.type:
            case "upload.completed" | "file.ready" | "file.rejected":
                return [(UPLOADS[message.type], dict(data))]
            case "dataset.requested":
                return [("dataset_status_update", {"status": "processing", "dataset_id": data["dataset_id"]})]
            case "dataset.ready":
                told = {"status": "completed", "dataset_id": data["dataset_id"], "n_dat": data["n_windows"]}
                return [("dataset_status_update", told), (DATASET_COMPLETE, {"dataset_count": 1, **told})]
            case "dataset.failed":
                problem = data["problem"]
                return [("dataset_status_update", {"status": "failed", "error": problem["message"], **data})]
            case "run.planned":
                self._shares = {job["job_id"]: self._shares.get(job["job_id"], 0.0) for job in data["jobs"]}
                return [self._progress("training", "Training", {})]
            case "model.done" if data["status"] != "finished":
                self._shares[message.job_id or ""] = 1.0
                return [("model_complete", self._model(message, metrics=None)), self._after(message)]
            case "model.evaluated":
                self._shares[message.job_id or ""] = 1.0
                metrics = data.get("headline", {})
                return [("model_complete", self._model(message, metrics=metrics)), self._after(message)]
            case "run.finished":
                return self._end(message)
            case other if other == PROGRESS:
                return self._heard(message)
        return []

    def _heard(self, message: LiveMessage) -> list[LegacyEvent]:
        """Tell a job's progress, and its losses once per epoch."""
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
        lines = [self._progress(str(data["phase"]), f"{data['label']}: {data['phase']}", detail)]
        epoch = data.get("epoch")
        if isinstance(epoch, int) and epoch > self._epochs.get(job, 0):
            self._epochs[job] = epoch
            lines.append(("training_metrics", detail))
        return lines

    def _after(self, message: LiveMessage) -> LegacyEvent:
        return self._progress("training", f"{message.data['label']} is done", {"job_id": message.job_id})

    def _progress(self, phase: str, text: str, detail: Mapping[str, Any]) -> LegacyEvent:
        shares = self._shares.values()
        percent = round(99.0 * sum(shares) / len(shares), 1) if shares else 0.0
        self._highest = max(self._highest, percent)
        names = ("model_name", "epoch", "total_epochs", "loss", "val_loss", "eta_seconds")
        told = {"progress_percent": self._highest, "phase": phase, "message": text, "run_id": self._run_id}
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
        self._highest = 100.0
        data = message.data
        status, run_id = data["status"], message.run_id
        last = self._progress(status, f"Training {status}", {"eta_seconds": 0.0})
        phase: LegacyEvent = ("phase_update", {"phase": status, "message": f"Training {status}"})
        if status == "failed":
            problem = data.get("problem") or {"code": "TRAINING_FAILED", "message": "training failed"}
            body = {"run_id": run_id, "error": problem["message"], **problem}
            return [phase, (ERROR, body), (ERROR_TOO, body)]
        body = {"run_id": run_id, "status": status}
        return [phase, last, (COMPLETE, body), (COMPLETE_TOO, body)]
