"""Fit boosted trees on the rows of single steps, with early stopping on the validation part."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from pydantic import JsonValue

from services.trainer.core.boost.model import Alone, Boosted, BoostModel, Trees, rows_with
from services.trainer.core.linear.fit import linear_forecasts
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Fitted, OnProgress, Progress, ignore_progress
from services.trainer.core.problems import require_trainable
from services.trainer.core.shrinkage import best_shrinkage
from services.trainer.core.step_rows import Recipe, recipe_of
from shared.contracts.kinds import BoostSpec
from shared.series.arrays import Float32, Float64
from shared.windows.samples import Layout, Samples

HELD_OUT = 0.2  # share of the training part that judges when there is no validation part
MOST_ROWS, MOST_JUDGED = 100_000, 40_000  # neighbouring windows hardly differ: more rows cost time alone
EXPLAINED_ROWS = 500  # evenly over the judging rows: SHAP values take ten times as long as forecasts
BLOCK_WINDOWS = 1024
CORRECTING = {"objective": "l2"}
ALONE = {"objective": "l2", "linear_tree": True, "linear_lambda": 1.0}  # leaves that are linear functions
QUANTILES, QUANTILE_ROWS = (0.1, 0.9), 40_000  # of what the linear forecast misses; more rows gain little
LEAVES = 31  # of a tree whose depth nobody bounds
MOST_LEAVES = 255


@dataclass(frozen=True)
class Table:
    """Sampled rows of one output and what the linear forecast misses there, in units of ``spread``."""

    rows: Float32
    missing: Float32

    def alone(self, spread: float) -> "Table":
        """Return the rows with the whole of what is forecast, in units of ``spread``."""
        return Table(self.rows, self.missing + self.rows[:, -1] / np.float32(spread))

    def reach(self) -> tuple[float, float]:
        """Return between what a forecast has to stay: what the rows miss, and as far again beyond both ends.

        Only of the whole of what is forecast: what is missed has no such ends.
        """
        least, most = float(self.missing.min()), float(self.missing.max())
        return least - (most - least), most + (most - least)

    def __add__(self, other: "Table") -> "Table":
        """Return the rows of both."""
        return Table(np.concatenate([self.rows, other.rows]), np.concatenate([self.missing, other.missing]))


def fit_boost(
    spec: BoostSpec,
    train: Samples,
    validation: Samples,
    layout: Layout,
    *,
    on_progress: OnProgress = ignore_progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Fit LightGBM per output: on what the linear forecast misses, on the output itself, and on quantiles.

    A row is a step of a window: the lead, the calendar and known series at its time, lags relative to it and
    to the reference time, and the linear forecast itself. At most ``MOST_ROWS`` of them, drawn by the seed,
    are learned from. Trees are added until the validation error stops falling; with ``spec.refit`` as many
    are then grown on both parts, and ``Fitted.judged`` is the model that has not seen the validation part.
    Trees that correct go where the linear forecast goes, trees that stand alone do not repeat its mistakes:
    these count as much as surely helps on the validation part, and are left out where that is nothing. Their
    leaves are linear functions. Trees for two quantiles tell how far off a forecast may be.

    Raises
    ------
    TooFewWindows, ConstantTarget, NotFinite
        If the training part cannot teach anything.
    """
    started = time.perf_counter()
    require_trainable(train, layout)
    seen, judge = (train, validation) if len(validation) else train.held_out(HELD_OUT)
    refit = spec.refit or len(validation) == 0
    on_progress(Progress(0.0, "linear forecast to correct"))
    bases = linear_forecasts(seen, judge, layout, refit=refit)
    judged: list[Trees] = []
    final: list[Trees] = []
    notes: dict[str, JsonValue] = {}
    told = _Told(on_progress, spec.n_estimators, len(layout.outputs) * (2 + 2 * refit + 2 * spec.quantiles))
    grow = partial(_grow, spec, told)

    for output, column in enumerate(layout.outputs):
        recipe = recipe_of(layout, output)
        spread = float(seen.y[:, :, output].std()) or 1.0
        table = partial(_table, recipe, output=output, spread=spread, seed=spec.seed)
        teaching, judging = table(bases[0], seen, most=MOST_ROWS), table(bases[0], judge, most=MOST_JUDGED)
        whole = teaching.alone(spread)
        correcting = grow(CORRECTING, teaching, judging)
        alone = grow(ALONE, whole, judging.alone(spread))
        trees = _together(
            Trees(recipe, spread, correcting.trees), Alone(alone.trees, 1.0, *whole.reach()), judging
        )
        if spec.quantiles:
            step = -(-len(teaching.rows) // QUANTILE_ROWS)
            few = Table(teaching.rows[::step], teaching.missing[::step])
            ends = [grow({"objective": "quantile", "alpha": alpha}, few, judging) for alpha in QUANTILES]
            trees = replace(trees, quantiles=tuple(end.trees for end in ends))
        judged.append(trees)
        if refit:
            both = table(bases[1], seen, most=MOST_ROWS) + table(bases[1], judge, most=MOST_ROWS // 2)
            again = grow(CORRECTING, both, None, n_trees=correcting.n_trees)
            kept = trees.alone
            if kept is not None:
                both = both.alone(spread)
                boosted = grow(ALONE, both, None, n_trees=alone.n_trees).trees
                kept = Alone(boosted, kept.share, *both.reach())
            trees = Trees(recipe, spread, again.trees, kept, trees.quantiles)
        final.append(trees)
        notes[column.name] = _note(trees, judging, [correcting, alone])
    on_progress(Progress(1.0, "done"))
    judged_model = BoostModel(bases[0], tuple(judged))
    model = BoostModel(bases[1], tuple(final)) if refit else judged_model
    return Fitted(
        model, judged_model, time.perf_counter() - started, notes={"trees": notes, "refit": spec.refit}
    )


@dataclass(eq=False)
class _Told:
    """Tells progress of one fit after the other; a fit that is not needed is a step that is skipped."""

    on_progress: OnProgress
    most_trees: int
    n_fits: int
    begun: int = 0

    def of_next(self) -> Callable[[Any], None]:
        """Return what the library calls after each tree of the fit that begins."""
        before = self.begun
        self.begun += 1

        def report(environment: Any) -> None:
            share = (environment.iteration + 1) / max(environment.end_iteration, 1)
            losses = environment.evaluation_result_list
            fraction = 0.05 + 0.95 * (before + share) / self.n_fits
            val_loss = float(losses[0][2]) if losses else None
            self.on_progress(
                Progress(fraction, "trees", environment.iteration + 1, self.most_trees, val_loss=val_loss)
            )

        return report


@dataclass(frozen=True)
class Grown:
    """Trees, how many were worth keeping, and their loss where something judged them."""

    trees: Boosted
    n_trees: int
    loss: float | None


def _grow(
    spec: BoostSpec,
    told: _Told,
    objective: Mapping[str, Any],
    teaching: Table,
    judging: Table | None,
    *,
    n_trees: int | None = None,
) -> Grown:
    """Grow trees, at most as many as asked for; with a part that judges until they stop helping."""
    depth = spec.max_depth
    settings: dict[str, Any] = {
        **objective,
        "learning_rate": spec.learning_rate,
        "max_depth": depth or -1,
        "num_leaves": LEAVES if depth is None else max(2, min(2**depth, MOST_LEAVES)),
        "min_data_in_leaf": max(1, min(40, len(teaching.rows) // 50)),
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "deterministic": True,
        "force_col_wise": True,
        "seed": spec.seed,
        # Threads that spin on busy cores cost a hundredfold; a replica fits one model at a time.
        "num_threads": 1,
        "verbose": -1,
    }
    data = lightgbm.Dataset(teaching.rows, teaching.missing, params=settings)
    callbacks: list[Callable[[Any], Any]] = [told.of_next()]
    if judging is None:
        n_trees = n_trees or spec.n_estimators
        booster = lightgbm.train(settings, data, n_trees, callbacks=callbacks)
        return Grown(Boosted(booster.model_to_string()), n_trees, None)
    curves: dict[str, dict[str, list[float]]] = {}
    callbacks.append(lightgbm.record_evaluation(curves))
    if spec.patience:
        callbacks.append(lightgbm.early_stopping(spec.patience, verbose=False))
    booster = lightgbm.train(
        settings,
        data,
        spec.n_estimators,
        valid_sets=[lightgbm.Dataset(judging.rows, judging.missing, reference=data)],
        valid_names=["validation"],
        callbacks=callbacks,
    )
    best = max(booster.best_iteration, 1)
    loss = curves["validation"][settings["objective"]][best - 1]
    return Grown(Boosted(booster.model_to_string(num_iteration=best)), best, loss)


def _together(correcting: Trees, alone: Alone, judging: Table) -> Trees:
    """Give trees that stand alone the say that surely helps on rows that neither has seen."""
    ends = [trees.predict(judging.rows) for trees in (correcting, replace(correcting, alone=alone))]
    truth = judging.rows[:, -1] + judging.missing * np.float32(correcting.spread)
    turn, missing = (values[:, None, None] for values in (ends[1] - ends[0], truth - ends[0]))
    share = round(float(best_shrinkage(turn, missing)[0]), 4)
    return replace(correcting, alone=replace(alone, share=share)) if share else correcting


def _table(
    recipe: Recipe, base: LinearModel, part: Samples, *, output: int, spread: float, most: int, seed: int
) -> Table:
    """Draw rows of a part, block by block: all of them at once would not fit for long series."""
    n_steps = base.output_steps
    n_rows = len(part) * n_steps
    chosen = np.random.default_rng((seed, output)).choice(n_rows, min(n_rows, most), replace=False)
    chosen.sort()
    rows, missing = [], []
    for start in range(0, len(part), BLOCK_WINDOWS):
        first, last = np.searchsorted(chosen, (start * n_steps, (start + BLOCK_WINDOWS) * n_steps))
        some = chosen[first:last] - start * n_steps
        x = part.x[start : start + BLOCK_WINDOWS]
        linear = base.predict(x)[:, :, output]
        block = rows_with(recipe, x, linear)
        truth = part.y[start : start + BLOCK_WINDOWS, :, output]
        rows.append(block.reshape(-1, block.shape[2])[some])
        missing.append(((truth - linear) / spread).ravel()[some])
    return Table(np.concatenate(rows), np.concatenate(missing))


def _note(trees: Trees, judging: Table, grown: list[Grown]) -> dict[str, JsonValue]:
    """Return what is worth knowing of one output: its size, and what it relies on (mean absolute SHAP)."""
    correcting, alone = grown
    names = (*trees.recipe.names, "linear forecast")
    some = judging.rows[:: 1 + len(judging.rows) // EXPLAINED_ROWS]
    values: Float64 = np.asarray(trees.correcting.booster.predict(some, pred_contrib=True, num_threads=1))
    shares = np.abs(values[:, :-1]).mean(axis=0)
    order = np.argsort(-shares)[:20]
    return {
        "n_trees": correcting.n_trees,
        "validation_loss": correcting.loss,
        "n_trees_alone": alone.n_trees,
        "validation_loss_alone": alone.loss,
        "share_alone": trees.alone.share if trees.alone else 0.0,
        "mean_abs_shap": {names[k]: round(float(shares[k]), 6) for k in order},
    }
