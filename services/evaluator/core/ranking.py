"""Rank a run's models on validation, and say how each does on test against the seasonal naive forecast."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.evaluator.core.problems import UnknownMetric
from services.evaluator.core.scores import Scores, mean_of_all
from shared.contracts.kinds import BASELINES, REFERENCE_KIND
from shared.contracts.metrics import METRIC_NAMES, METRICS, RANKING_METRICS, Metric, find_metric

_TIE = METRICS[0]  # MAE decides between equal losses


@dataclass(frozen=True)
class Entry:
    """One model that takes part; a part it was not scored on is None."""

    job_id: str
    label: str
    kind: str
    validation: Scores | None
    test: Scores | None

    @property
    def is_baseline(self) -> bool:
        """Whether the model only repeats the past and is there to be beaten."""
        return self.kind in BASELINES


@dataclass(frozen=True)
class LeaderboardRow:
    """One model's place. Losses are free of units and averaged over outputs; smaller is better."""

    rank: int | None
    job_id: str
    label: str
    kind: str
    is_baseline: bool
    loss: float | None  # on validation: decides the rank
    test_loss: float | None
    skill: float | None  # 1 - loss / loss of seasonal naive, on test
    beats_baseline: bool | None  # skill > 0; without a test part judged on validation
    reason: str | None  # why there is no rank
    validation: dict[str, float | None]
    test: dict[str, float | None]


@dataclass(frozen=True)
class Leaderboard:
    """All models of a run, best first; models without a rank stand at the end in the order given."""

    metric: str
    rows: tuple[LeaderboardRow, ...]

    @property
    def best(self) -> LeaderboardRow | None:
        """The model ranked first, be it a baseline; None when no model could be ranked."""
        return next((row for row in self.rows if row.rank == 1), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for storage and wire."""
        best = self.best
        return {
            "metric": self.metric,
            "best_job_id": best.job_id if best else None,
            "rows": [asdict(row) for row in self.rows],
        }


def rank(entries: Sequence[Entry], metric: str = "rmse") -> Leaderboard:
    """Rank models by one score on the validation part.

    Parameters
    ----------
    entries
        Models of one run, scored on the same windows.
    metric
        One of ``RANKING_METRICS``. MAE and RMSE of each output are divided by its training standard deviation
        (MSE by the square) and averaged over outputs; R2 counts as 1 - R2 and NRMSE by its size. Ties go
        to the smaller MAE, then to the earlier label.

    Returns
    -------
    Leaderboard
        An undefined loss has no rank and a reason; so has a model that forecasts fewer values than the
        others, for it would be judged on an easier question.

    Raises
    ------
    UnknownMetric
        If the metric is none of ``RANKING_METRICS``.
    """
    chosen = known_metric(metric)
    most = max((_n_values(entry.validation) for entry in entries), default=0)
    judged = [(entry, _obstacle(entry, chosen, most)) for entry in entries]
    able = sorted((entry for entry, why in judged if why is None), key=lambda entry: _order(entry, chosen))
    reference = next((entry for entry in able if entry.kind == REFERENCE_KIND), None)
    rows = [_row(entry, chosen, reference, place=i + 1) for i, entry in enumerate(able)]
    rows += [_row(entry, chosen, reference, reason=why) for entry, why in judged if why is not None]
    return Leaderboard(chosen.name, tuple(rows))


def loss(scores: Scores | None, metric: Metric) -> float | None:
    """Return a score at k = 1 freed of units, averaged over outputs; smaller is better, None undefined."""
    if scores is None:
        return None
    losses: list[float | None] = []
    for output in scores.outputs:
        value = output.levels[0].overall.get(metric.name)
        if value is not None and metric.better == "larger":
            value = 1.0 - value
        elif value is not None:
            # A constant training series has no spread to divide by: its output counts in its own unit.
            value = abs(value) / (output.train_std or 1.0) ** (metric.std_power or 0)
        losses.append(value)
    return mean_of_all(losses)


def skill(own: float | None, reference: float | None) -> float | None:
    """Return the share of the reference's loss that is saved; None where it is undefined."""
    return None if own is None or not reference else 1.0 - own / reference


def known_metric(metric: str) -> Metric:
    """Return the metric of a name; raise ``UnknownMetric`` if models are not ranked by it."""
    known = find_metric(metric)
    if known is None or not known.ranks:
        raise UnknownMetric(
            f"there is no score {metric!r} to rank by; known are {', '.join(RANKING_METRICS)}", field="metric"
        )
    return known


def _order(entry: Entry, metric: Metric) -> tuple[float, float, str, str]:
    first, second = loss(entry.validation, metric), loss(entry.validation, _TIE)
    worst = float("inf")
    return (worst if first is None else first, worst if second is None else second, entry.label, entry.job_id)


def _n_values(scores: Scores | None) -> int:
    return sum(output.n_values for output in scores.outputs) if scores else 0


def _obstacle(entry: Entry, metric: Metric, most: int) -> str | None:
    if entry.validation is None or entry.validation.n_windows == 0:
        return (
            "there is no validation window to rank on: split.validation is 0 percent, or the purge took them "
            "(the data set's finding EMPTY_PART says what would fit)"
        )
    if (n_values := _n_values(entry.validation)) < most:
        return f"only {n_values} of {most} forecasts are finite numbers"
    if loss(entry.validation, metric) is None:
        reasons = [
            output.levels[0].overall.undefined().get(metric.name) for output in entry.validation.outputs
        ]
        return f"{metric.name} is undefined: {next(reason for reason in reasons if reason)}"
    return None


def _row(
    entry: Entry,
    metric: Metric,
    reference: Entry | None,
    *,
    place: int | None = None,
    reason: str | None = None,
) -> LeaderboardRow:
    skills = {
        part: skill(*(loss(getattr(e, part), metric) if e else None for e in (entry, reference)))
        for part in ("validation", "test")
    }
    decisive = skills["test"] if entry.test and entry.test.n_windows else skills["validation"]
    return LeaderboardRow(
        rank=place,
        job_id=entry.job_id,
        label=entry.label,
        kind=entry.kind,
        is_baseline=entry.is_baseline,
        loss=loss(entry.validation, metric),
        test_loss=loss(entry.test, metric),
        skill=skills["test"],
        beats_baseline=None if decisive is None or entry.is_baseline else decisive > 0,
        reason=reason,
        validation=entry.validation.headline() if entry.validation else dict.fromkeys(METRIC_NAMES),
        test=entry.test.headline() if entry.test else dict.fromkeys(METRIC_NAMES),
    )
