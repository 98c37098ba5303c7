"""What the gateway answers, as typed values; fields a client does not know are ignored."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue

from shared.contracts.problems import Problem


class Answer(BaseModel):
    """A tolerant, frozen reader of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Series(Answer):
    """One checked value column."""

    series_id: str = Field(validation_alias=AliasChoices("series_id", "seriesId", "id"))
    name: str = Field(validation_alias=AliasChoices("name", "bezeichnung"))
    statistics: dict[str, JsonValue] = {}
    quality: dict[str, JsonValue] = Field(
        default={}, validation_alias=AliasChoices("quality", "qualityReport")
    )


class UploadedFile(Answer):
    """One file, what ingest found in it, or why it was rejected."""

    id: str = Field(validation_alias=AliasChoices("file_id", "fileId", "id"))
    file_name: str = Field(validation_alias=AliasChoices("fileName", "file_name"))
    role: str = Field(validation_alias=AliasChoices("role", "type"))
    status: str
    series: tuple[Series, ...] = ()
    problem: Problem | None = None


class Run(Answer):
    """A run that was started."""

    session_id: str
    run_id: str
    dataset_id: str


class RunStatus(Answer):
    """How far a run is; ``progress`` in percent never falls."""

    status: str
    progress: float = 0.0
    current_step: str | None = None
    phase: str | None = None
    eta_seconds: float | None = None
    jobs: tuple[dict[str, Any], ...] = ()


class RunResults(Answer):
    """The scores of a run."""

    run_id: str | None = None
    status: str
    evaluation_metrics: dict[str, dict[str, dict[str, float | None]]] = {}
    best_model: dict[str, Any] | str | None = None
    leaderboard: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    links: dict[str, Any] = {}


class InputImportance(Answer):
    """How much the loss rises when the windows of one input are exchanged between samples."""

    name: str
    source: str
    rise: float | None = None
    deviation: float | None = None
    relative: float | None = None


class Importance(Answer):
    """What a model relies on, most important input first; losses in training standard deviations."""

    run_id: str
    job_id: str
    model: str
    part: str
    fitted_on_part: bool = False
    loss: float | None = None
    n_windows: int
    n_repeats: int
    seed: int
    inputs: tuple[InputImportance, ...] = ()


class Backtest(Answer):
    """A backtest: its cutoffs at once, its models, best first, when it is over.

    ``folds`` name cutoffs in UTC and by the data set's clock, and the size of the parts; each of ``models``
    has its scores by fold (``folds``), their mean (``test``) and standard deviation (``spread``).
    """

    session_id: str
    run_id: str
    backtest_of: str | None = None
    dataset_id: str
    status: str
    metric: str | None = None
    n_folds: int | None = None
    refit: bool | None = None
    timezone: str | None = None
    folds: tuple[dict[str, Any], ...] = ()
    models: tuple[dict[str, Any], ...] = ()
    best_model: dict[str, Any] | None = None
    problem: Problem | None = None


class Live(Answer):
    """One event of a session; ``seq`` is null for progress, which is not kept."""

    seq: int | None = None
    id: str | None = None
    type: str
    session_id: str
    run_id: str | None = None
    job_id: str | None = None
    time: str | None = None
    data: dict[str, Any] = {}


class Interval(Answer):
    """A prediction interval of one value; ends are None where validation has too few windows."""

    level: float
    lower: float | None = None
    upper: float | None = None


class ForecastValue(Answer):
    """One step of a forecast, stamped by the data's clock."""

    time: datetime
    value: float | None = None
    intervals: tuple[Interval, ...] = ()


class ForecastOutput(Answer):
    """The forecast of one target."""

    name: str
    values: tuple[ForecastValue, ...] = ()


class Forecast(Answer):
    """A forecast of the future: values in original units with intervals, and what they rest on."""

    forecast_id: str
    run_id: str
    job_id: str
    model: str
    version: int | None = None
    passport_sha256: str | None = None
    reference_time: datetime
    timezone: str
    parent_id: str | None = None
    horizon_hours: float
    outputs: tuple[ForecastOutput, ...]
    rows_read: tuple[dict[str, Any], ...] = ()
    filled: tuple[dict[str, Any], ...] = ()
    difference: tuple[dict[str, Any], ...] | None = None

    def table(self) -> list[dict[str, Any]]:
        """Return one row per target and step: time, series, value, and two columns per level."""
        return [
            {"time": value.time, "series": output.name, "value": value.value}
            | {f"{end}_{i.level:g}": getattr(i, end) for i in value.intervals for end in ("lower", "upper")}
            for output in self.outputs
            for value in output.values
        ]

    def frame(self) -> Any:
        """Return ``table`` as a pandas frame indexed by time; pandas must be installed."""
        import pandas as pd

        return pd.DataFrame(self.table()).set_index("time")


class ForecastSummary(Answer):
    """One line of the list of forecasts."""

    forecast_id: str
    run_id: str
    job_id: str
    model: str
    version: int | None = None
    reference_time: datetime
    last_time: datetime
    created_at: datetime
    parent_id: str | None = None
    scored: bool = False
    n_scored: int = 0
    scores: dict[str, Any] = {}


class MonitoredTarget(Answer):
    """The last forecasts of one target against their truth, in its unit."""

    name: str
    n_forecasts: int
    n_values: int
    mae: float | None = None
    rmse: float | None = None
    bias: float | None = None
    mase: float | None = None
    naive_mae: float | None = None
    skill: float | None = None
    coverage: tuple[dict[str, Any], ...] = ()
    alerts: tuple[str, ...] = ()


class MonitoredModel(Answer):
    """One model that forecast; ``n_open`` forecasts wait for their truth."""

    job_id: str
    run_id: str
    model: str
    version: int | None = None
    n_forecasts: int
    n_open: int
    targets: tuple[MonitoredTarget, ...] = ()
    inputs: tuple[dict[str, Any], ...] = ()


class Monitoring(Answer):
    """How forecasts met their truth, per model, over the last scored ones."""

    last: int
    models: tuple[MonitoredModel, ...] = ()


class ModelVersion(Answer):
    """One version of the registry."""

    version: int
    stage: Literal["candidate", "champion", "retired"]
    run_id: str
    job_id: str
    model: str
    kind: str
    passport_sha256: str | None = None
    created_at: datetime


class Versions(Answer):
    """The registry of a session; without a champion forecasts are made with the newest run's best model."""

    champion: int | None = None
    versions: tuple[ModelVersion, ...] = ()
    changes: tuple[dict[str, Any], ...] = ()
    rule: dict[str, Any] | None = None  # days, level, and what was judged by it last
    judgement: dict[str, Any] | None = None  # of the candidate of this request: decision, reason, numbers
