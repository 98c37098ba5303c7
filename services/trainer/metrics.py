"""What a trainer counts: fits in hand, how they ended and how long they took, the loss while one runs."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.trainer.core.model import Progress
from shared.contracts.kinds import KINDS

_STATUSES = ("finished", "failed", "cancelled")
_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800)


class JobMetrics:
    """Every label value exists from the start, so that a first failure shows as a rise."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._jobs = Counter(
            "trainyard_trainer_jobs", "Jobs that ended here", ["kind", "status"], registry=registry
        )
        self._seconds = Histogram(
            "trainyard_trainer_fit_seconds",
            "Seconds from claim to end",
            ["kind", "status"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._fits = Gauge("trainyard_trainer_fits", "Fits in hand", ["kind"], registry=registry)
        self._again = Counter(
            "trainyard_trainer_takeovers", "Jobs another attempt had begun", ["kind"], registry=registry
        )
        self._loss = Gauge(
            "trainyard_trainer_model_loss", "Loss of the fit in hand", ["kind", "part"], registry=registry
        )
        self._epoch = Gauge(
            "trainyard_trainer_epoch", "Epoch of the fit in hand", ["kind"], registry=registry
        )
        for kind in KINDS:
            self._fits.labels(kind)
            self._again.labels(kind)
            self._epoch.labels(kind)
            for part in ("train", "validation"):
                self._loss.labels(kind, part).set(float("nan"))
            for status in _STATUSES:
                self._jobs.labels(kind, status)
                self._seconds.labels(kind, status)

    def begun(self, kind: str, *, again: bool) -> None:
        """A job was claimed; ``again`` if another attempt had begun it."""
        self._fits.labels(kind).inc()
        if again:
            self._again.labels(kind).inc()

    def advanced(self, kind: str, progress: Progress) -> None:
        """The fit in hand told how far it is."""
        for part, loss in (("train", progress.loss), ("validation", progress.val_loss)):
            if loss is not None:
                self._loss.labels(kind, part).set(loss)
        if progress.epoch is not None:
            self._epoch.labels(kind).set(progress.epoch)

    def let_go(self, kind: str) -> None:
        """The fit is no longer in hand: there is no current loss."""
        self._fits.labels(kind).dec()
        self._epoch.labels(kind).set(0)
        for part in ("train", "validation"):
            self._loss.labels(kind, part).set(float("nan"))

    def ended(self, kind: str, status: str, seconds: float) -> None:
        """A job of this replica came to its end."""
        self._jobs.labels(kind, status).inc()
        self._seconds.labels(kind, status).observe(seconds)
