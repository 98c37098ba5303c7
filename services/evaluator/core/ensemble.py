"""Average a run's models with weights found greedily on validation (Caruana et al., 2004)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.evaluator.core.problems import ForecastMismatch
from shared.timeseries.arrays import Float64
from shared.timeseries.forecasts import PartForecast

_CHUNK_VALUES = 2**18


@dataclass(frozen=True)
class Ensemble:
    """Weights by model that add up to 1; models without a say are left out."""

    weights: dict[str, float]
    loss: float | None  # RMSE in training standard deviations, averaged over outputs, on validation


def select(
    validation: Mapping[str, PartForecast], *, train_std: Sequence[float | None], n_rounds: int = 50
) -> Ensemble:
    """Choose weights by adding, round after round, the model that helps the average most.

    A model may be added many times; the weights are those of the best round. Models with a forecast
    that is not a finite number take no part. The squared error of an average of models follows from
    the products of their errors, so the forecasts themselves are read only once.

    Parameters
    ----------
    validation
        Forecasts of the same windows by model.
    train_std
        Per output the standard deviation of its training series; None or 0 counts as 1.
    n_rounds
        Upper bound of models in the bag.

    Raises
    ------
    ForecastMismatch
        If the models forecast different windows.
    """
    _check_same_windows(validation)
    able = [name for name, part in validation.items() if len(part) and np.isfinite(part.y_pred).all()]
    if not able:
        return Ensemble({}, None)
    scale = np.array([std or 1.0 for std in train_std])
    products = _error_products([validation[name] for name in able]) / scale[:, None, None] ** 2
    sane = np.isfinite(products).all(axis=0).diagonal().nonzero()[0]  # a squared error may overflow
    if not sane.size:
        return Ensemble({}, None)
    counts, loss = _greedy(products[:, sane[:, None], sane], n_rounds)
    weights = zip(sane, counts / counts.sum(), strict=True)
    return Ensemble({able[i]: float(weight) for i, weight in weights if weight > 0}, loss)


def combine(parts: Mapping[str, PartForecast], ensemble: Ensemble) -> PartForecast:
    """Return the weighted average of the models' forecasts of one part.

    >>> y = np.zeros((1, 1, 1))
    >>> parts = {"a": PartForecast(np.array([0]), y, y + 1), "b": PartForecast(np.array([0]), y, y + 3)}
    >>> float(combine(parts, Ensemble({"a": 0.5, "b": 0.5}, None)).y_pred.item())
    2.0
    """
    chosen = {name: parts[name] for name in ensemble.weights}
    _check_same_windows(chosen)
    first = next(iter(chosen.values()))
    y_pred = np.zeros(first.y_pred.shape)
    for name, part in chosen.items():
        y_pred += ensemble.weights[name] * part.y_pred
    return PartForecast(first.ref_ns, first.y_true, y_pred)


def _check_same_windows(parts: Mapping[str, PartForecast]) -> None:
    named = list(parts.items())
    for name, part in named[1:]:
        if part.y_pred.shape != named[0][1].y_pred.shape or (part.ref_ns != named[0][1].ref_ns).any():
            raise ForecastMismatch(
                f"{name} forecasts other windows than {named[0][0]}; an average needs the same", field=name
            )


def _error_products(parts: Sequence[PartForecast]) -> Float64:
    """Return the mean product of each two models' errors, shape (n_outputs, n_models, n_models)."""
    n_windows, n_steps, n_outputs = parts[0].y_true.shape
    total = np.zeros((n_outputs, len(parts), len(parts)))
    size = max(1, _CHUNK_VALUES // (n_steps * n_outputs))
    for start in range(0, n_windows, size):
        window = slice(start, start + size)
        errors = np.stack([part.y_pred[window] - part.y_true[window] for part in parts])
        by_output = np.moveaxis(errors, -1, 0).reshape(n_outputs, len(parts), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            total += by_output @ by_output.transpose(0, 2, 1)
    total /= n_windows * n_steps
    return total


def _greedy(products: Float64, n_rounds: int) -> tuple[Float64, float]:
    counts = np.zeros(products.shape[1])
    own = np.diagonal(products, axis1=1, axis2=2)  # (n_outputs, n_models)
    best, best_loss = counts, np.inf
    for size in range(1, n_rounds + 1):
        with_bag = products @ counts
        bag = with_bag @ counts
        mse = (bag[:, None] + 2.0 * with_bag + own) / size**2
        losses = np.sqrt(np.maximum(mse, 0.0)).mean(axis=0)
        pick = int(np.argmin(losses))
        counts = counts + np.eye(len(counts))[pick]
        if losses[pick] < best_loss:
            best, best_loss = counts, float(losses[pick])
    return best, best_loss
