"""The linear model: closed-form ridge on the window, everything chosen on the validation part."""

import time

import numpy as np
from pydantic import JsonValue

from services.trainer.core.correction import choose, correct
from services.trainer.core.gram import Moments
from services.trainer.core.linear_model import LinearModel
from services.trainer.core.model import Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.own_past import Units, outputs_with_past, pooled_moments, standard_units
from services.trainer.core.problems import require_finite, require_trainable
from services.trainer.core.shared_ridge import (
    PENALTIES,
    Candidate,
    average,
    compare,
    lookback_ladder,
    near_best,
)
from shared.contracts.kinds import LinearSpec
from shared.timeseries.samples import Layout, Samples

HELD_OUT = 0.2  # share of the training part that judges when there is no validation part


def fit_linear(
    spec: LinearSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
) -> Fitted:
    """Fit the linear model: one weight matrix shared by the outputs, then a correction of each.

    Lookback, level and penalty, and whether other inputs correct the forecast, are chosen on the validation
    part; a small average of near-best candidates is kept. With ``spec.refit`` the model is then fitted again
    on both parts, and ``Fitted.judged`` is the one that has not seen the validation part.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the training part cannot teach anything.
    """
    started = time.perf_counter()
    require_trainable(train, layout)
    judge = validation
    if len(validation) == 0:
        train, judge = _hold_out(train)
    units = standard_units(train, layout)
    on_progress(Progress(0.0, "second moments"))
    seen = pooled_moments(train, layout, units)
    unseen = pooled_moments(judge, layout, units)

    candidates = _candidates(spec, seen, unseen, layout, on_progress)
    base = _base(seen, candidates, layout, units)
    on_progress(Progress(0.7, "corrections"))
    chosen = choose(base, train, judge, layout)
    judged = correct(base, chosen, [train])
    model = judged
    if spec.refit or len(validation) == 0:
        on_progress(Progress(0.85, "refit"))
        model = correct(_base(seen + unseen, candidates, layout, units), chosen, [train, judge])
    for name, values in model.to_arrays().items():
        require_finite(values, what=name)
    on_progress(Progress(1.0, "done"))

    notes: dict[str, JsonValue] = {
        "shared": [candidate.note() for candidate in candidates],
        "corrections": {
            column.name: choice.note() for column, (_, choice) in zip(layout.outputs, chosen, strict=True)
        },
        "refit": model is not judged,
        "judged_on": "validation" if len(validation) else "the last fifth of the training part",
    }
    return Fitted(model, judged, time.perf_counter() - started, notes=notes)


def _candidates(
    spec: LinearSpec, seen: Moments, unseen: Moments, layout: Layout, on_progress: OnProgress
) -> list[Candidate]:
    """Return the near-best shared regressions; none when no output has its own past."""
    if not outputs_with_past(layout):
        return []
    lookbacks = spec.lookbacks or lookback_ladder(layout.input_steps)
    usable = tuple(dict.fromkeys(min(steps, layout.input_steps) for steps in lookbacks))
    tried = []
    for candidate in compare(seen, unseen, lookbacks=usable, penalties=spec.penalties or PENALTIES):
        tried.append(candidate)
        on_progress(Progress(0.1 + 0.6 * len(tried) / (2 * len(usable)), "candidates"))
    return near_best(tried)


def _base(moments: Moments, candidates: list[Candidate], layout: Layout, units: Units) -> LinearModel:
    """Return the shared regression alone; without candidates it forecasts the training mean."""
    shape = (layout.input_steps, layout.output_steps)
    shared = average(moments, candidates) if candidates else np.zeros(shape)
    n_targets = layout.output_steps * len(layout.outputs)
    return LinearModel(
        own=np.array([-1 if k is None else k for k in layout.own_past], dtype=np.int64),
        x_gain=units.x_gain.astype(np.float32),
        x_shift=units.x_shift.astype(np.float32),
        y_gain=(1.0 / units.y_gain).astype(np.float32),
        y_shift=(-units.y_shift / units.y_gain).astype(np.float32),
        shared=shared.astype(np.float32),
        picked=np.empty(0, dtype=np.int64),
        correction=np.empty((0, n_targets), dtype=np.float32),
        intercept=np.zeros(n_targets, dtype=np.float32),
    )


def _hold_out(train: Samples) -> tuple[Samples, Samples]:
    """Split the newest windows off the training part."""
    border = len(train) - max(1, int(HELD_OUT * len(train)))
    return train.rows(slice(0, border)), train.rows(slice(border, None))
