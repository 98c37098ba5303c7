"""Fit a model of any kind."""

from pathlib import Path

from services.trainer.core.kinds import kind_of
from services.trainer.core.model import Fitted, OnProgress, ignore_progress
from shared.contracts.kinds import ModelSpec
from shared.windows.samples import Layout, Samples


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
    kind = kind_of(spec)
    return kind.fit(spec, train, validation, layout, on_progress=on_progress, checkpoint=checkpoint)
