"""How forecasts met their truth, as it is told."""

from pydantic import BaseModel, Field

from services.gateway.http.wire import Answer


class CoverageShare(BaseModel):
    """The share of true values inside the intervals of one level."""

    level: float = Field(description="percent")
    n_values: int
    share: float | None
    band: tuple[float, float] = Field(
        description="where the share is expected: level and two standard errors, one observation per forecast"
    )
    within_band: bool | None = Field(description="null: too few forecasts to tell")


class MonitoredTarget(BaseModel):
    """The last forecasts of one target together, in its unit."""

    name: str
    series_id: str
    n_forecasts: int
    n_values: int
    mae: float | None
    rmse: float | None
    bias: float | None = Field(description="mean of forecast minus truth")
    mase: float | None
    naive_mae: float | None = Field(description="of the seasonal naive over the same values")
    skill: float | None = Field(description="1 - mae / naive_mae over the values both have")
    season_hours: float | None
    coverage: list[CoverageShare]
    alerts: list[str] = Field(description="skill_below_zero, coverage_95_out_of_band, ...")


class InputDrift(BaseModel):
    """Whether the new rows of an input differ from those of training."""

    name: str
    n_train: int
    n_new: int
    ks: float | None = Field(description="largest distance of the two distribution functions")
    psi: float | None = Field(description="population stability index; from 0.25 on large")
    p_value: float | None = Field(description="Kolmogorov-Smirnov, effective sizes, Holm over the inputs")
    drifted: bool | None
    why: str | None = Field(description="why nothing was decided")


class MonitoredModel(BaseModel):
    """One model that forecast."""

    job_id: str
    run_id: str
    model: str
    kind: str
    version: int | None
    n_forecasts: int
    n_open: int = Field(description="forecasts whose truth has not arrived completely")
    first: str | None
    last: str | None
    targets: list[MonitoredTarget]
    inputs: list[InputDrift]


class Monitoring(Answer):
    """Rolling figures per model over the last scored forecasts."""

    last: int
    drift_days: float
    models: list[MonitoredModel]
