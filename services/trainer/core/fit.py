"""Fit a model of any kind."""

from pathlib import Path

from services.trainer.core.linear import fit_linear
from services.trainer.core.model import Fitted, OnProgress, ignore_progress
from shared.contracts.kinds import ArLstmSpec, CnnSpec, DenseSpec, LinearSpec, LstmSpec, ModelSpec
from shared.timeseries.samples import Layout, Samples


def fit(
    spec: ModelSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Fit the kind of model that ``spec`` names.

    Parameters
    ----------
    checkpoint
        Where a neural fit writes its state after every epoch, and goes on from; the closed-form and
        support-vector kinds take seconds and start anew.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the samples cannot teach anything, or the fit diverges.
    """
    match spec:
        case DenseSpec() | CnnSpec() | LstmSpec() | ArLstmSpec():
            # The only kinds that need keras, which takes seconds to import.
            from services.trainer.core.neural import fit_neural

            return fit_neural(spec, train, validation, layout, on_progress=on_progress, checkpoint=checkpoint)
        case LinearSpec():
            return fit_linear(spec, train, validation, layout, on_progress=on_progress)
    raise TypeError(f"no fit for {type(spec).__name__}")
