"""How much of a correction counts: as much as surely helps on windows that it has not seen."""

import numpy as np

from shared.series.arrays import Float32

N_QUARTERS = 4  # parts of the windows that must agree on a correction


def best_shrinkage(correction: Float32, missing: Float32) -> Float32:
    """Return the factor per output, 0 to 1, with which ``correction`` surely helps to reach ``missing``.

    The factor b nearest to ``missing``, times 1 - 2 e^2 / b^2 with e its standard error over quarters of the
    windows: nearly all of it where the quarters agree, none where Akaike's criterion would leave it out. A
    correction that fits one season and not the next was learned by heart. Both have shape (n_windows,
    output_steps, n_outputs), windows in order of time.

    >>> missing = np.array([[[1.0, -1.0]], [[2.0, -2.0]]] * 4, np.float32)
    >>> best_shrinkage(missing * 2, missing).tolist(), best_shrinkage(-missing, missing).tolist()
    ([0.5, 0.5], [0.0, 0.0])
    >>> turning = missing * np.repeat([1.0, 1.0, 1.0, -1.0], 2)[:, None, None].astype(np.float32)
    >>> best_shrinkage(turning, missing).tolist()  # half, give or take a half
    [0.0, 0.0]
    """
    axes = (0, 1)
    power = np.sum(correction * correction, axes, dtype=np.float64)
    quarters = np.array_split(correction * missing, N_QUARTERS)
    matches = np.array([np.sum(quarter, axes, dtype=np.float64) for quarter in quarters])
    match, variance = matches.sum(axis=0), N_QUARTERS * matches.var(axis=0, ddof=1)
    helps = (power > 0) & (match > 0)
    best = np.divide(match, power, out=np.zeros_like(match), where=helps)
    doubt = np.divide(2.0 * variance, match * match, out=np.ones_like(match), where=helps)
    strength: Float32 = np.clip(best * np.clip(1.0 - doubt, 0.0, 1.0), 0.0, 1.0).astype(np.float32)
    return strength
