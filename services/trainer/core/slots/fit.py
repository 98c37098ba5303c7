"""Fit a ridge per slot of the day: closed form, the penalty chosen on the validation part.

The family is known in electricity price and load forecasting as LEAR (Lago et al., 2021) and as the
regressions per hour of the GEFCom competitions; here each regression sees the linear forecast, too.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has neither stubs nor py.typed

from services.trainer.core.linear.fit import linear_forecasts
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.problems import require_finite, require_trainable
from services.trainer.core.slots.design import Design, design_of
from services.trainer.core.slots.model import Slots, SlotsModel
from shared.contracts.kinds import SlotsSpec
from shared.series.arrays import Float32, Float64, Int64
from shared.windows.samples import Layout, Samples

PENALTIES = (
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    3e-2,
    0.1,
    0.3,
    1.0,
    3.0,
    10.0,
)  # per row of a slot, features of deviation 1
HELD_OUT = 0.2  # share of the training part that judges when there is no validation part
BLOCK_VALUES = 1 << 24  # values of rows held at once
WORK = 3e10  # multiplications of one pass over a part: a few seconds
CONSTANT = 1e-6  # deviations, in units of the whole, below which a feature says nothing in its slot


@dataclass(frozen=True)
class SlotMoments:
    """Second moments of rows and truth by slot; the rows end with a one.

    ``xx`` (n_slots, p, p), ``xy`` (n_slots, p), ``yy`` (n_slots,), where p counts the columns and the one.
    """

    xx: Float64
    xy: Float64
    yy: Float64

    def __add__(self, other: "SlotMoments") -> "SlotMoments":
        """Pool the rows of both."""
        return SlotMoments(self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)

    def squared_error(self, weights: Float64) -> float:
        """Return the summed squared error of weights (n_slots, p)."""
        twice = 2.0 * np.einsum("sp,sp->", weights, self.xy)
        return float(self.yy.sum() - twice + np.einsum("sp,spq,sq->", weights, self.xx, weights))


def fit_slots(
    spec: SlotsSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Fit, per output, a ridge for each slot of the day, or for each step where a step is a day or longer.

    With ``spec.refit`` the regressions are solved again on both parts, once the penalty is chosen, and
    ``Fitted.judged`` is the model that has not seen the validation part.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the training part cannot teach anything.
    """
    started = time.perf_counter()
    require_trainable(train, layout)
    seen, judge = (train, validation) if len(validation) else train.held_out(HELD_OUT)
    refit = spec.refit or len(validation) == 0
    on_progress(Progress(0.0, "linear forecast"))
    bases = linear_forecasts(seen, judge, layout, refit=refit)
    judged: list[Slots] = []
    final: list[Slots] = []
    notes: dict[str, JsonValue] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        for output, column in enumerate(layout.outputs):
            on_progress(Progress((output + 0.2) / len(layout.outputs), "regressions"))
            design = design_of(layout, output, len(seen))
            holder = _bounds(design, bases[0], [seen], output)
            teaching = _moments(holder, bases[0], seen, output)
            judging = _moments(holder, bases[0], judge, output)
            n_judged = max(float(judging.xx[:, -1, -1].sum()), 1.0)
            penalties = spec.penalties or PENALTIES
            errors = [judging.squared_error(_ridge(teaching, penalty)) / n_judged for penalty in penalties]
            best = int(np.argmin(errors))
            penalty = penalties[best]
            judged.append(_solved(holder, teaching, penalty))
            on_progress(Progress((output + 0.6) / len(layout.outputs), "regressions"))
            if refit:
                holder = _bounds(design, bases[1], [seen, judge], output)
                both = _moments(holder, bases[1], seen, output) + _moments(holder, bases[1], judge, output)
                final.append(_solved(holder, both, penalty))
            notes[column.name] = {
                "penalty": penalty,
                "validation_mse": errors[best],
                "n_slots": design.n_slots,
                "n_columns": design.n_columns,
            }
    on_progress(Progress(1.0, "done"))
    judged_model = SlotsModel(bases[0], tuple(judged))
    model = SlotsModel(bases[1], tuple(final)) if refit else judged_model
    return Fitted(
        model, judged_model, time.perf_counter() - started, notes={"slots": notes, "refit": spec.refit}
    )


def _bounds(design: Design, base: LinearModel, parts: list[Samples], output: int) -> Slots:
    """Return regressions without weights that hold products between what the parts show."""
    width = design.n_columns
    low, high = np.full(width, np.inf, np.float32), np.full(width, -np.inf, np.float32)
    for part in parts:
        for rows, _, _ in _blocks(design, base, part, output):
            low = np.minimum(low, rows.min(axis=(0, 1)))
            high = np.maximum(high, rows.max(axis=(0, 1)))
    plain = np.append(design.second < 0, True)  # the linear forecast is no product
    low[plain], high[plain] = -np.inf, np.inf
    none = np.zeros((design.n_slots, width), np.float32)
    return Slots(design, none, none[:, 0], low, high)


def _blocks(
    design: Design, base: LinearModel, part: Samples, output: int
) -> Iterator[tuple[Float32, Int64, Float32]]:
    """Yield (rows, slots, truth) of a part in blocks; long parts are thinned to a bounded amount of work."""
    per_window = base.output_steps * design.n_columns
    stride = 1 + int(len(part) * per_window * design.n_columns / WORK)
    size = max(1, BLOCK_VALUES // per_window)
    for start in range(0, len(part), size * stride):
        some = slice(start, min(start + size * stride, len(part)), stride)
        x = part.x[some]
        rows, slots = design.rows(x, base.predict(x)[:, :, output])
        yield rows, slots, part.y[some, :, output]


def _moments(slots: Slots, base: LinearModel, part: Samples, output: int) -> SlotMoments:
    design = slots.design
    p = design.n_columns + 1
    xx = np.zeros((design.n_slots, p, p))
    xy, yy = np.zeros((design.n_slots, p)), np.zeros(design.n_slots)
    for rows, places, truth in _blocks(design, base, part, output):
        flat = slots.held(rows).reshape(-1, p - 1)
        order = np.argsort(places.ravel(), kind="stable")
        borders = np.searchsorted(places.ravel()[order], np.arange(design.n_slots + 1))
        values = truth.ravel()
        for slot in range(design.n_slots):
            own = order[borders[slot] : borders[slot + 1]]
            x = np.concatenate([flat[own], np.ones((len(own), 1), np.float32)], axis=1).astype(np.float64)
            y = values[own].astype(np.float64)
            xx[slot] += x.T @ x
            xy[slot] += x.T @ y
            yy[slot] += y @ y
    return SlotMoments(xx, xy, yy)


def _solved(slots: Slots, moments: SlotMoments, penalty: float) -> Slots:
    weights = _ridge(moments, penalty)
    require_finite(weights, what="weights")
    return replace(
        slots,
        weights=weights[:, :-1].astype(np.float32),
        intercept=weights[:, -1].astype(np.float32),
    )


def _ridge(moments: SlotMoments, penalty: float) -> Float64:
    """Solve every slot with features of mean 0 and deviation 1 there.

    Returns weights (n_slots, p) on raw rows. A slot without rows takes those of all slots together.
    """
    whole_xx, whole_xy = moments.xx.sum(axis=0), moments.xy.sum(axis=0)
    scale = np.sqrt(np.maximum(np.diagonal(_centred(whole_xx)), 0.0) / max(whole_xx[-1, -1], 1.0))
    weights = np.empty(moments.xy.shape)
    for slot in range(len(weights)):
        xx, xy = moments.xx[slot], moments.xy[slot]
        if xx[-1, -1] < 2:
            xx, xy = whole_xx, whole_xy
        n_rows, mean = xx[-1, -1], xx[-1, :-1] / xx[-1, -1]
        centred = _centred(xx)
        deviation = np.sqrt(np.maximum(np.diagonal(centred), 0.0) / n_rows)
        says = deviation > CONSTANT * np.maximum(scale, 1e-12)
        unit = np.where(says, deviation, 1.0)
        gram = centred / np.outer(unit, unit)
        gram[~says], gram[:, ~says] = 0.0, 0.0
        gram.flat[:: len(gram) + 1] += n_rows * (max(penalty, 1e-9) + ~says)
        target = np.where(says, (xy[:-1] - mean * xy[-1]) / unit, 0.0)
        weights[slot, :-1] = np.linalg.solve(gram, target) / unit
        weights[slot, -1] = xy[-1] / n_rows - mean @ weights[slot, :-1]
    return weights


def _centred(xx: Float64) -> Float64:
    """Return the moments of the columns about their mean; the last column is the one."""
    sums = xx[-1, :-1]
    centred: Float64 = xx[:-1, :-1] - np.outer(sums, sums) / max(xx[-1, -1], 1.0)
    return centred
