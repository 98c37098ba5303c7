"""How large errors are by the hour of the day: what they are divided by before their quantiles are taken.

The noon of a solar plant says little about its night, and a load's evening little about its early morning.
Each step has its own sizes by the hour of the reference time, which for one step is the hour of its truth,
shifted. Hours are those of the UTC day: intervals know no timezone, and what is calibrated again every day or
two follows a change of clocks.
"""

from dataclasses import dataclass

import numpy as np

from shared.series.arrays import Float64, Int64

HOUR_NS = 3_600_000_000_000
HOURS = 24
_NEXT = np.roll(np.eye(HOURS), 1, axis=1)
SPREAD = 0.5 * np.eye(HOURS) + 0.25 * (_NEXT + _NEXT.T)  # share of an error at each hour: sunrise moves
AS_MANY_OF_ALL = 2.0  # errors of the mean size that stand beside those of an hour
LEAST = 0.05  # of the mean size of all: an hour without errors may have one tomorrow


@dataclass(frozen=True)
class HourlySizes:
    """How large errors of each step and output are by hour, in the outputs' units.

    ``newest`` (n_steps, n_outputs, 24) is for forecasts that follow, ``of_blocks`` (n_blocks, n_steps,
    n_outputs, 24) for blocks of test windows.
    """

    newest: Float64
    of_blocks: Float64

    def at(self, ref_ns: Int64, blocks: Int64 | None, steps: slice = slice(None)) -> Float64:
        """Return the sizes for windows (n_windows,) of these blocks: (n_windows, n_steps, n_outputs)."""
        hours = hour_of(ref_ns)
        if blocks is None:
            return np.moveaxis(self.newest[steps][..., hours], -1, 0)
        return self.of_blocks[:, steps][blocks, ..., hours]


def hour_of(moments_ns: Int64) -> Int64:
    """Return the hour of the UTC day, 0 to 23.

    >>> hour_of(np.array([-1, 0, 25 * HOUR_NS]))
    array([23,  0,  1])
    """
    return moments_ns // HOUR_NS % HOURS


def hourly_sizes(residuals: Float64, hours: Int64) -> Float64:
    """Return the mean size of residuals by hour, 1 where there is no error: (n_steps, n_outputs, 24).

    Parameters
    ----------
    residuals
        Shape (n_steps, n_outputs, n_windows); NaN where unknown.
    hours
        Of the windows' reference times, (n_windows,).
    """
    each = np.empty((2, *residuals.shape))  # sizes, and how many there are
    each[1] = np.isfinite(residuals)
    each[0] = np.where(each[1], np.abs(residuals), 0.0)
    near = each @ SPREAD[hours]
    size, n = near.sum(axis=-1, keepdims=True)
    mean = size / np.maximum(n, 1.0)
    sizes = np.maximum((near[0] + AS_MANY_OF_ALL * mean) / (near[1] + AS_MANY_OF_ALL), LEAST * mean)
    return np.where(mean > 0, sizes, 1.0)
