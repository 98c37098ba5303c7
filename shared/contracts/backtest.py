"""A rolling-origin backtest: what is asked for, its folds, and what one job of it does."""

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.specs import Spec

MAX_FOLDS = 50

Span = tuple[int, int]  # sample numbers [start, stop)


class BacktestSpec(Spec):
    """How often and how far back models are put to the test."""

    n_folds: int = Field(default=4, ge=1, le=MAX_FOLDS, description="number of cutoffs")
    refit: bool = Field(default=True, description="fit anew at every cutoff; false = once, before the first")
    test_windows: int | None = Field(
        default=None, ge=1, description="windows tested per cutoff; null = as many as the test part, or fewer"
    )
    window: Literal["expanding", "sliding"] = Field(
        default="expanding", description="train on all that came before, or on as much as the first fold has"
    )

    @model_validator(mode="after")
    def _slides_only_if_refitted(self) -> Self:
        if self.window == "sliding" and not self.refit:
            raise ValueError("window 'sliding' needs refit: without it there is one training part")
        return self


class Fold(Spec):
    """One cutoff and the samples around it, oldest part first; ``number`` counts from 1.

    Times carry the offset of the data set's zone at that moment.
    """

    number: int = Field(ge=1)
    cutoff: AwareDatetime = Field(description="reference time of the first test window")
    last: AwareDatetime = Field(description="reference time of the last test window")
    train: Span
    validation: Span
    test: Span

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        limits = [0, *self.train, *self.validation, *self.test]
        if limits != sorted(limits):
            raise ValueError(f"the parts of fold {self.number} do not follow each other: {limits[1:]}")
        return self


class Backtest(Spec):
    """A backtest as it was planned on its data set; the newest fold stands last."""

    spec: BacktestSpec
    folds: tuple[Fold, ...] = Field(min_length=1)


class BacktestPart(Spec):
    """One job of a backtest: a model of that name, fitted once, and the folds it forecasts.

    All folds of a part share the training and the validation samples of the first.
    """

    model: str
    folds: tuple[Fold, ...] = Field(min_length=1)

    @property
    def train(self) -> Span:
        """Samples to fit on."""
        return self.folds[0].train

    @property
    def validation(self) -> Span:
        """Samples to choose on."""
        return self.folds[0].validation

    @property
    def test(self) -> Span:
        """Samples to forecast, those of all folds."""
        return self.folds[0].test[0], self.folds[-1].test[1]
