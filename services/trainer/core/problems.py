"""What can go wrong in a fit, in words a forecaster can act on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DidNotConverge, InsufficientData, InvalidInput, ResourceExhausted
from shared.windows.samples import Layout, Samples

MIN_WINDOWS = 4  # fewer cannot tell a pattern from its noise


class TooFewWindows(InsufficientData):
    """The training part holds too few windows for the model."""

    code = "TOO_FEW_WINDOWS"
    advice = (
        "Upload a longer series, or shorten the input and output windows.",
        "Give the training part a larger share of the split, or choose a smaller stride.",
    )


class NoValidationWindows(InsufficientData):
    """There is no validation part, so nothing a model was not fitted on could be measured."""

    code = "NO_VALIDATION_WINDOWS"
    advice = ("Give the validation part a share of the split and train again.",)


class NothingFound(InsufficientData):
    """No trial of a search came to an end that can be compared."""

    code = "SEARCH_FOUND_NOTHING"
    advice = ("Train the model without a search first: its own problem says what is missing.",)


class ConstantTarget(InvalidInput):
    """The target never changes in the training part, so there is nothing to learn."""

    code = "CONSTANT_TARGET"
    advice = (
        "Check the column and the period chosen for training.",
        "Choose an output that varies; a constant needs no model.",
    )


class NotFinite(DidNotConverge):
    """The fit met or produced numbers that are not finite."""

    advice = (
        "Check the series for extreme values, and scale every input and output.",
        "For a neural kind lower the learning rate; for support vectors lower C.",
    )


class ModelTooLarge(ResourceExhausted):
    """The model would not fit into the memory of a worker."""

    advice = ("Choose fewer input steps, output steps or units.",)


def require_trainable(train: Samples, layout: Layout) -> None:
    """Refuse data no model can learn from, before time is spent on them.

    Raises
    ------
    TooFewWindows
        If the training part has fewer than ``MIN_WINDOWS`` windows.
    NotFinite
        If an input or a target is NaN or infinite.
    ConstantTarget
        If no output varies; a single constant output among others is learned as its constant.
    """
    if len(train) < MIN_WINDOWS:
        raise TooFewWindows(
            f"the training part has {len(train)} windows; at least {MIN_WINDOWS} are needed",
            n_windows=len(train),
            needed=MIN_WINDOWS,
        )
    # A sum is not finite as soon as one term is not, and needs no mask as large as the data.
    if not np.isfinite([train.x.sum(dtype=np.float64), train.y.sum(dtype=np.float64)]).all():
        raise NotFinite("the training part holds values that are not finite", field="x or y")
    if all(train.y[..., k].min() == train.y[..., k].max() for k in range(train.y.shape[-1])):
        names = [column.name for column in layout.outputs]
        raise ConstantTarget(
            f"constant in the whole training part: {', '.join(names)}",
            field="outputs",
            outputs=list(names),
        )


def require_finite(values: NDArray[Any], *, what: str) -> None:
    """Raise NotFinite unless every number of a result is finite."""
    if not np.isfinite(values).all():
        raise NotFinite(f"the fit diverged: {what} are not finite", field=what)
