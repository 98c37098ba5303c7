"""Average a run's models with weights found greedily on validation (Caruana et al., 2004)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from services.evaluator.core.problems import ForecastMismatch
from shared.contracts.kinds import BASELINES, ENSEMBLE
from shared.scoring.forecasts import PartForecast, average_spread
from shared.series.arrays import Float64

N_ROUNDS = 50  # upper bound of models in the bag
N_BLOCKS = 4  # blocks of validation windows, each averaged with weights chosen on the others
_CHUNK_VALUES = 2**18


@dataclass(frozen=True)
class Ensemble:
    """Weights by model that add up to 1; models without a say are left out."""

    weights: dict[str, float]
    loss: float | None  # RMSE in training standard deviations, averaged over outputs, where it was chosen


def may_join(kind: str) -> bool:
    """Whether a model of this kind may be a member: baselines are there to be beaten, averages are made.

    >>> [may_join(kind) for kind in ("lin", "seasonal_naive", "ensemble")]
    [True, False, False]
    """
    return kind not in (*BASELINES, ENSEMBLE)


def select(
    validation: Mapping[str, PartForecast], *, train_std: Sequence[float | None], n_rounds: int = N_ROUNDS
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
    pool = _pool(validation, train_std, n_blocks=1)
    return _choose(pool, range(len(pool.blocks)), n_rounds)


def judged(
    validation: Mapping[str, PartForecast], *, train_std: Sequence[float | None], n_rounds: int = N_ROUNDS
) -> PartForecast:
    """Return the validation forecasts of an average that has not seen the windows it forecasts.

    Weights chosen on a part flatter the average there, and the ranking compares it with models that have
    not seen that part. So each block of consecutive windows is averaged with the weights chosen on the
    other blocks. Arguments as for ``select``.

    Raises
    ------
    ForecastMismatch
        If the models forecast different windows, or fewer than two.
    """
    pool = _pool(validation, train_std, n_blocks=N_BLOCKS)
    if len(pool.blocks) < 2:
        raise ForecastMismatch("an average needs one validation window to choose on, and one to be judged on")
    combined = []
    for own, block in enumerate(pool.blocks):
        others = [number for number in range(len(pool.blocks)) if number != own]
        combined.append(combine(pool.windows(block), _choose(pool, others, n_rounds)))
    first = next(iter(pool.parts.values()))
    y_pred = np.concatenate([part.y_pred for part in combined])
    spreads = [part.spread for part in combined if part.spread is not None]
    spread = np.concatenate(spreads) if len(spreads) == len(combined) else None
    return PartForecast(first.ref_ns, first.y_true, y_pred, spread)


def combine(parts: Mapping[str, PartForecast], ensemble: Ensemble) -> PartForecast:
    """Return the weighted average of the models' forecasts of one part.

    How far off it is say those members that do, by their weights.

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
    said = {name: part.spread for name, part in chosen.items() if part.spread is not None}
    spread = average_spread(list(said.values()), [ensemble.weights[name] for name in said])
    return PartForecast(first.ref_ns, first.y_true, y_pred, spread)


@dataclass(frozen=True)
class _Pool:
    """Models that may be averaged, and the products of their errors on each block of windows."""

    parts: dict[str, PartForecast]
    blocks: list[slice]
    products: Float64  # (n_blocks, n_outputs, n_models, n_models), sums over windows and steps, free of units

    def windows(self, block: slice) -> dict[str, PartForecast]:
        """Return every model's forecasts of one block."""
        return {name: part.windows(block) for name, part in self.parts.items()}


def _pool(
    validation: Mapping[str, PartForecast], train_std: Sequence[float | None], *, n_blocks: int
) -> _Pool:
    _check_same_windows(validation)
    able = {name: part for name, part in validation.items() if len(part) and np.isfinite(part.y_pred).all()}
    if not able:
        return _Pool({}, [], np.zeros((0, len(train_std), 0, 0)))
    n_windows = len(next(iter(able.values())))
    borders = np.linspace(0, n_windows, min(n_blocks, n_windows) + 1).round().astype(int)
    blocks = [slice(a, b) for a, b in pairwise(borders.tolist())]
    scale = np.array([std or 1.0 for std in train_std])
    products = np.stack([_error_products(list(able.values()), block) for block in blocks])
    products /= scale[:, None, None] ** 2
    # A squared error may overflow: such a model is as good as none.
    sane = np.isfinite(products.sum(axis=(0, 1)).diagonal()).nonzero()[0]
    names = list(able)
    return _Pool({names[i]: able[names[i]] for i in sane}, blocks, products[:, :, sane[:, None], sane])


def _choose(pool: _Pool, blocks: Sequence[int], n_rounds: int) -> Ensemble:
    """Return the weights that are best on some of the blocks: those of the best bag on the way."""
    if not pool.parts:
        return Ensemble({}, None)
    n_windows = sum(pool.blocks[number].stop - pool.blocks[number].start for number in blocks)
    n_steps = next(iter(pool.parts.values())).y_true.shape[1]
    products = pool.products[list(blocks)].sum(axis=0) / (n_windows * n_steps)
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
    weights = zip(pool.parts, best / best.sum(), strict=True)
    return Ensemble({name: float(weight) for name, weight in weights if weight > 0}, best_loss)


def _check_same_windows(parts: Mapping[str, PartForecast]) -> None:
    named = list(parts.items())
    for name, part in named[1:]:
        if part.y_pred.shape != named[0][1].y_pred.shape or (part.ref_ns != named[0][1].ref_ns).any():
            raise ForecastMismatch(
                f"{name} forecasts other windows than {named[0][0]}; an average needs the same", field=name
            )


def _error_products(parts: Sequence[PartForecast], block: slice) -> Float64:
    """Return the summed product of each two models' errors, shape (n_outputs, n_models, n_models)."""
    _, n_steps, n_outputs = parts[0].y_true.shape
    total = np.zeros((n_outputs, len(parts), len(parts)))
    size = max(1, _CHUNK_VALUES // (n_steps * n_outputs))
    for start in range(block.start, block.stop, size):
        window = slice(start, min(start + size, block.stop))
        errors = np.stack([part.y_pred[window] - part.y_true[window] for part in parts])
        by_output = np.moveaxis(errors, -1, 0).reshape(n_outputs, len(parts), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            total += by_output @ by_output.transpose(0, 2, 1)
    return total
