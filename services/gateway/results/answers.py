"""What the routes of results answer."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from services.gateway.http.wire import Answer, EarlierAnswer
from services.gateway.results.archive import ReportState
from services.gateway.results.scale import Scale
from services.gateway.runs.answers import RunStatus, RunWord
from services.gateway.runs.progress import Phase
from shared.contracts.problems import Problem

Scores = dict[str, float | None]


class BestModel(BaseModel):
    """The winner on validation, with its test scores."""

    job_id: str
    label: str
    model: str
    kind: str
    metrics: Scores


class ModelResult(BaseModel):
    """What a model is, how it went, how it scored."""

    job_id: str
    label: str
    model: str
    kind: str
    baseline: bool
    status: str
    seconds: float | None
    parameters: dict[str, JsonValue]
    notes: dict[str, JsonValue] = Field(description="what its fit found out")
    headline: Scores = Field(description="test scores by name, validation scores as validation_<name>")
    problem: Problem | None


class RunSummary(BaseModel):
    """A run in a few numbers."""

    n_models: int
    n_finished: int
    n_failed: int
    n_cancelled: int
    metric: str
    n_windows: int | None
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    seconds: float | None


class ResultRecord(BaseModel):
    """A run as the earlier database kept it, without the bulk arrays."""

    id: str
    session_id: str
    status: RunWord
    created_at: AwareDatetime
    updated_at: AwareDatetime
    results_metadata: dict[str, JsonValue]
    results: dict[str, Any]


class Results(Answer):
    """The outcome of a run."""

    session_id: str
    run_id: str
    dataset_id: str
    dataset_name: str
    status: RunWord
    message: str
    evaluation_metrics: dict[str, dict[str, Scores]] = Field(description="test scores by data set and model")
    model_performance: dict[str, Any] = Field(description="status, seconds and test scores by model")
    scale: Scale
    best_model: BestModel | None
    model_comparison: list[JsonValue] = Field(description="the leaderboard's rows, best first")
    leaderboard: dict[str, JsonValue] = Field(description="rows, claims and the average of the models")
    models: list[ModelResult]
    summary: RunSummary
    report: ReportState
    problem: Problem | None
    n_dat: int | None = Field(description="windows of the data set")
    created_at: AwareDatetime
    completed_at: AwareDatetime | None
    results: list[ResultRecord] = Field(description="the same run as the earlier frontend reads it")
    count: int
    links: dict[str, str]


class DatasetState(BaseModel):
    """A data set and its report."""

    dataset_id: str
    status: str
    report: dict[str, JsonValue]


class Summary(Answer):
    """What the screen needs after a reload."""

    session_id: str
    n_dat: int | None
    workflow_phase: Phase = Field(
        description="phase1 data set is being built, phase2 it is there, phase3 training, phase4 trained"
    )
    has_training_results: bool
    has_trained_model: bool
    model_count: int
    has_violin_plots: bool
    violin_plot_types: list[str]
    dataset: DatasetState | None
    status: RunStatus
    results: Results | None
    evaluation_metrics: dict[str, dict[str, Scores]]
    best_model: BestModel | None


class Tables(Answer):
    """The scores of one model by output: whole levels, and each step of a level."""

    session_id: str
    run_id: str
    model: str | None = Field(description="label")
    model_type: str | None
    job_id: str | None
    df_eval: dict[str, dict[str, list[float | None]]]
    df_eval_ts: dict[str, dict[str, dict[str, list[float | None]]]]
    scale: Scale
    undefined: dict[str, dict[str, str]] = Field(description="which scores have no meaning here, and why")


class TablesSaved(EarlierAnswer):
    """Tables that are kept."""

    session_id: str
    run_id: str
    saved: bool = True
    message: str
    saved_at: AwareDatetime
