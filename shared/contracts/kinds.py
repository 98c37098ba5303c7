"""The model kinds a run may train: one spec class per kind, told apart by ``kind``."""

import re
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, TypeAdapter, field_validator

from shared.contracts.base import Id
from shared.contracts.specs import Spec
from shared.contracts.trials import MOST_TRIALS

Activation = Literal["relu", "sigmoid", "tanh", "linear", "softmax"]
Kernel = Literal["linear", "poly", "rbf", "sigmoid"]
Kind = Literal[
    "dense", "cnn", "lstm", "ar_lstm", "svr_dir", "svr_mimo", "lin", "slots", "lgbmr",
    "last_value", "seasonal_naive",
]  # fmt: skip
ENSEMBLE: Literal["ensemble"] = "ensemble"
JobKind = Literal[Kind, "ensemble"]  # what a run may hold: what can be asked for, and the average of it
KINDS: tuple[Kind, ...] = get_args(Kind)
REFERENCE_KIND: Kind = "seasonal_naive"  # the baseline every skill is measured against

Units = Annotated[int, Field(ge=1, le=2048)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class KindSpec(Spec):
    """A model kind: its parameters as fields, and as class variables what people call it and what it is for.

    The first line of a kind's docstring is its meaning in documents and on the page.
    """

    name: ClassVar[str]  # in answers, tables and documents
    words: ClassVar[tuple[str, ...]] = ()  # what else clients may call it; case and separators never count
    baseline: ClassVar[bool] = False  # fitted in every run, and what the others have to beat
    chosen: ClassVar[bool] = False  # whether the page proposes it
    of_trials: ClassVar[dict[str, bool]] = {}  # parameters of a search's trials, which only forecast


class SearchedSpec(KindSpec):
    """A kind whose parameters can be searched; what is set away from its default stays as it was said."""

    tune: int = Field(
        default=0, ge=0, le=MOST_TRIALS, description="trials of a search for better parameters; 0 = none"
    )


class NeuralSpec(SearchedSpec):
    """What every neural kind can be told."""

    layers: tuple[Units, ...] = Field(
        default=(64,), min_length=1, max_length=10, description="units per layer"
    )
    activation: Activation = "relu"
    epochs: int = Field(
        default=50, ge=1, le=1000, description="upper bound; early stopping usually ends sooner"
    )
    batch_size: int = Field(default=128, ge=1, le=65_536)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    patience: int = Field(
        default=2, ge=0, le=1000, description="epochs without a better validation loss; 0 = never stop"
    )
    residual: bool = Field(default=True, description="learn the correction to the linear forecast")
    refit: bool = Field(
        default=True,
        description="after the choice, learn a little more on the training and the validation part",
    )
    seed: Seed = 0


class DenseSpec(NeuralSpec):
    """Fully connected layers on the flattened window."""

    name: ClassVar[str] = "Dense"
    words: ClassVar[tuple[str, ...]] = ("dense nn", "nn", "mlp")
    chosen: ClassVar[bool] = True

    kind: Literal["dense"] = "dense"
    # Its steps are so cheap that smaller batches cost no time and teach more each.
    batch_size: int = Field(default=64, ge=1, le=65_536)


class CnnSpec(NeuralSpec):
    """Convolutions over time, then a dense head."""

    name: ClassVar[str] = "CNN"
    words: ClassVar[tuple[str, ...]] = ("cnn 1d",)

    kind: Literal["cnn"] = "cnn"
    kernel_size: int = Field(default=3, ge=1, le=11)

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("kernel_size must be odd: 1, 3, 5, 7, 9 or 11")
        return value


class LstmSpec(NeuralSpec):
    """Stacked LSTM over the window, then a dense head for all steps at once."""

    name: ClassVar[str] = "LSTM"

    kind: Literal["lstm"] = "lstm"
    activation: Activation = "tanh"


class ArLstmSpec(NeuralSpec):
    """LSTM that warms up on the past and then feeds each forecast back as the next input."""

    name: ClassVar[str] = "AR LSTM"
    words: ClassVar[tuple[str, ...]] = ("ar lstm nn", "lstm ar")

    kind: Literal["ar_lstm"] = "ar_lstm"
    activation: Activation = "tanh"


class SvrSpec(SearchedSpec):
    """What both support-vector kinds can be told."""

    kernel: Kernel = "rbf"
    C: float = Field(default=1.0, ge=0.001, le=1000)
    epsilon: float = Field(default=0.1, ge=0.001, le=1)
    gamma: Annotated[float, Field(gt=0)] | Literal["scale"] = "scale"
    degree: int = Field(default=3, ge=1, le=10)
    seed: Seed = 0


class SvrDirectSpec(SvrSpec):
    """One regressor per step and output on the flattened window."""

    name: ClassVar[str] = "SVR_dir"
    words: ClassVar[tuple[str, ...]] = ("svr", "svr direct")

    kind: Literal["svr_dir"] = "svr_dir"


class SvrMimoSpec(SvrSpec):
    """One regressor for all steps and outputs with a joint epsilon-insensitive loss."""

    name: ClassVar[str] = "SVR_MIMO"

    kind: Literal["svr_mimo"] = "svr_mimo"


class LinearSpec(KindSpec):
    """Closed-form ridge on the window; penalty, lookback and level handling chosen on validation."""

    name: ClassVar[str] = "LIN"
    words: ClassVar[tuple[str, ...]] = ("linear", "linear regression")
    chosen: ClassVar[bool] = True

    kind: Literal["lin"] = "lin"
    lookbacks: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        default=None, description="steps; null = a ladder up to the whole window, chosen on validation"
    )
    penalties: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        default=None,
        description="ridge strengths to try, in units of the mean variance of an input; null = a ladder",
    )
    refit: bool = Field(
        default=True, description="after the choice, fit again on the training and the validation part"
    )


class SlotsSpec(KindSpec):
    """A ridge per slot of the day on calendar, known series, lags and the linear forecast; closed form."""

    name: ClassVar[str] = "Slots"
    words: ClassVar[tuple[str, ...]] = ("lear", "slot regression", "lin slots")
    chosen: ClassVar[bool] = True

    kind: Literal["slots"] = "slots"
    penalties: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        default=None, min_length=1, description="ridge strengths to try, per row of a slot; null = a ladder"
    )
    refit: bool = Field(
        default=True, description="after the choice, fit again on the training and the validation part"
    )


class BoostSpec(SearchedSpec):
    """Boosted trees (LightGBM) on rows of single steps, beside the linear forecast."""

    name: ClassVar[str] = "LGBMR"
    of_trials: ClassVar[dict[str, bool]] = {"quantiles": False}
    words: ClassVar[tuple[str, ...]] = ("lightgbm", "lgbm", "boosted trees")
    chosen: ClassVar[bool] = True

    kind: Literal["lgbmr"] = "lgbmr"
    n_estimators: int = Field(
        default=600, ge=1, le=10_000, description="upper bound of trees; early stopping usually ends sooner"
    )
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    max_depth: int | None = Field(default=None, ge=1, le=32, description="levels of a tree; null = no bound")
    patience: int = Field(
        default=20, ge=0, le=1000, description="trees without a better validation loss; 0 = never stop"
    )
    refit: bool = Field(
        default=True, description="after the choice, grow as many trees on the training and validation part"
    )
    quantiles: bool = Field(
        default=True, description="trees for two quantiles as well, which tell where intervals are wide"
    )
    seed: Seed = 0


class LastValueSpec(KindSpec):
    """Baseline: the last observed value of the target, repeated."""

    name: ClassVar[str] = "Last value"
    words: ClassVar[tuple[str, ...]] = ("naive",)
    baseline: ClassVar[bool] = True

    kind: Literal["last_value"] = "last_value"


class SeasonalNaiveSpec(KindSpec):
    """Baseline: the value one season ago; the season is chosen on the validation part."""

    name: ClassVar[str] = "Seasonal naive"
    baseline: ClassVar[bool] = True

    kind: Literal["seasonal_naive"] = "seasonal_naive"
    season_length: int | None = Field(default=None, ge=1, description="steps; null = chosen on validation")


ModelSpec = Annotated[
    DenseSpec
    | CnnSpec
    | LstmSpec
    | ArLstmSpec
    | SvrDirectSpec
    | SvrMimoSpec
    | LinearSpec
    | SlotsSpec
    | BoostSpec
    | LastValueSpec
    | SeasonalNaiveSpec,
    Field(discriminator="kind"),
]
MODEL_SPEC: TypeAdapter[ModelSpec] = TypeAdapter(ModelSpec)


class Member(Spec):
    """One model of an average, and its share."""

    job_id: Id
    kind: Kind
    label: str
    weight: float = Field(gt=0, lt=1, description="share of the average; all shares add up to 1")
    passport_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the only passport that is accepted")


class EnsembleSpec(KindSpec):
    """Weighted average of a run's models, chosen on validation; made by the platform, never asked for."""

    name: ClassVar[str] = "Ensemble"

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[Member, ...] = Field(min_length=2)


JobSpec = Annotated[ModelSpec | EnsembleSpec, Field(discriminator="kind")]
JOB_SPEC: TypeAdapter[JobSpec] = TypeAdapter(JobSpec)

SPECS: dict[Kind, type[KindSpec]] = {
    spec.model_fields["kind"].default: spec for spec in get_args(get_args(ModelSpec)[0])
}
WIRE_NAMES: dict[JobKind, str] = {
    **{kind: spec.name for kind, spec in SPECS.items()},
    ENSEMBLE: EnsembleSpec.name,
}
BASELINES: tuple[Kind, ...] = tuple(kind for kind, spec in SPECS.items() if spec.baseline)
NEURAL: tuple[Kind, ...] = tuple(kind for kind, spec in SPECS.items() if issubclass(spec, NeuralSpec))


def plain(text: str) -> str:
    """Return a name without what spellings differ in: case and separators.

    >>> plain("AR-LSTM"), plain("Kernel_Size 2")
    ('arlstm', 'kernelsize2')
    """
    return re.sub(r"[^a-z0-9]", "", text.lower())


_SPELLINGS: dict[str, Kind] = {
    plain(word): kind for kind, spec in SPECS.items() for word in (kind, spec.name, *spec.words)
}


def kind_named(text: str) -> Kind | None:
    """Return the kind of any of its spellings, on every wire.

    >>> kind_named("AR LSTM"), kind_named("Dense_NN"), kind_named("svr-mimo"), kind_named("GPT")
    ('ar_lstm', 'dense', 'svr_mimo', None)
    """
    return _SPELLINGS.get(plain(text))
