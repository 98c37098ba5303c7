"""The linear model: closed-form ridge on the window, everything chosen on the validation part."""

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has neither stubs nor py.typed

from services.trainer.core.linear.model import LinearModel
from services.trainer.core.linear.moments import Moments
from services.trainer.core.linear.residual_ridge import choose, correct
from services.trainer.core.linear.shared_ridge import PENALTIES, Candidate, average, compare, lookback_ladder
from services.trainer.core.linear.units import Units, pooled_moments, standard_units
from services.trainer.core.model import Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.problems import require_finite, require_trainable
from shared.contracts.kinds import LinearSpec
from shared.windows.samples import Layout, Samples

HELD_OUT = 0.2  # share of the training part that judges when there is no validation part
NEAR = 1.03  # candidates whose validation error is within 3 % of the best are averaged


def fit_linear(
    spec: LinearSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
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
    # The solves are small: a second thread gains little, and threads that spin on busy cores cost tenfold.
    with threadpool_limits(limits=1, user_api="blas"):
        model, judged, notes = _fit(spec, train, validation, layout, on_progress)
    on_progress(Progress(1.0, "done"))
    return Fitted(model, judged, time.perf_counter() - started, notes=notes)


def linear_forecasts(
    train: Samples, judge: Samples, layout: Layout, *, refit: bool
) -> tuple[LinearModel, LinearModel]:
    """Fit what other kinds correct: the model that has not seen the judging part, and the final one."""
    fitted = fit_linear(LinearSpec(refit=refit), train, judge, layout)
    assert isinstance(fitted.judged, LinearModel)
    assert isinstance(fitted.model, LinearModel)
    return fitted.judged, fitted.model


def _fit(
    spec: LinearSpec, train: Samples, validation: Samples, layout: Layout, on_progress: OnProgress
) -> tuple[LinearModel, LinearModel, dict[str, JsonValue]]:
    """Return (final model, model that has not seen the validation part, notes)."""
    seen_part, judge = (train, validation) if len(validation) else train.held_out(HELD_OUT)
    units = standard_units(seen_part, layout)
    on_progress(Progress(0.0, "second moments"))
    seen = pooled_moments(seen_part, layout, units)
    unseen = pooled_moments(judge, layout, units)

    candidates = _candidates(spec, seen, unseen, layout, on_progress)
    base = _base(seen, candidates, layout, units)
    on_progress(Progress(0.7, "corrections"))
    chosen = choose(base, seen_part, judge, layout)
    model = judged = correct(base, chosen, [seen_part])
    if spec.refit or len(validation) == 0:
        on_progress(Progress(0.85, "refit"))
        model = correct(_base(seen + unseen, candidates, layout, units), chosen, [seen_part, judge])
    for name, values in (judged.to_arrays() | model.to_arrays()).items():
        require_finite(values, what=name)
    return (
        model,
        judged,
        {
            "shared": [asdict(candidate) for candidate in candidates],
            "corrections": {
                column.name: {
                    "columns": choice.columns,
                    "penalty": choice.penalty,
                    "validation_gain": choice.gain,
                }
                for column, (_, choice) in zip(layout.outputs, chosen, strict=True)
            },
            "refit": model is not judged,
            "judged_on": "validation" if len(validation) else "the last fifth of the training part",
        },
    )


def _candidates(
    spec: LinearSpec, seen: Moments, unseen: Moments, layout: Layout, on_progress: OnProgress
) -> list[Candidate]:
    """Return the shared regressions about as good as the best, best first; none when no output has a past.

    Their average forecasts better than the winner alone: lookbacks differ in their errors, and a
    validation part of one season cannot tell the last percent.
    """
    if all(own is None for own in layout.own_past):
        return []
    lookbacks = spec.lookbacks or lookback_ladder(layout.input_steps)
    usable = tuple(dict.fromkeys(min(steps, layout.input_steps) for steps in lookbacks))
    tried = []
    for candidate in compare(seen, unseen, lookbacks=usable, penalties=spec.penalties or PENALTIES):
        tried.append(candidate)
        on_progress(Progress(0.1 + 0.6 * len(tried) / (2 * len(usable)), "candidates"))
    ranked = sorted(tried, key=lambda candidate: candidate.validation_mse)
    return [c for c in ranked if c.validation_mse <= NEAR * ranked[0].validation_mse]


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
