"""Every event of the platform. Within a version fields are only added, with defaults."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from shared.contracts.base import Event, Id, Message
from shared.contracts.kinds import JobKind, Kind
from shared.contracts.problems import Problem

JobEnd = Literal["finished", "failed", "cancelled"]
RunEnd = Literal["completed", "failed", "cancelled"]


class Facts(BaseModel):
    """A frozen part of an event."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class UploadCompleted(Event):
    """All chunks of a file are stored; nothing of its content is known yet."""

    type: ClassVar[str] = "upload.completed"
    template: ClassVar[str] = "evt.{session_id}.-.upload.{file_id}.completed"

    file_id: Id


class SeriesFacts(Facts):
    """What a user is told about one checked series."""

    series_id: Id
    name: str
    statistics: dict[str, JsonValue] = {}


class FileReady(Event):
    """A file was read, checked and stored as one canonical series per value column."""

    type: ClassVar[str] = "file.ready"
    template: ClassVar[str] = "evt.{session_id}.-.file.{file_id}.ready"

    file_id: Id
    file_name: str
    series: tuple[SeriesFacts, ...] = ()


class FileRejected(Event):
    """A file cannot be used; the problem says what and where."""

    type: ClassVar[str] = "file.rejected"
    template: ClassVar[str] = "evt.{session_id}.-.file.{file_id}.rejected"

    file_id: Id
    file_name: str
    problem: Problem


class RowsArrived(Event):
    """New rows of a checked file are stored; ``version`` counts its batches."""

    type: ClassVar[str] = "rows.arrived"
    template: ClassVar[str] = "evt.{session_id}.-.rows.{file_id}.{version}.arrived"

    file_id: Id
    version: int = Field(ge=1)
    n_rows: int
    since: AwareDatetime = Field(description="the earliest stamp among the rows")


class ForecastsScored(Event):
    """Forecasts were scored against rows that arrived."""

    type: ClassVar[str] = "forecasts.scored"
    template: ClassVar[str] = "evt.{session_id}.-.forecasts.{file_id}.{version}.scored"

    file_id: Id
    version: int = Field(ge=1)
    n_forecasts: int


class ScheduleFired(Event):
    """Something a session does by itself was due, and is over; ``result`` says what came of it."""

    type: ClassVar[str] = "schedule.fired"
    template: ClassVar[str] = "evt.{session_id}.-.schedule.{firing_id}.fired"

    firing_id: Id
    schedule_id: Id
    action: str
    status: str
    local_day: str
    result: dict[str, JsonValue] = {}
    problem: Problem | None = None


class DatasetRequested(Event):
    """Somebody wants the data set whose spec is in the ledger."""

    type: ClassVar[str] = "dataset.requested"
    template: ClassVar[str] = "evt.{session_id}.-.dataset.{dataset_id}.requested"

    dataset_id: Id


class DatasetReady(Event):
    """A data set is built and stored."""

    type: ClassVar[str] = "dataset.ready"
    template: ClassVar[str] = "evt.{session_id}.-.dataset.{dataset_id}.ready"

    dataset_id: Id
    n_windows: int
    n_train: int
    n_validation: int
    n_test: int
    dropped: dict[str, JsonValue] = {}
    findings: tuple[Problem, ...] = Field(default=(), description="what a user should look at")


class DatasetFailed(Event):
    """A data set cannot be built; the problem names the setting or the rows."""

    type: ClassVar[str] = "dataset.failed"
    template: ClassVar[str] = "evt.{session_id}.-.dataset.{dataset_id}.failed"

    dataset_id: Id
    problem: Problem


class TrainingRequested(Event):
    """Somebody wants models trained on a data set, as soon as that is ready."""

    type: ClassVar[str] = "training.requested"
    template: ClassVar[str] = "evt.{session_id}.{run}.training.requested"

    dataset_id: Id
    backtest: bool = Field(default=False, description="the run is a backtest of another")


class JobFacts(Facts):
    """What a user is told about one planned model."""

    job_id: Id
    kind: Kind
    label: str


class RunPlanned(Event):
    """The jobs of a run are written down and queued."""

    type: ClassVar[str] = "run.planned"
    template: ClassVar[str] = "evt.{session_id}.{run}.planned"

    jobs: tuple[JobFacts, ...]
    backtest: bool = Field(default=False, description="the run is a backtest of another")


class CancelRequested(Event):
    """Somebody wants a run, or one job of it, to stop."""

    type: ClassVar[str] = "cancel.requested"
    template: ClassVar[str] = "evt.{session_id}.{run}.cancel.{what}.requested"

    job_id: Id | None = None

    @property
    def what(self) -> str:
        """The job's token in the subject; ``run`` when all of it is meant."""
        return self.job_id or "run"


class ModelDone(Event):
    """A job reached its end: the model is stored, or the problem says why there is none."""

    type: ClassVar[str] = "model.done"
    template: ClassVar[str] = "evt.{session_id}.{run}.model.{job_id}.done"

    job_id: Id
    kind: JobKind
    label: str
    status: JobEnd
    trial: int | None = Field(default=None, description="number of the trial, if the job is one of a search")
    seconds: float | None = None
    problem: Problem | None = None


class ModelEvaluated(Event):
    """A finished model has its scores."""

    type: ClassVar[str] = "model.evaluated"
    template: ClassVar[str] = "evt.{session_id}.{run}.model.{job_id}.evaluated"

    job_id: Id
    kind: JobKind
    label: str
    headline: dict[str, float | None] = {}


class RunFinished(Event):
    """Every job of a run is over and the verdict is in the ledger."""

    type: ClassVar[str] = "run.finished"
    template: ClassVar[str] = "evt.{session_id}.{run}.finished"

    status: RunEnd
    best_job_id: Id | None = None
    best_label: str | None = None
    backtest: bool = Field(default=False, description="the run is a backtest of another")
    problem: Problem | None = None


class RunReported(Event):
    """The report of a closed run is stored: tables, plots, one archive; or ``problem``: why not."""

    type: ClassVar[str] = "run.reported"
    template: ClassVar[str] = "evt.{session_id}.{run}.reported"

    plots: tuple[str, ...] = ()
    problem: Problem | None = None


class SessionDeleted(Event):
    """A session is gone from the ledger; whoever keeps something of it lets go."""

    type: ClassVar[str] = "session.deleted"
    template: ClassVar[str] = "evt.{session_id}.-.session.deleted"


class TrainModel(Event):
    """One model to fit: an entry of the work queue, one per job of a run."""

    type: ClassVar[str] = "train.model"
    stream: ClassVar[str | None] = "JOBS"
    template: ClassVar[str] = "jobs.train.{kind}.{run}.{job_id}"

    job_id: Id
    kind: Kind


class EpochLoss(Facts):
    """The losses after one epoch, which counts from 1."""

    epoch: int
    loss: float
    val_loss: float


class ModelProgress(Message):
    """How far a fit has come; a memory of at most 1,000 per job, of which clients are told the newest.

    ``epoch`` is the newest that is over, ``loss`` and ``val_loss`` are its. ``curve`` holds the epochs that
    ended since the message before, so that each is told once.
    """

    type: ClassVar[str] = "model.progress"
    stream: ClassVar[str | None] = "PROG"
    template: ClassVar[str] = "prog.{session_id}.{run}.{job_id}"

    job_id: Id
    kind: Kind
    label: str
    fraction: float
    phase: str
    epoch: int | None = None
    n_epochs: int | None = None
    loss: float | None = None
    val_loss: float | None = None
    eta_seconds: float | None = None
    trial: int | None = None
    curve: tuple[EpochLoss, ...] = ()


class CancelNow(Message):
    """Tell every replica at once; the ledger's flag is what counts."""

    type: ClassVar[str] = "cancel.now"
    stream: ClassVar[str | None] = None
    template: ClassVar[str] = "ctl.cancel.{run}"

    job_id: Id | None = None


EVENTS: tuple[type[Event], ...] = (
    UploadCompleted, FileReady, FileRejected, DatasetRequested, DatasetReady, DatasetFailed,
    TrainingRequested, RunPlanned, CancelRequested, ModelDone, ModelEvaluated, RunFinished, RunReported,
    SessionDeleted, RowsArrived, ForecastsScored, ScheduleFired,
)  # fmt: skip
MESSAGES: tuple[type[Message], ...] = (*EVENTS, TrainModel, ModelProgress, CancelNow)
