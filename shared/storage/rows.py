"""The ledger's tables as typed rows. Their ids are derived from what caused them."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, JsonValue

from shared.contracts.backtest import Backtest, BacktestPart
from shared.contracts.kinds import JobKind, JobSpec, ModelSpec
from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec, Role
from shared.contracts.trials import Trial
from shared.storage.forecast_rows import ForecastDocumentRow, ForecastRow, RowBatchRow
from shared.storage.plan_rows import SubscriptionPlanRow, UsageRow, UserSubscriptionRow
from shared.storage.records import Row
from shared.storage.registry_rows import ModelVersionRow, PromotionRuleRow, StageChangeRow
from shared.storage.schedule_rows import FiringRow, ScheduleRow

Json = dict[str, JsonValue]
FileStatus = Literal["receiving", "uploaded", "ready", "rejected"]
DatasetStatus = Literal["requested", "ready", "failed"]
RunStatus = Literal["waiting", "running", "completed", "failed", "cancelled"]
JobStatus = Literal["searching", "queued", "running", "finished", "failed", "cancelled"]
LIVE_RUN: tuple[RunStatus, ...] = ("waiting", "running")
LIVE_JOB: tuple[JobStatus, ...] = ("queued", "running")  # what a replica may take
OPEN_JOB: tuple[JobStatus, ...] = ("searching", *LIVE_JOB)  # what has not ended


class SessionRow(Row):
    """One user's session: files, settings, runs."""

    table: ClassVar[str] = "training_sessions"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("owner", "created_at"),)

    name: str = ""
    finalized: bool = False
    metadata: Json = {}
    time_info: Json = {}
    time_steps: Json = {}


class FileRow(Row):
    """One uploaded file in one role; ``series`` are its checked value columns."""

    table: ClassVar[str] = "training_files"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",),)

    session_id: str
    role: Role
    file_name: str
    generation: int = 0
    total_chunks: int
    size_bytes: int | None = None
    sha256: str | None = None
    status: FileStatus = "receiving"
    settings: Json = {}
    options: Json = {}
    problem: Problem | None = None


class ChunkRow(Row):
    """One chunk that has arrived; the row of its file says when all are safe."""

    durable: ClassVar[bool] = False
    table: ClassVar[str] = "file_chunks"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("file_id",), ("session_id",))

    session_id: str
    file_id: str
    index: int
    size_bytes: int
    fingerprint: str = ""  # rows of earlier releases have none


class SeriesRow(Row):
    """One canonical series: where its bytes are, and what a user is told about it.

    ``version`` counts the batches of rows that came after the upload; the rows of the upload alone stay under
    ``base_key`` then.
    """

    table: ClassVar[str] = "training_series"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("file_id",), ("session_id",))

    session_id: str
    file_id: str
    position: int
    name: str
    object_key: str
    sha256: str
    statistics: Json
    quality: Json
    settings: Json = {}
    version: int = 0
    base_key: str | None = None
    base_sha256: str | None = None


class DatasetRow(Row):
    """A data set somebody asked for, and what became of it."""

    table: ClassVar[str] = "datasets"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",),)

    session_id: str
    name: str = ""
    spec: DatasetSpec
    status: DatasetStatus = "requested"
    failures: int = 0
    content_key: str | None = None
    object_key: str | None = None
    report: Json = {}
    problem: Problem | None = None


class RunRow(Row):
    """One training of several models on one data set.

    A backtest is a run, too: of the models of the run ``backtest_of``, on its data set, fold by fold.
    """

    table: ClassVar[str] = "runs"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("session_id", "created_at"), ("session_id", "backtest_of", "created_at"), ("status",),
    )  # fmt: skip

    session_id: str
    dataset_id: str
    models: tuple[ModelSpec, ...]
    metric: str = "rmse"
    ensemble: bool = True
    backtest_of: str | None = None
    backtest: Backtest | None = None
    status: RunStatus = "waiting"
    cancel_requested: bool = False
    correlation_id: str = ""
    best_job_id: str | None = None
    verdict: Json = {}
    problem: Problem | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def reported(self) -> bool:
        """Whether the report is stored: it adds what it claims to the verdict when it is."""
        return "claims" in self.verdict


class JobRow(Row):
    """One model of a run. ``attempt`` fences: only the attempt that holds the row may finish it.

    ``made``: like ``files``, what was made of its model on request. ``released_at``: its turn in the queue.
    ``backtest``: its samples, if not the usual. ``trial``: if one.
    """

    table: ClassVar[str] = "jobs"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("run_id",), ("session_id",), ("status",), ("owner", "status"),
    )  # fmt: skip

    session_id: str
    run_id: str
    dataset_id: str
    position: int
    kind: JobKind
    label: str
    spec: JobSpec
    baseline: bool = False
    backtest: BacktestPart | None = None
    trial: Trial | None = None
    status: JobStatus = "queued"
    released_at: AwareDatetime | None = None
    cancel_requested: bool = False
    attempt: int = 0
    failures: int = 0
    leased_by: str | None = None
    lease_until: AwareDatetime | None = None
    seconds: float | None = None
    files: Json = {}
    made: Json = {}
    notes: Json = {}
    problem: Problem | None = None


class ResultRow(Row):
    """The scores of one finished model; its id is the job's."""

    table: ClassVar[str] = "training_results"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("run_id",), ("session_id",))

    session_id: str
    run_id: str
    label: str
    kind: JobKind
    scores: Json
    headline: dict[str, float | None] = {}


class LeaseRow(Row):
    """Whoever holds it until ``until`` is the only one doing the named work."""

    table: ClassVar[str] = "leases"

    holder: str
    until: AwareDatetime


class DeadLetterRow(Row):
    """A message nobody could handle, kept with its reason."""

    table: ClassVar[str] = "dead_letters"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id",),)

    session_id: str
    subject: str
    reason: str
    payload: str
    details: Json = {}


class AnswerRow(Row):
    """The answer once given to an Idempotency-Key, kept so that a repeat gets the same."""

    table: ClassVar[str] = "idempotency"

    route: str
    body_sha256: str
    status: int | None = None
    answer: Json = {}


class PlotRow(Row):
    """One picture of a run, and where its bytes are."""

    table: ClassVar[str] = "training_visualizations"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("run_id",), ("session_id",))

    session_id: str
    run_id: str | None = None
    job_id: str | None = None
    name: str
    kind: str
    object_key: str
    settings: Json = {}


class LogRow(Row):
    """One line a user may read about the work; written in batches."""

    table: ClassVar[str] = "training_logs"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("session_id", "created_at"),)

    session_id: str
    run_id: str | None = None
    job_id: str | None = None
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    message: str
    details: Json = {}


class ScalerRow(Row):
    """The fitted scaling of one series of a data set, as plain numbers."""

    table: ClassVar[str] = "scalers"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("dataset_id",), ("session_id",))

    session_id: str
    dataset_id: str
    role: Role
    position: int
    name: str
    parameters: Json


class TableRow(Row):
    """One evaluation table, as it was shown or saved."""

    table: ClassVar[str] = "evaluation_tables"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("run_id",), ("session_id",))

    session_id: str
    run_id: str | None = None
    job_id: str | None = None
    name: str
    content: Json


class ApiKeyRow(Row):
    """A key a user made for programs; only its hash is kept."""

    table: ClassVar[str] = "api_keys"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("owner", "created_at"),)

    name: str = ""
    key_sha256: str
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None


TABLES: tuple[type[Row], ...] = (
    SessionRow, FileRow, ChunkRow, SeriesRow, DatasetRow, RunRow, JobRow, ResultRow, PlotRow, LogRow,
    ScalerRow, TableRow, LeaseRow, DeadLetterRow, AnswerRow, ApiKeyRow, ForecastRow, ForecastDocumentRow,
    RowBatchRow, SubscriptionPlanRow, UserSubscriptionRow, UsageRow, ModelVersionRow, StageChangeRow,
    ScheduleRow, FiringRow, PromotionRuleRow,
)  # fmt: skip
SESSION_TABLES: tuple[type[Row], ...] = (
    FiringRow, ScheduleRow, PromotionRuleRow,
    StageChangeRow, ModelVersionRow, ForecastRow, ForecastDocumentRow, RowBatchRow, PlotRow, LogRow,
    ScalerRow, TableRow, ResultRow, JobRow, RunRow, DatasetRow, SeriesRow, ChunkRow, FileRow,
)  # fmt: skip
