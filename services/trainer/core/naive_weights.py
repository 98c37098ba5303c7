"""References: forecasts that only repeat the past, as weights on the target's own past.

Every reference is a matrix of shape (input_steps, output_steps) whose columns sum to one, so it commutes
with any rescaling of the series. Baselines use one as it is; the linear model shrinks towards one.
"""

from collections.abc import Iterator

import numpy as np

from shared.series.arrays import Float64
from shared.windows.samples import Column, Layout

CALENDAR_SEASONS = (1.0, 12.0, 24.0, 168.0, 8766.0)  # hours: hour, half a day, day, week, mean year


def last_value(input_steps: int, output_steps: int) -> Float64:
    """Repeat the last observed value.

    >>> last_value(3, 2)
    array([[0., 0.],
           [0., 0.],
           [1., 1.]])
    """
    return mean_of_last(1, input_steps, output_steps)


def mean_of_last(n_steps: int, input_steps: int, output_steps: int) -> Float64:
    """Repeat the mean of the last ``n_steps`` observed values."""
    weights = np.zeros((input_steps, output_steps))
    weights[-n_steps:] = 1.0 / n_steps
    return weights


def past_step(column: Column, input_steps: int) -> float:
    """Hours between two neighbouring points of an input column; 0 for a single point."""
    return (column.end - column.start) / (input_steps - 1) if input_steps > 1 else 0.0


def seasonal(layout: Layout, output: int, season: float) -> Float64 | None:
    """Repeat the newest observed value of the same season, ``season`` hours or a multiple of it earlier.

    A moment between two past points takes both, weighted by nearness.

    Returns
    -------
    weights
        Shape (input_steps, output_steps), or None when the output's own past is missing or too short.
    """
    own = layout.own_past[output]
    if own is None or layout.input_steps < 2:
        return None
    past, step = layout.inputs[own], past_step(layout.inputs[own], layout.input_steps)
    ahead = layout.offsets(layout.outputs[output], layout.output_steps)
    n_seasons = np.ceil((ahead - past.end) / season - 1e-9)  # how many back to reach what is observed
    position = (ahead - np.maximum(n_seasons, 0) * season - past.start) / step  # in past steps
    if position.min() < -1e-6 or position.max() > layout.input_steps - 1 + 1e-6:
        return None

    # Weights that read the past at fractional positions.
    n_points = layout.input_steps
    position = np.clip(np.round(position, 6), 0, n_points - 1)
    before = np.minimum(position.astype(np.int64), n_points - 2)
    share = position - before
    weights = np.zeros((n_points, len(position)))
    columns = np.arange(len(position))
    weights[before, columns] = 1.0 - share
    weights[before + 1, columns] += share
    return weights


def candidate_seasons(layout: Layout, output: int) -> Iterator[tuple[float, Float64]]:
    """Yield (season in hours, weights) for every calendar season the output's own past can show."""
    own = layout.own_past[output]
    if own is None:
        return
    step = past_step(layout.inputs[own], layout.input_steps)
    for season in CALENDAR_SEASONS:
        weights = seasonal(layout, output, season) if season >= 2 * step > 0 else None
        if weights is not None:
            yield season, weights
