"""What the trainer asks of its child process, and what it hears back: one JSON line each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.trainer.core.model import Progress
from shared.contracts.backtest import BacktestPart
from shared.contracts.data_contract import SeriesContract
from shared.contracts.kinds import ModelSpec
from shared.contracts.problems import Problem
from shared.contracts.trials import Trial

SIGNS_OF_NO_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "pthread_create() failed")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PipeLine(BaseModel):
    """One line between parent and child."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainTask(PipeLine):
    """Fit one model on a stored data set."""

    task: Literal["train"] = "train"
    spec: ModelSpec
    dataset: Path = Field(description="folder of the data set")
    output: Path = Field(description="folder for the files of the model")
    backtest: BacktestPart | None = Field(
        default=None, description="samples to fit on and to forecast; null = the parts of the data set"
    )
    trial: Trial | None = Field(default=None, description="score the fit inside the training part alone")
    contract: tuple[SeriesContract, ...] = Field(default=(), description="how the series are read")
    threads: int | None = Field(
        default=None, ge=1, description="threads of this fit; null = the worker's own"
    )
    checkpoint: Path | None = Field(
        default=None, description="file an interrupted fit goes on from; null = start anew"
    )
    memory_bytes: int | None = Field(default=None, gt=0, description="refuse fits that need more")


class StoredModelTask(PipeLine):
    """Work with a stored model."""

    model: Path = Field(description="folder of the model")
    passport_sha256: Sha256 | None = Field(default=None, description="refuse any other passport than this")


class PredictTask(StoredModelTask):
    """Forecast windows in original units with a stored model."""

    task: Literal["predict"] = "predict"
    windows: Path = Field(description=".npz with x, shape (n, input_steps, n_inputs), original units")
    output: Path = Field(description=".npz to write: y_pred, shape (n, output_steps, n_outputs)")


class ExportTask(StoredModelTask):
    """Write a stored model in a format that is made on request only."""

    task: Literal["export"] = "export"
    format: str = Field(description="``h5``, for a neural kind")
    output: Path = Field(description="file to write")


class ExplainTask(StoredModelTask):
    """Measure which inputs a stored model relies on, on windows of the validation part."""

    task: Literal["explain"] = "explain"
    dataset: Path = Field(description="folder of the data set the model was fitted on")
    backtest: BacktestPart | None = Field(default=None, description="folds the model was fitted for")
    seed: int = 0


class ForecastTask(StoredModelTask):
    """Forecast from the newest rows, or from a moment, with a stored model."""

    task: Literal["forecast"] = "forecast"
    dataset: Path = Field(description="folder of the data set the model was fitted on")
    backtest: BacktestPart | None = None
    rows: dict[str, Path] = Field(description="canonical .npz of each series, by series id; never changed")
    zone: str = Field(description="IANA name of the clock that stamps the values")
    at: str | None = Field(default=None, description="ISO 8601; null = the newest reference time")
    horizon_hours: float | None = None
    levels: tuple[float, ...] = (0.5, 0.8, 0.95)
    future: dict[str, list[float | None] | dict[str, float]] = Field(
        default={}, description="by input: one value per stamp of the template, or values by stamp"
    )
    template_only: bool = Field(default=False, description="tell what a forecast needs and compute none")


class BackcastTask(StoredModelTask):
    """Forecast from many moments of the past with a stored model, windows cut as training cuts them."""

    task: Literal["backcast"] = "backcast"
    dataset: Path = Field(description="folder of the data set the model was fitted on")
    backtest: BacktestPart | None = None
    rows: dict[str, Path] = Field(description="canonical .npz of each series, by series id; never changed")
    ref_ns: tuple[int, ...] = Field(description="reference times, Unix nanoseconds, ascending")
    output: Path = Field(description=".npz to write: ref_ns, and y_pred, NaN where a window is incomplete")


class StoredFile(PipeLine):
    """A file of a model, as it was written."""

    size_bytes: int
    sha256: Sha256


class TrainOutcome(PipeLine):
    """A model is stored in the output folder."""

    type: Literal["trained"] = "trained"
    seconds: float
    notes: dict[str, JsonValue]
    metrics: dict[str, dict[str, float | None]] = Field(description="per part, in original units")
    files: dict[str, StoredFile]


class PredictOutcome(PipeLine):
    """Forecasts are stored in the output file."""

    type: Literal["predicted"] = "predicted"
    n_windows: int
    seconds: float


class ExportOutcome(PipeLine):
    """The file is written."""

    type: Literal["exported"] = "exported"
    file: StoredFile


class InputImportance(PipeLine):
    """How much worse forecasts get when one input belongs to other windows."""

    name: str
    source: Literal["series", "calendar"]
    rise: float | None = Field(description="of the loss, mean over repeats; null = not a finite number")
    deviation: float | None = Field(description="of the rise over repeats")
    relative: float | None = Field(description="rise in shares of the undisturbed loss")


class ExplainOutcome(PipeLine):
    """Inputs by importance, most important first, and how it was measured."""

    type: Literal["explained"] = "explained"
    part: Literal["validation"] = "validation"
    loss: float | None = Field(description="RMSE in training standard deviations, mean over outputs")
    n_windows: int
    n_repeats: int
    seed: int
    fitted_on_part: bool = Field(description="whether the model ended by learning from these windows, too")
    inputs: tuple[InputImportance, ...]
    seconds: float


class ForecastOutcome(PipeLine):
    """A forecast, or what one needs, as the document that is stored and answered."""

    type: Literal["forecast"] = "forecast"
    document: dict[str, JsonValue]
    seconds: float


class BackcastOutcome(PipeLine):
    """Forecasts of the past are stored in the output file."""

    type: Literal["backcast"] = "backcast"
    n_complete: int
    seconds: float


class Ready(PipeLine):
    """The libraries that the kinds to be warm for need are loaded."""

    type: Literal["ready"] = "ready"


class ProgressLine(PipeLine):
    """A fit has come a step further."""

    type: Literal["advance"] = "advance"
    progress: Progress


class Rejected(PipeLine):
    """The task cannot be done, now or later."""

    type: Literal["refusal"] = "refusal"
    problem: Problem
    exhausted: bool = Field(default=False, description="memory ran out; the process shall be replaced")
    trace: str | None = Field(default=None, description="of an error of ours, for the log and nowhere else")


Task = Annotated[
    TrainTask | PredictTask | ExportTask | ExplainTask | ForecastTask | BackcastTask,
    Field(discriminator="task"),
]
Reply = Annotated[
    TrainOutcome
    | PredictOutcome
    | ExportOutcome
    | ExplainOutcome
    | ForecastOutcome
    | BackcastOutcome
    | Ready
    | ProgressLine
    | Rejected,
    Field(discriminator="type"),
]
