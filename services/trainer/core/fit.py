"""Fit a model of any kind."""

from pathlib import Path

from services.trainer.core.baselines import fit_last_value, fit_seasonal_naive
from services.trainer.core.linear.fit import fit_linear
from services.trainer.core.model import Fitted, OnProgress, ignore_progress
from services.trainer.core.svr.fit import fit_svr_direct, fit_svr_mimo
from shared.contracts.kinds import (
    ArLstmSpec,
    CnnSpec,
    DenseSpec,
    LastValueSpec,
    LinearSpec,
    LstmSpec,
    ModelSpec,
    SeasonalNaiveSpec,
    SvrDirectSpec,
    SvrMimoSpec,
)
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
    match spec:
        case DenseSpec() | CnnSpec() | LstmSpec() | ArLstmSpec():
            # The only kinds that need keras, which takes seconds to import.
            from services.trainer.core.networks.fit import fit_neural

            return fit_neural(spec, train, validation, layout, on_progress=on_progress, checkpoint=checkpoint)
        case LinearSpec():
            return fit_linear(spec, train, validation, layout, on_progress=on_progress)
        case SvrDirectSpec():
            return fit_svr_direct(spec, train, validation, layout, on_progress=on_progress)
        case SvrMimoSpec():
            return fit_svr_mimo(spec, train, validation, layout, on_progress=on_progress)
        case LastValueSpec():
            return fit_last_value(spec, train, validation, layout, on_progress=on_progress)
        case SeasonalNaiveSpec():
            return fit_seasonal_naive(spec, train, validation, layout, on_progress=on_progress)
