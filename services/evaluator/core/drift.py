"""Drift of inputs: do new rows come from the distribution a model was trained on?

Two measures per input. The two-sample Kolmogorov-Smirnov test asks whether there is a difference;
neighbouring rows repeat each other, so both samples count with their effective size, n (1 - r) / (1 + r)
with r the lag-1 autocorrelation. The population stability index says how large it is (0.1 small, 0.25
large by convention).
Of several inputs some would differ by chance: p-values are corrected by Holm (1979). Drift is both at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue
from scipy import stats

from shared.series.arrays import Float64
from shared.series.series import NS_PER_HOUR, Series

ALPHA, LARGE_PSI = 0.01, 0.25
MIN_EFFECTIVE = 5.0  # effective values per sample; fewer decide nothing
_BINS = 10
_YEAR_NS = round(365.25 * 24 * NS_PER_HOUR)
_SEASON_NS = 45 * 24 * NS_PER_HOUR  # training rows within so much of the same season, where there is a year


@dataclass(frozen=True)
class InputDrift:
    """How one input's new rows differ from its training rows; ``why`` says why nothing was decided."""

    name: str
    n_train: int
    n_new: int
    ks: float | None = None
    psi: float | None = None
    p_value: float | None = None
    why: str | None = None


def compare_input(name: str, series: Series, *, trained_until_ns: int, since_ns: int) -> InputDrift:
    """Compare the rows after a moment with those of training.

    Parameters
    ----------
    series
        All rows of the input.
    trained_until_ns
        The last moment a training window saw.
    since_ns
        New rows are those after it, and after training.

    Where training saw a year and more, it is compared by the same season: rows within 45 days of the same
    time of a year. A winter is no drift against a winter.
    """
    trained = series.times_ns <= trained_until_ns
    new = series.times_ns > max(since_ns, trained_until_ns)
    if trained.any() and series.times_ns[trained][-1] - series.times_ns[0] >= _YEAR_NS and new.any():
        first, last = (int(series.times_ns[new][k]) + side * _SEASON_NS for k, side in ((0, -1), (-1, 1)))
        if last - first < _YEAR_NS:
            trained &= (series.times_ns - first) % _YEAR_NS <= last - first
    known = np.isfinite(series.values)
    before, after = series.values[trained & known], series.values[new & known]
    sizes = _effective(before), _effective(after)
    if min(sizes) < MIN_EFFECTIVE:
        return InputDrift(name, len(before), len(after), why="too few independent rows to tell")
    distance = float(stats.ks_2samp(before, after, method="asymp").statistic)
    together = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    p_value = float(stats.kstwobign.sf(np.sqrt(together) * distance))
    return InputDrift(name, len(before), len(after), distance, _psi(before, after), p_value)


def drift_to_json(found: Sequence[InputDrift], *, alpha: float = ALPHA) -> list[JsonValue]:
    """Return each input with its corrected p-value, and whether it has drifted (null: nothing decided)."""
    corrected = holm([one.p_value for one in found if one.p_value is not None])
    p_values = iter(corrected)
    rows: list[JsonValue] = []
    for one in found:
        p_value = None if one.p_value is None else next(p_values)
        drifted = None if p_value is None or one.psi is None else p_value < alpha and one.psi > LARGE_PSI
        rows.append(
            {
                "name": one.name,
                "n_train": one.n_train,
                "n_new": one.n_new,
                "ks": one.ks,
                "psi": one.psi,
                "p_value": p_value,
                "drifted": drifted,
                "why": one.why,
            }
        )
    return rows


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order they came.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _effective(values: Float64) -> float:
    """Return how many independent values carry as much as these.

    >>> rng = np.random.default_rng(0)
    >>> 900 < _effective(rng.normal(size=1000)) <= 1000, _effective(np.cumsum(rng.normal(size=1000))) < 20
    (True, True)
    """
    if len(values) < 3:
        return 0.0
    spread = values - values.mean()
    power = float(spread @ spread)
    if power <= 0:
        return float(len(values))  # a constant has nothing to repeat
    r = min(max(float(spread[1:] @ spread[:-1]) / power, 0.0), 1.0)
    return len(values) * (1 - r) / (1 + r)


def _psi(before: Float64, after: Float64) -> float:
    """Return the population stability index over the deciles of ``before``."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = [
        (np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) + 0.5)
        / (len(x) + 0.5 * (len(edges) + 1))
        for x in (before, after)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
