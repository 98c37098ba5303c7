"""Ridge regression of the future on the own past, with one weight matrix for every output.

A candidate is a lookback, a level and a penalty. The level (the last value, or the mean of the lookback) is
taken off past and future alike and added back to the forecast, so the penalty shrinks towards repeating the
level and nothing depends on where the series stands. The second moments of the full windows hold those of
every candidate: none of them looks at a window again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg

from services.trainer.core.linear.moments import Moments
from services.trainer.core.naive_weights import mean_of_last
from shared.series.arrays import Float64

Level = Literal["last", "mean"]
LEVELS: tuple[Level, ...] = ("last", "mean")
PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the mean variance of an input
LADDER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25, 0.1)  # lookbacks as shares of the window
SHORTEST, LONGEST = 4, 2048  # steps of the ladder; the normal equations grow with the square
COMPARED_STEPS = 48  # output steps that tell candidates apart


@dataclass(frozen=True)
class Candidate:
    """One way to regress; ``penalty`` in units of the mean variance of an input."""

    lookback: int
    level: Level
    penalty: float
    validation_mse: float = float("nan")


def lookback_ladder(input_steps: int) -> tuple[int, ...]:
    """Return the lookbacks worth trying, longest first.

    >>> lookback_ladder(720)
    (720, 648, 576, 504, 432, 360, 180, 72)
    >>> lookback_ladder(5)
    (5, 4)
    """
    full = min(input_steps, LONGEST)
    steps = (max(round(full * share), min(SHORTEST, full)) for share in LADDER)
    return tuple(dict.fromkeys(steps))


def fit_candidate(moments: Moments, candidate: Candidate) -> Float64:
    """Solve one candidate.

    Returns
    -------
    weights
        Shape (input_steps, output_steps) on the raw past; columns sum to one.
    """
    level = _level_weights(candidate)
    weights = solve_ridge(moments.last(candidate.lookback).relative(level), candidate.penalty)
    raw = np.zeros(moments.xy.shape)
    raw[-candidate.lookback :] = weights + np.outer(level, 1.0 - weights.sum(axis=0))
    return raw


def compare(
    train: Moments, validation: Moments, *, lookbacks: tuple[int, ...], penalties: tuple[float, ...]
) -> Iterator[Candidate]:
    """Yield, for every lookback and level, the penalty with the least validation error."""
    step = max(1, train.xy.shape[1] // COMPARED_STEPS)
    train, validation = train.every(step), validation.every(step)
    for lookback in lookbacks:
        for level in LEVELS:
            weights = _level_weights(Candidate(lookback, level, np.nan))
            seen = train.last(lookback).relative(weights)
            unseen = validation.last(lookback).relative(weights)
            penalty, error = _best_penalty(seen, unseen, sorted(penalties))
            yield Candidate(lookback, level, penalty, error)


def average(moments: Moments, candidates: list[Candidate]) -> Float64:
    """Fit every candidate and average their weights: the average of their forecasts."""
    weights = sum(fit_candidate(moments, candidate) for candidate in candidates)
    return np.asarray(weights / len(candidates))


def solve_ridge(problem: Moments, penalty: float) -> Float64:
    """Minimise squared error plus ``penalty`` (in units of the mean input variance) times squared weights."""
    gram = problem.xx.copy()
    diagonal = gram.flat[:: len(gram) + 1]
    # A hair of the diagonal keeps collinear inputs solvable at penalty 0, a one inputs that never vary.
    hair = 1e-10 * float(diagonal.max()) or 1.0
    gram.flat[:: len(gram) + 1] += max(penalty * float(diagonal.mean()), hair)
    factor = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, problem.xy, check_finite=False))


def _best_penalty(seen: Moments, unseen: Moments, penalties: list[float]) -> tuple[float, float]:
    """Walk downhill from the middle of the ladder: the error has one valley."""
    errors: dict[int, float] = {}

    def error(rung: int) -> float:
        if not 0 <= rung < len(penalties):
            return np.inf
        if rung not in errors:
            weights = solve_ridge(seen, penalties[rung])
            errors[rung] = float(unseen.squared_error(weights).mean()) / unseen.n
        return errors[rung]

    rung = len(penalties) // 2
    direction = 1 if error(rung + 1) < error(rung) else -1
    while error(rung + direction) < error(rung):
        rung += direction
    return penalties[rung], error(rung)


def _level_weights(candidate: Candidate) -> Float64:
    """Weights (lookback,) of the last value, or of the mean of the lookback."""
    n_steps = 1 if candidate.level == "last" else candidate.lookback
    return mean_of_last(n_steps, candidate.lookback, 1)[:, 0]
