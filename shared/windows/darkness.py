"""Where a window itself says that its output is zero: slots of the day that were dark on all days before.

Night falls by the sun, not by the clock, so what is dark is read from the window at hand: a slot is dark if
it was zero, its neighbours too, on each of the newest days, while the day has light at all. How many
neighbours it takes is what the training part shows: with them the rule was never wrong there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from shared.series.arrays import Bool, Float32, Float64, Int64

DAY, WEEK = 24.0, 168.0  # hours
MOST_REPEATS, FEWEST_REPEATS = 8, 2  # days (or weeks) that are looked at
NEIGHBOURS = (0, 1, 2, 3, 4, 6, 8, 12)  # steps on both sides
MOST_HOURS = 2.0  # that neighbours reach, or one step
LEAST_SHARE = 0.02  # of the training values that are zero, and that the rule has to speak for
TINY = 1e-6  # of the largest value: as good as zero


@dataclass(frozen=True)
class Darkness:
    """How an output's own past tells that it will be zero.

    ``column`` of X holds that past; ``repeats`` seasons of ``season`` hours are looked at, with
    ``neighbours`` steps on both sides; scaled values up to ``zero`` count as zero.
    """

    column: int
    season: float
    repeats: int
    neighbours: int
    zero: float

    def points(self, ahead: Float64, past: Float64) -> Int64:
        """Return which points of the window each output step looks at, (output_steps, n_points).

        ``ahead`` (output_steps,) and ``past`` (input_steps,) are hours relative to the reference time.
        """
        spacing = past[1] - past[0]
        back = _newest(ahead, past, self.season)[:, None] + np.arange(self.repeats)
        hours = ahead[:, None] - back * self.season
        sides = np.arange(-self.neighbours, self.neighbours + 1) * spacing
        places = np.round((hours[:, :, None] + sides - past[0]) / spacing)
        points: Int64 = np.clip(places, 0, len(past) - 1).astype(np.int64)
        return points.reshape(len(ahead), -1)

    def dark(self, x: Float32, ahead: Float64, past: Float64) -> Bool:
        """Tell dark steps of scaled windows, (n, input_steps, n_inputs) -> (n, output_steps)."""
        own = x[:, :, self.column]
        brightest = np.full((len(x), len(ahead)), -np.inf, np.float32)
        for points in self.points(ahead, past).T:
            np.maximum(brightest, own[:, points], out=brightest)
        lit = own.max(axis=1) > self.zero  # a past of zeros alone is no night: nobody knows how it ends
        dark: Bool = (brightest <= self.zero) & lit[:, None]
        return dark


def learn_darkness(
    column: int,
    ahead: Float64,
    past: Float64,
    zero: float,
    windows: Callable[[], Iterator[tuple[Float32, Bool]]],
) -> Darkness | None:
    """Return the rule with the fewest neighbours that was never wrong on some windows, None if none is.

    Parameters
    ----------
    column, ahead, past, zero
        As for `Darkness`: the output's own past, hours of the output's and of the past's points, and the
        largest scaled value that counts as zero.
    windows
        Yields scaled windows (n, input_steps, n_inputs), and whether their truth is zero (n, output_steps).
    """
    spacing = float(past[1] - past[0]) if len(past) > 1 else 0.0
    if spacing <= 0:
        return None
    season = DAY if spacing < DAY - TINY else WEEK
    newest = _newest(ahead, past, season)
    repeats = min(MOST_REPEATS, int((np.floor((ahead - past[0]) / season + TINY) - newest).min()) + 1)
    places = (ahead - newest * season - past[0]) / spacing
    if repeats < FEWEST_REPEATS or np.abs(places - np.round(places)).max() > 1e-3:
        return None
    reach = MOST_HOURS if season == DAY else 0.0
    ladder = [n for n in NEIGHBOURS if n * spacing <= reach or n == (1 if season == DAY else 0)]
    rules = [Darkness(column, season, repeats, n, zero) for n in ladder]
    right = np.zeros(len(rules))
    n_values = 0
    for x, is_zero in windows():
        n_values += is_zero.size
        for k, rule in enumerate(rules):
            dark = rule.dark(x, ahead, past)
            right[k] = np.nan if (dark & ~is_zero).any() else right[k] + dark.sum()
    kept = (rule for rule, n in zip(rules, right, strict=True) if n >= max(1.0, LEAST_SHARE * n_values))
    return next(kept, None)


def _newest(ahead: Float64, past: Float64, season: float) -> Float64:
    """Return how many seasons back each output step is known at the reference time, (output_steps,)."""
    newest: Float64 = np.maximum(np.ceil((ahead - past[-1]) / season - TINY), 1.0)
    return newest
