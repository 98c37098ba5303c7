"""Support vector regression on the flattened window: one regressor per step, or one for all steps."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from services.trainer.core.model import Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.problems import require_finite, require_trainable
from services.trainer.core.svr.joint import MOST_ITERATIONS as JOINT_ITERATIONS
from services.trainer.core.svr.joint import fit_joint_tube
from services.trainer.core.svr.kernels import (
    JointKernelModel,
    KernelModel,
    fit_feature_map,
    flatten,
    resolve_kernel,
)
from services.trainer.core.svr.linear_admm import GAP, fit_tube
from shared.contracts.kinds import SvrDirectSpec, SvrMimoSpec
from shared.series.arrays import Float32
from shared.windows.samples import Layout, Samples

EXACT_WORK = 4e9  # windows^2 * targets up to which SVR_dir is solved exactly: about 10 s, 100 s for a large C
EXACT_DIRECT_WINDOWS = 16_000  # up to which SVR_dir is solved exactly: kernel rows of 1 GB
EXACT_WINDOWS = 2000  # up to which SVR_MIMO uses every window as a centre
N_CENTRES = 1024  # Nystroem centres above these sizes
MOST_WINDOWS = 40_000  # longer training parts are thinned evenly: neighbouring windows overlap
MOST_RESIDUALS = 1 << 24  # residuals of one group of targets: 64 MB


def fit_svr_direct(
    spec: SvrDirectSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Fit one support vector regressor per step and output.

    Up to ``EXACT_WORK`` and ``EXACT_DIRECT_WINDOWS`` each is solved exactly; above them all share Nystroem
    features of the kernel and are solved together to a stated duality gap. The notes say which. The
    validation part is not needed.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the training part cannot teach anything.
    """
    started = time.perf_counter()
    require_trainable(train, layout)
    n_targets = layout.output_steps * len(layout.outputs)
    if is_exact(len(train), n_targets):
        x, y = flatten(train.x), flatten(train.y)
        model, notes = _fit_exact(spec, x, y, layout, on_progress)
    else:
        thinned = _thin(train)
        x, y = flatten(thinned.x), flatten(thinned.y)
        model, notes = _fit_features(spec, x, y, layout.output_steps, on_progress)
    notes |= {"gamma": float(model.gamma), "n_windows": len(x)}
    return _finish(model, notes, started, on_progress)


def fit_svr_mimo(
    spec: SvrMimoSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Fit one regressor for all steps and outputs with the joint epsilon-insensitive loss.

    The radius of the tube is ``epsilon * sqrt(n_targets)``, so that epsilon keeps its meaning per step
    whatever the length of the forecast. Up to ``EXACT_WINDOWS`` windows the kernel is exact, above it
    Nystroem features stand in; the notes say which. The validation part is not needed.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the training part cannot teach anything.
    """
    started = time.perf_counter()
    require_trainable(train, layout)
    thinned = _thin(train)
    x, y = flatten(thinned.x), flatten(thinned.y)
    n_centres = len(x) if len(x) <= EXACT_WINDOWS else N_CENTRES
    feature_map = fit_feature_map(resolve_kernel(spec, x), x, n_centres=n_centres, seed=spec.seed)
    on_progress(Progress(0.2, "features"))
    radius = spec.epsilon * float(np.sqrt(y.shape[1]))

    def report(iteration: int, objective: float) -> None:
        fraction = 0.2 + 0.8 * iteration / JOINT_ITERATIONS
        on_progress(Progress(fraction, "iterations", iteration, JOINT_ITERATIONS, loss=objective))

    fitted = fit_joint_tube(feature_map(x), y, C=spec.C, epsilon=radius, on_iteration=report)
    model = JointKernelModel.assemble(
        feature_map.function,
        feature_map.centres,
        feature_map.whiten @ fitted.weights,
        fitted.intercept,
        layout.output_steps,
    )
    notes: dict[str, JsonValue] = {
        "nystroem": not feature_map.exact,
        "n_centres": len(feature_map.centres),
        "tube_radius": radius,
        "n_support": fitted.n_support,
        "n_iterations": len(fitted.objective) - 1,
        "gamma": feature_map.function.gamma,
        "n_windows": len(x),
    }
    return _finish(model, notes, started, on_progress, history={"loss": fitted.objective})


def is_exact(n_windows: int, n_targets: int) -> bool:
    """Tell whether SVR_dir is solved exactly at this size."""
    return n_windows <= EXACT_DIRECT_WINDOWS and n_windows**2 * n_targets <= EXACT_WORK


def _fit_exact(
    spec: SvrDirectSpec, x: Float32, y: Float32, layout: Layout, on_progress: OnProgress
) -> tuple[KernelModel, dict[str, JsonValue]]:
    """Solve target after target and keep the windows that support any of them."""
    # The only kind that needs the compiled solver, which takes seconds to import.
    from services.trainer.core.svr.exact import DualFit, ExactRegression

    function = resolve_kernel(spec, x)
    solver = ExactRegression(function, x, C=spec.C, epsilon=spec.epsilon)
    n_targets, n_outputs = y.shape[1], len(layout.outputs)
    fits: list[DualFit] = []
    for target in range(n_targets):

        def report(violation: float, done: int = target) -> None:
            on_progress(Progress(done / n_targets, "outputs", done, n_targets, loss=violation))

        before = fits[target - n_outputs] if target >= n_outputs else None  # the same output, a step earlier
        fits.append(solver.fit(y[:, target].astype(np.float64), like=before, on_round=report))
        on_progress(Progress((target + 1) / n_targets, "outputs", target + 1, n_targets))
    coefficients = np.stack([fit.beta for fit in fits], axis=1)
    kept = np.flatnonzero(coefficients.any(axis=1))
    model = KernelModel.assemble(
        function,
        x[kept],
        coefficients[kept].astype(np.float32),
        np.asarray([fit.intercept for fit in fits], dtype=np.float32),
        layout.output_steps,
    )
    return model, {
        "nystroem": False,
        "n_support": len(kept),
        "n_iterations": sum(fit.n_steps for fit in fits),
        "converged": all(fit.converged for fit in fits),
    }


def _fit_features(
    spec: SvrDirectSpec, x: Float32, y: Float32, output_steps: int, on_progress: OnProgress
) -> tuple[KernelModel, dict[str, JsonValue]]:
    """Solve all targets on shared features, in groups that bound the memory."""
    feature_map = fit_feature_map(resolve_kernel(spec, x), x, n_centres=N_CENTRES, seed=spec.seed)
    features = feature_map(x)
    on_progress(Progress(0.1, "features"))
    n_targets = y.shape[1]
    size = max(1, MOST_RESIDUALS // len(x))
    fits = []
    for start in range(0, n_targets, size):
        stop = min(start + size, n_targets)

        def report(iteration: int, gap: float, first: int = start, last: int = stop) -> None:
            share = first + (last - first) * min(1.0, GAP / max(gap, GAP))
            on_progress(Progress(0.1 + 0.9 * share / n_targets, "iterations", iteration, loss=gap))

        group = np.ascontiguousarray(y[:, start:stop])
        fits.append(fit_tube(features, group, C=spec.C, epsilon=spec.epsilon, on_iteration=report))
    weights = np.concatenate([fit.weights for fit in fits], axis=1)
    model = KernelModel.assemble(
        feature_map.function,
        feature_map.centres,
        feature_map.whiten @ weights,
        np.concatenate([fit.intercept for fit in fits]),
        output_steps,
    )
    return model, {
        "nystroem": not feature_map.exact,
        "n_centres": len(feature_map.centres),
        "duality_gap": max(fit.gap for fit in fits),
        "n_iterations": max(fit.n_iterations for fit in fits),
    }


def _thin(train: Samples) -> Samples:
    """Keep every k-th window of a long training part."""
    step = -(-len(train) // MOST_WINDOWS)
    return replace(train, x=train.x[::step], y=train.y[::step], ref_ns=train.ref_ns[::step])


def _finish(
    model: KernelModel,
    notes: dict[str, JsonValue],
    started: float,
    on_progress: OnProgress,
    history: dict[str, list[float]] | None = None,
) -> Fitted:
    require_finite(model.weights, what="weights")
    require_finite(model.intercept, what="intercept")
    on_progress(Progress(1.0, "done"))
    return Fitted(model, model, time.perf_counter() - started, history or {}, notes)
