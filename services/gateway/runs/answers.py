"""What the routes of runs and data sets answer."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from services.gateway.http.wire import Answer, EarlierAnswer
from shared.contracts.problems import Problem

RunWord = Literal["queued", "running", "completed", "failed", "cancelled"]


class JobAsked(BaseModel):
    """A model that will be trained, and the parameters in use."""

    job_id: str
    model: str
    kind: str
    parameters: dict[str, JsonValue]


class RunStarted(EarlierAnswer):
    """A run that was written down and asked for."""

    status: Literal["training_started"] = "training_started"
    message: str = "Training has started"
    note: str = "Live events and GET /status tell how far it is."
    session_id: str
    run_id: str
    dataset_id: str
    jobs: list[JobAsked]


class DatasetsAsked(EarlierAnswer):
    """Data sets that are being built, or what became of them."""

    status: Literal["processing", "completed", "failed"]
    message: str
    session_id: str
    dataset_ids: list[str]
    dataset_count: int
    n_dat: int | None = Field(None, description="windows of all of them, once they are built")
    dropped: dict[str, JsonValue] | None = Field(None, description="windows left out, by data set and reason")
    violin_plots: dict[str, Any] | None = Field(None, description="one picture per column")
    problems: list[Problem] = Field(default_factory=list)


class CancelAnswer(EarlierAnswer):
    """What a request to stop found."""

    session_id: str
    run_id: str
    job_id: str | None
    status: Literal["cancelling", "already_over"]
    message: str


class JobStatus(BaseModel):
    """How far one model of a run is."""

    job_id: str
    model: str
    kind: str
    label: str
    baseline: bool
    trial: int | None = Field(None, description="number of the trial, if the job is one of a search")
    trial_of: str | None = Field(None, description="the job whose parameters the trial's search is for")
    trial_stage: int | None = Field(None, description="0: on a third of the windows, 1: on all of them")
    trial_loss: float | None = Field(None, description="of a finished trial: what the search compares")
    status: str = Field(description="searching, queued, running, finished, failed or cancelled")
    progress: float = Field(description="percent")
    epoch: int | None
    total_epochs: int | None
    loss: float | None
    val_loss: float | None
    eta_seconds: float | None
    seconds: float | None
    problem: Problem | None


class RunStatus(Answer):
    """How far a run is."""

    session_id: str
    run_id: str | None
    dataset_id: str | None = None
    status: RunWord | Literal["idle"]
    progress: float = Field(description="percent; 100 only when the run is completed")
    current_step: str | None
    total_steps: int = 7
    completed_steps: int = Field(description="of the seven phases")
    phase: str | None
    message: str
    eta_seconds: float | None
    jobs: list[JobStatus]
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    cancel_requested: bool = False
    problem: Problem | None = None


class LogLine(BaseModel):
    """One line about the session's work."""

    level: Literal["debug", "info", "warning", "error", "critical"]
    message: str
    details: dict[str, JsonValue]
    run_id: str | None
    job_id: str | None
    time: AwareDatetime
    step_number: int | None = Field(description="of the seven phases, where the line is about one")
    step_name: str | None
    progress_percentage: int | None


class Logs(Answer):
    """The newest lines about the session's work, oldest first."""

    logs: list[LogLine]
    count: int


class RunEntry(BaseModel):
    """One run of a session."""

    run_id: str
    dataset_id: str
    status: RunWord
    backtest_of: str | None = Field(description="the run it repeats, for a backtest")
    models: list[str] = Field(description="asked for")
    metric: str
    best_model: str | None = Field(description="label of the winner")
    reported: bool
    shown: bool = Field(description="whether GET /results means this one")
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    problem: Problem | None


class Runs(Answer):
    """The runs of a session, newest first."""

    session_id: str
    runs: list[RunEntry]
    count: int
