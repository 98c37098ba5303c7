"""Forecasts as they are asked for and told."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, field_validator

from services.gateway.http.wire import Answer, Wire, spelled
from shared.spreadsheets import Cell, as_csv
from shared.storage.forecast_rows import ForecastRow

Level = Annotated[float, Field(gt=0, lt=100)]
Numbers = Annotated[list[float | None], Field(max_length=100_000)]


class ForecastOrder(Wire):
    """What to forecast; by default with the champion, or the best model of the newest good run."""

    model: str = Field(
        "champion",
        max_length=255,
        description="a job id, a model's label, ``best`` of the newest good run, or ``champion`` of the "
        "registry (where nobody was promoted: the best)",
    )
    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"), max_length=64)
    at: AwareDatetime | None = Field(
        None, description="look ahead from the newest reference time at or before this moment"
    )
    as_of: AwareDatetime | None = Field(
        None,
        validation_alias=spelled("as_of", "asOf"),
        description="use only rows that had arrived by then; default: `at`, or all there are",
    )
    horizon: float | None = Field(None, gt=0, description="hours; default: as far as the model reaches")
    future: dict[str, Numbers | dict[str, float]] = Field(
        {}, description="for inputs known in advance: a value per stamp of the template, or values by stamp"
    )
    intervals: list[Level] = Field([50, 80, 95], max_length=9, description="levels in percent")

    @field_validator("intervals")
    @classmethod
    def _ascending(cls, levels: list[float]) -> list[float]:
        return sorted(set(levels))

    def question(self) -> dict[str, JsonValue]:
        """Return what the trainer is asked beside session and job."""
        return {
            "at": self.at.isoformat() if self.at else None,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "horizon_hours": self.horizon,
            "levels": list(self.intervals),
            "future": {name: dict(v) if isinstance(v, dict) else list(v) for name, v in self.future.items()},
        }


class Interval(BaseModel):
    """A prediction interval; its ends are null where validation has too few windows for the level."""

    level: float = Field(description="percent of true values expected inside")
    lower: float | None
    upper: float | None


class ForecastStep(BaseModel):
    """One step of a forecast."""

    time: str = Field(description="ISO 8601 by the data's clock, with its offset")
    value: float | None
    intervals: list[Interval]


class TargetForecast(BaseModel):
    """The forecast of one target, in its own unit."""

    name: str
    series_id: str
    values: list[ForecastStep]


class RowsRead(BaseModel):
    """Which rows of an input the forecast looked at."""

    series: str
    first: str
    last: str
    n_rows: int


class Filled(BaseModel):
    """A value of an input that is no row of its file: between which rows it was found."""

    series: str
    time: str
    how: str
    from_: list[str] = Field(alias="from")


class Forecast(Answer):
    """A forecast of the future, with what it rests on."""

    forecast_id: str
    run_id: str
    job_id: str
    model: str
    kind: str
    version: int | None = Field(None, description="of the registry; null = not registered")
    passport_sha256: str | None = Field(description="of the passport of the very model that was used")
    reference_time: str = Field(description="the newest moment the inputs' past reaches to")
    timezone: str
    created_at: str
    parent_id: str | None = Field(None, description="the plain forecast this scenario differs from")
    horizon_hours: float
    levels: list[float]
    levels_unknown: list[float] = Field(description="levels for which validation has too few windows")
    n_validation: int
    n_later: int = Field(0, description="windows after the test part whose errors shape the intervals")
    outputs: list[TargetForecast]
    rows_read: list[RowsRead]
    filled: list[Filled]
    future: dict[str, dict[str, float]] = Field(description="values that came with the request")
    difference: list[dict[str, Any]] | None = Field(None, description="a scenario minus its plain forecast")


class ForecastSummary(BaseModel):
    """One line of the list."""

    forecast_id: str
    run_id: str
    job_id: str
    model: str
    kind: str
    version: int | None
    passport_sha256: str | None
    reference_time: AwareDatetime
    last_time: AwareDatetime
    created_at: AwareDatetime
    parent_id: str | None
    scored: bool
    n_scored: int
    scores: dict[str, JsonValue]

    @classmethod
    def of(cls, row: ForecastRow) -> "ForecastSummary":
        """Return a row as clients read it."""
        return cls(forecast_id=row.id, model=row.label, **row.model_dump(include=_SUMMARY))


_SUMMARY = set(ForecastSummary.model_fields) - {"forecast_id", "model"}


class Forecasts(Answer):
    """The forecasts of a session, newest first."""

    forecasts: list[ForecastSummary]
    count: int


class TemplateStamp(BaseModel):
    """One moment an input known in advance is needed for, and whether its rows answer it already."""

    time: str
    known: bool


class TemplateInput(BaseModel):
    """One input known in advance."""

    series: str
    stamps: list[TemplateStamp]


class Template(Answer):
    """What a forecast needs that only somebody who knows the future can fill."""

    run_id: str
    job_id: str
    model: str
    reference_time: str
    timezone: str
    inputs: list[TemplateInput]


def forecast_csv(document: dict[str, Any]) -> str:
    """Return a forecast as CSV: one row per target and step, two columns per level."""
    levels = [f"{level:g}" for level in document["levels"]]
    bounds = [f"{end}_{level}" for level in levels for end in ("lower", "upper")]
    rows: list[Sequence[Cell]] = []
    for output in document["outputs"]:
        for value in output["values"]:
            ends = [interval[end] for interval in value["intervals"] for end in ("lower", "upper")]
            rows.append((value["time"], output["name"], value["value"], *ends))
    return as_csv(["time", "series", "value", *bounds], rows)


def list_csv(rows: Sequence[ForecastRow]) -> str:
    """Return the list of forecasts as CSV."""
    names = [name for name in ForecastSummary.model_fields if name != "scores"]
    told = [ForecastSummary.of(row).model_dump(mode="json") for row in rows]
    return as_csv(names, ([one[name] for name in names] for one in told))


def template_csv(document: dict[str, Any]) -> str:
    """Return a template as CSV to fill: a column per input, empty where nothing is known."""
    names = [one["series"] for one in document["inputs"]]
    stamps = sorted({stamp["time"] for one in document["inputs"] for stamp in one["stamps"]})
    return as_csv(("time", *names), ((stamp, *("" for _ in names)) for stamp in stamps))
