"""Data sets and runs as clients of both generations ask for them."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field, JsonValue

from services.gateway.datasets.configuration import Configuration
from services.gateway.datasets.wire import SplitIn
from services.gateway.http.wire import Earlier, YesNo, spelled
from services.gateway.models.wire import parse_models
from services.gateway.problems import InvalidModelParams, wrong_field
from shared.contracts.kinds import ModelSpec
from shared.contracts.metrics import RankingMetric
from shared.contracts.specs import DatasetSpec

Configurations = list[dict[str, JsonValue]] | dict[str, JsonValue]
MOST_MODELS = 100  # of one run
_SHARES = {
    "train_ratio": "train", "validation_ratio": "validation", "test_ratio": "test", "random_state": "seed",
}  # fmt: skip


class NamedDataset(Configuration):
    """A data set of its own name; what it leaves out comes from the request's configuration."""

    name: str = Field("", max_length=255)


class GenerateDatasets(Earlier):
    """Which data sets to build; without a configuration the session's saved settings are used."""

    configuration: Configuration = Configuration()
    datasets: list[NamedDataset] = Field(default_factory=list, max_length=20)
    dataset: DatasetSpec | None = Field(None, description="a whole data set in typed form instead")
    parameters: JsonValue = Field(
        None,
        validation_alias=spelled("model_parameters", "modelParameters"),
        description="accepted as the earlier frontend sends it, and needed only for training",
    )
    split: SplitIn | None = Field(None, validation_alias=spelled("training_split", "trainingSplit"))

    def warnings(self) -> Iterator[str]:
        """Say what is assumed."""
        for part in (self.configuration, *self.datasets, self.split):
            yield from part.warnings() if part else ()


class TrainModels(Earlier):
    """Which models to train, in one of three spellings."""

    models: list[str | dict[str, JsonValue]] | None = Field(
        None, max_length=MOST_MODELS, description="names (LIN, Dense, ...) or typed model specs"
    )
    configurations: Configurations | None = Field(
        None,
        max_length=MOST_MODELS,
        validation_alias=spelled("modelConfigurations", "model_configurations"),
    )
    parameters: dict[str, JsonValue] | None = Field(
        None, validation_alias=spelled("model_parameters", "modelParameters")
    )
    split: SplitIn | None = Field(None, validation_alias=spelled("training_split", "trainingSplit", "split"))
    dataset_id: str | None = Field(None, validation_alias=spelled("dataset_id", "datasetId"))
    metric: RankingMetric = "rmse"
    ensemble: YesNo = Field(
        True, description="whether the average of the models, weighted on validation, is one more model"
    )

    @classmethod
    def translated(cls, value: Any) -> Any:
        """Read the oldest form: shares from 0 to 1 and a seed beside the models."""
        if not isinstance(value, dict) or "training_split" in value or not _SHARES.keys() & value.keys():
            return value
        rest = {name: said for name, said in value.items() if name not in _SHARES}
        split = {_SHARES[name]: said for name, said in value.items() if name in _SHARES}
        for name in set(split) - {_SHARES["random_state"]}:  # shares of 1, in percent; a seed stays
            split[name] = 100 * split[name] if isinstance(split[name], int | float) else split[name]
        return {**rest, "training_split": split}

    def specs(self, *, put_aside: list[str] | None = None) -> tuple[ModelSpec, ...]:
        """Return the models that are asked for; ``put_aside`` takes settings they do not have."""
        asked: Sequence[str | dict[str, JsonValue]] | dict[str, JsonValue] | None
        asked = self.models or self.configurations or ([self.parameters] if self.parameters else None)
        if asked is None:
            raise wrong_field(InvalidModelParams, "modelConfigurations", "name at least one model")
        return parse_models(asked, put_aside=put_aside)


class RunAll(TrainModels):
    """Data set and models in one request."""

    configuration: Configuration = Configuration()
    dataset: DatasetSpec | None = Field(None, description="a whole data set in typed form instead")


class Cancel(Earlier):
    """What to stop: a run (the live one by default), or one job of it."""

    run_id: str | None = Field(None, validation_alias=spelled("run_id", "runId"))
    job_id: str | None = Field(None, validation_alias=spelled("job_id", "jobId"))
