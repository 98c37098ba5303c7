"""What the routes of backtests answer."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from services.gateway.http.wire import Answer
from services.gateway.runs.answers import RunWord

Values = dict[str, float | None]


class ModelAsked(BaseModel):
    """A model that is put to the test, and the parameters in use."""

    model: str
    kind: str
    parameters: dict[str, JsonValue]


class FoldTold(BaseModel):
    """A fold: its cutoff in UTC and by the data set's clock, and how many windows its parts have."""

    fold: int = Field(description="1 is the oldest")
    cutoff: str = Field(description="ISO 8601")
    cutoff_local: str
    last: str = Field(description="end of the newest window tested")
    last_local: str
    n_train: int
    n_validation: int
    n_test: int


class _Stored(BaseModel):
    """Part of a verdict; what another version has stored beyond it is told, too."""

    model_config = ConfigDict(extra="allow")


class FoldOfModel(_Stored):
    """One model on one fold."""

    fold: int
    job_id: str
    status: str
    loss: float | None = Field(None, description="free of units, averaged over outputs")
    skill: float | None = Field(None, description="1 - loss / loss of seasonal naive on the same fold")
    scores: Values = Field(default_factory=dict, description="averaged over outputs")
    outputs: dict[str, Values] = Field(default_factory=dict)


class BacktestedModel(_Stored):
    """One model over all folds; ``test`` and ``outputs`` are means, spreads standard deviations."""

    rank: int | None = None
    job_id: str | None = Field(None, description="of the newest fold it finished")
    label: str
    kind: str | None = None
    is_baseline: bool = False
    loss: float | None = None
    loss_spread: float | None = None
    skill: float | None = None
    beats_baseline: bool | None = None
    reason: str | None = Field(None, description="why there is no rank")
    test: Values = Field(default_factory=dict)
    spread: Values = Field(default_factory=dict)
    outputs: dict[str, Values] = Field(default_factory=dict)
    output_spread: dict[str, Values] = Field(default_factory=dict)
    folds: list[FoldOfModel] = Field(default_factory=list)


class BacktestStarted(Answer):
    """A backtest that was written down and asked for."""

    status: str = "backtest_started"
    session_id: str
    run_id: str
    backtest_of: str | None
    dataset_id: str
    folds: list[FoldTold]
    models: list[ModelAsked]


class BacktestTold(Answer):
    """A backtest: its folds at once, its models when it is over, best first."""

    session_id: str
    run_id: str
    backtest_of: str | None
    dataset_id: str
    status: RunWord
    metric: str
    n_folds: int
    refit: bool
    window: str
    timezone: str | None
    folds: list[FoldTold]
    models: list[BacktestedModel]
    best_model: BacktestedModel | None
    problem: dict[str, Any] | None
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
