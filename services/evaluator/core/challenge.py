"""Whether a candidate forecasts better than the champion, on recent truth neither of the two has seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from services.evaluator.core.significance import Comparison, Winner, compare, overlap, window_losses
from shared.scoring.forecasts import PartForecast
from shared.scoring.metrics import known_std
from shared.series.arrays import Float64, Int64
from shared.series.calendar_steps import shifted
from shared.series.series import Series
from shared.windows.dataset import Dataset
from shared.windows.upcoming import references, true_values

MOST_TIMES = 1000  # reference times compared at; more are thinned evenly
_DAY_NS = 24 * 3600 * 10**9
Decision = Literal["better", "worse", "no_difference", "undecided"]
_DECISIONS: dict[Winner, Decision] = {"first": "better", "second": "worse", "tie": "no_difference"}


class TargetErrors(BaseModel):
    """Mean absolute errors on one target, in its unit."""

    model_config = ConfigDict(frozen=True)

    name: str
    champion_mae: float
    candidate_mae: float


class Judgement(BaseModel):
    """What the comparison says of the candidate; ``relative`` < 0 favours it.

    ``difference`` is of the mean absolute errors in training standard deviations, candidate minus champion,
    and ``interval`` its interval at the rule's level; null where nothing was tested.
    """

    model_config = ConfigDict(frozen=True)

    decision: Decision
    reason: str
    days: int
    level: float
    n_windows: int = 0
    first: str | None = None
    last: str | None = None
    truth_until: str | None = None
    difference: float | None = None
    relative: float | None = None
    p_value: float | None = None
    interval: tuple[float, float] | None = None
    targets: tuple[TargetErrors, ...] = ()


class Undecided(Exception):
    """There is nothing to compare yet; the message says why and what would help."""


@dataclass(frozen=True, eq=False)
class Contest:
    """Two models of the same targets, and the newest rows of these."""

    champion: Dataset
    candidate: Dataset
    truth: Mapping[str, Series]
    days: int
    judged_until_ns: int | None = None  # the two were compared with rows up to there

    @property
    def newest_ns(self) -> int:
        """Up to where every target has numbers."""
        ends = [series.times_ns[np.isfinite(series.values)] for series in self.truth.values()]
        return min(int(end[-1]) if len(end) else -(2**62) for end in ends)

    def times(self) -> Int64:
        """Return the reference times of the last days from which both look ahead and the truth is known.

        Raises
        ------
        Undecided
            If one of the two learned from these days, the two were compared on some of them already, or they
            do not forecast the same.
        """
        newest = self.newest_ns
        if self.judged_until_ns is not None and newest < self.judged_until_ns + self.days * _DAY_NS:
            again = _stamp(self.judged_until_ns + self.days * _DAY_NS)
            raise Undecided(f"judged with rows up to {_stamp(self.judged_until_ns)}: again from {again} on")
        first = newest - self.days * _DAY_NS
        for name, dataset in (("candidate", self.candidate), ("champion", self.champion)):
            fitted = [part for part in (dataset.parts.train, dataset.parts.validation) if len(part)]
            learned = int(_ahead(dataset, dataset.ref_ns[[int(part[-1]) for part in fitted]]).max())
            if learned > first:
                unseen_from = _stamp(learned + self.days * _DAY_NS)
                raise Undecided(
                    f"the {name} learned from rows up to {_stamp(learned)}, they end at {_stamp(newest)}: "
                    f"{self.days} unseen days are there from {unseen_from} on"
                )
        own, others = (references(dataset, first, newest) for dataset in (self.champion, self.candidate))
        found: Int64 = np.intersect1d(own, others)
        found = found[_ahead(self.champion, found) <= newest]
        if len(found) > MOST_TIMES:
            found = found[np.linspace(0, len(found) - 1, MOST_TIMES).round().astype(np.int64)]
        found = found[np.isfinite(self.true_values(found)).all(axis=(1, 2))]
        if not len(found):
            raise Undecided(f"the last {self.days} days have no moment both forecast from with all its truth")
        return found

    def true_values(self, ref_ns: Int64) -> Float64:
        """Return what training would have learned, shape (n, output_steps, n_outputs); NaN where unknown.

        Raises
        ------
        Undecided
            If the two forecast other values.
        """
        own, others = (
            true_values(dataset, self.truth, ref_ns) for dataset in (self.champion, self.candidate)
        )
        same = own.shape == others.shape and np.allclose(own, others, equal_nan=True, rtol=1e-9, atol=0.0)
        if not same or _values_of(self.champion) != _values_of(self.candidate):
            raise Undecided("the two do not forecast the same values: other targets, steps or averages")
        return own


def judge(
    contest: Contest, ref_ns: Int64, champion: Float64, candidate: Float64, *, level: float
) -> Judgement:
    """Compare what two models would have forecast with what came.

    Parameters
    ----------
    champion, candidate
        Forecasts from ``ref_ns``, shape (n, output_steps, n_outputs); NaN where a window was incomplete.

    Raises
    ------
    Undecided
    """
    y_true = contest.true_values(ref_ns)
    known = np.isfinite(y_true + champion + candidate).all(axis=(1, 2))
    if not known.any():
        raise Undecided("no window of these days has every input of both models")
    parts = [PartForecast(ref_ns[known], y_true[known], y[known]) for y in (candidate, champion)]
    std = [known_std(contest.champion.training_values(k)) for k in range(y_true.shape[2])]
    losses = [window_losses(part, train_std=std, squared=False) for part in parts]
    begin, end = contest.champion.plan.target_reach_ns
    reach = overlap(ref_ns[known], span_minutes=(end - begin) / 6e10)
    found = compare(*losses, overlap=reach, alpha=level)
    first, last = _stamp(int(ref_ns[known][0])), _stamp(int(ref_ns[known][-1]))
    candidates, champions = (np.abs(part.y_pred - part.y_true).mean(axis=(0, 1)) for part in parts)
    return Judgement(
        decision="undecided" if found.p_value is None else _DECISIONS[found.winner],
        reason=_sentence(found, contest.days, level, (first, last)),
        days=contest.days,
        level=level,
        n_windows=found.n_windows,
        first=first,
        last=last,
        truth_until=_stamp(contest.newest_ns),
        difference=found.difference,
        relative=found.relative,
        p_value=found.p_value,
        interval=found.interval,
        targets=tuple(
            TargetErrors(name=output.name, champion_mae=float(own), candidate_mae=float(other))
            for output, own, other in zip(contest.champion.spec.outputs, champions, candidates, strict=True)
        ),
    )


def _sentence(found: Comparison, days: int, level: float, between: tuple[str, str]) -> str:
    over = f"over {found.n_windows} forecasts of the last {days} days (from {between[0]} to {between[1]})"
    if found.p_value is None or found.relative is None:
        return f"nothing could be tested {over}: {found.reason or 'the champion makes no error'}"
    side = "below" if found.relative < 0 else "above"
    verdict = "significant" if found.winner != "tie" else "not significant"
    return (
        f"the candidate's error is {abs(found.relative):.1%} {side} the champion's {over}, "
        f"{verdict} (p = {found.p_value:.2g}, level {level:g})"
    )


def _ahead(dataset: Dataset, ref_ns: Int64) -> Int64:
    """Return up to where the truth of windows reaches."""
    return shifted(ref_ns, dataset.plan.target_reach_ns[1], dataset.plan.grid.calendar)


def _values_of(dataset: Dataset) -> list[tuple[object, ...]]:
    rules = dataset.plan.outputs
    return [(rule.spec.series_id, rule.window, rule.calendar is None, rule.averaged) for rule in rules]


def _stamp(at_ns: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000)).isoformat()
