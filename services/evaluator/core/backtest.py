"""What a backtest amounts to: every model on every fold, and who is best over all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from services.evaluator.core.problems import ScoresMissing
from services.evaluator.core.ranking import known_metric, loss, skill
from services.evaluator.core.scores import Scores, mean_of_all
from shared.contracts.backtest import BacktestPart, Fold
from shared.contracts.kinds import BASELINES, REFERENCE_KIND
from shared.contracts.metrics import METRIC_NAMES, METRICS, Metric
from shared.scoring.forecasts import PartForecast
from shared.storage.rows import JobRow, ResultRow
from shared.windows.folds import slices_of

Values = dict[str, float | None]


@dataclass(frozen=True)
class FoldScores:
    """One model on one fold; scores are null where there is no forecast."""

    fold: int
    job_id: str
    status: str
    loss: float | None  # free of units, averaged over outputs
    skill: float | None  # 1 - loss / loss of seasonal naive on the same fold
    scores: Values  # averaged over outputs
    outputs: dict[str, Values]


@dataclass(frozen=True)
class ModelFolds:
    """One model over all folds; ``test`` and ``outputs`` are means, spreads are standard deviations."""

    rank: int | None
    job_id: str  # of the newest fold it finished
    label: str
    kind: str
    is_baseline: bool
    loss: float | None
    loss_spread: float | None
    skill: float | None  # 1 - mean loss / mean loss of seasonal naive
    beats_baseline: bool | None
    reason: str | None  # why there is no rank
    test: Values
    spread: Values
    outputs: dict[str, Values]
    output_spread: dict[str, Values]
    folds: tuple[FoldScores, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"folds": [asdict(fold) for fold in self.folds]}


@dataclass(frozen=True)
class FoldTable:
    """All models of a backtest, best first; models without a rank stand at the end in the order given."""

    metric: str
    n_folds: int
    rows: tuple[ModelFolds, ...]

    @property
    def best(self) -> ModelFolds | None:
        """The model ranked first, be it a baseline; None when no model could be ranked."""
        return next((row for row in self.rows if row.rank == 1), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for storage and wire."""
        return {
            "metric": self.metric,
            "n_folds": self.n_folds,
            "best_job_id": self.best.job_id if self.best else None,
            "rows": [row.to_json() for row in self.rows],
        }


@dataclass(frozen=True)
class _Entry:
    """What is known of one model: its jobs by fold, and the scores of those that finished."""

    label: str
    jobs: Mapping[int, JobRow]
    scores: Mapping[int, Scores]

    @property
    def kind(self) -> str:
        return next(iter(self.jobs.values())).kind


def score_folds(
    test: PartForecast, part: BacktestPart | None, score: Callable[[PartForecast], Scores]
) -> tuple[Scores, ...]:
    """Score each fold of a job that forecasts several; one fold is the test part itself."""
    if part is None or len(part.folds) == 1:
        return ()
    pieces = slices_of(part.folds)
    return tuple(score(test.windows(p)) for p in pieces)


def fold_table(
    folds: Sequence[Fold], jobs: Sequence[JobRow], results: Mapping[str, ResultRow], *, metric: str
) -> FoldTable:
    """Rank the models of a backtest by the mean of their losses over the folds.

    The losses of all folds are divided by the standard deviation of the first fold's training part, so that
    a model's mean loss is in one unit. A model that lacks a fold, or a forecast that others have, has no
    rank and a reason.

    Raises
    ------
    UnknownMetric
        If the metric is none of ``RANKING_METRICS``.
    """
    chosen = known_metric(metric)
    entries = _in_one_unit(_entries(jobs, results))
    most = max((_n_values(entry) for entry in entries), default=0)
    judged = [(entry, _obstacle(entry, folds, chosen, most)) for entry in entries]
    able = sorted((e for e, why in judged if why is None), key=lambda e: _order(e, chosen))
    reference = next((entry for entry in entries if entry.kind == REFERENCE_KIND), None)
    rows = [_row(e, folds, chosen, reference, place=i + 1) for i, e in enumerate(able)]
    rows += [_row(e, folds, chosen, reference, reason=why) for e, why in judged if why is not None]
    return FoldTable(chosen.name, len(folds), tuple(rows))


def _entries(jobs: Sequence[JobRow], results: Mapping[str, ResultRow]) -> list[_Entry]:
    by_model: dict[str, list[JobRow]] = {}
    for job in jobs:
        if job.backtest is not None:
            by_model.setdefault(job.backtest.model, []).append(job)
    return [
        _Entry(
            label,
            {fold.number: job for job in own if job.backtest for fold in job.backtest.folds},
            {n: s for job in own if job.id in results for n, s in _scored(job, results[job.id]).items()},
        )
        for label, own in by_model.items()
    ]


def _scored(job: JobRow, result: ResultRow) -> dict[int, Scores]:
    """Return a job's scores by fold."""
    stored = result.scores.get("folds") or [result.scores.get("test")]
    folds = job.backtest.folds if job.backtest else ()
    if not isinstance(stored, list) or len(stored) != len(folds):
        raise ScoresMissing(f"{job.label}: the stored scores are not those of its folds", job_id=job.id)
    return {
        fold.number: Scores.from_json(scores)
        for fold, scores in zip(folds, stored, strict=True)
        if isinstance(scores, dict)
    }


def _in_one_unit(entries: list[_Entry]) -> list[_Entry]:
    """Divide every fold's losses by the oldest fold's spread of the training values."""
    oldest = min(
        ((n, scores) for e in entries for n, scores in e.scores.items()), key=lambda at: at[0], default=None
    )
    if oldest is None:
        return entries
    spreads = [output.train_std for output in oldest[1].outputs]
    rescaled = []
    for entry in entries:
        scores = {}
        for number, own in entry.scores.items():
            pairs = zip(own.outputs, spreads, strict=True)
            outputs = tuple(replace(output, train_std=spread) for output, spread in pairs)
            scores[number] = replace(own, outputs=outputs)
        rescaled.append(replace(entry, scores=scores))
    return rescaled


def _n_values(entry: _Entry) -> int:
    return sum(output.n_values for scores in entry.scores.values() for output in scores.outputs)


def _obstacle(entry: _Entry, folds: Sequence[Fold], metric: Metric, most: int) -> str | None:
    missing = [fold.number for fold in folds if fold.number not in entry.scores]
    if missing:
        problems = [job.problem.message for n, job in entry.jobs.items() if n in missing and job.problem]
        lacking = f"only {len(folds) - len(missing)} of {len(folds)} folds are there"
        return f"{lacking}: {problems[0]}" if problems else lacking
    if (n_values := _n_values(entry)) < most:
        return f"only {n_values} of {most} forecasts are finite numbers"
    undefined = [n for n, scores in entry.scores.items() if loss(scores, metric) is None]
    return f"{metric} is undefined on fold {undefined[0]}" if undefined else None


def _order(entry: _Entry, metric: Metric) -> tuple[float, float, str]:
    first, second = (mean_of_all([loss(s, m) for s in entry.scores.values()]) for m in (metric, METRICS[0]))
    worst = float("inf")
    return (worst if first is None else first, worst if second is None else second, entry.label)


def _row(
    entry: _Entry,
    folds: Sequence[Fold],
    metric: Metric,
    reference: _Entry | None,
    *,
    place: int | None = None,
    reason: str | None = None,
) -> ModelFolds:
    own = tuple(_fold(entry, fold.number, metric, reference) for fold in folds if fold.number in entry.jobs)
    names = [output.name for output in next(iter(entry.scores.values())).outputs] if entry.scores else []
    losses = [fold.loss for fold in own]
    naive = [loss(reference.scores.get(fold.fold), metric) if reference else None for fold in own]
    saved = skill(mean_of_all(losses), mean_of_all(naive))
    baseline = entry.kind in BASELINES
    return ModelFolds(
        rank=place,
        job_id=entry.jobs[max(entry.scores, default=max(entry.jobs))].id,
        label=entry.label,
        kind=entry.kind,
        is_baseline=baseline,
        loss=mean_of_all(losses),
        loss_spread=_spread(losses),
        skill=saved,
        beats_baseline=None if saved is None or baseline else saved > 0,
        reason=reason,
        test=_over([fold.scores for fold in own], mean_of_all),
        spread=_over([fold.scores for fold in own], _spread),
        outputs={name: _over([fold.outputs.get(name, {}) for fold in own], mean_of_all) for name in names},
        output_spread={name: _over([fold.outputs.get(name, {}) for fold in own], _spread) for name in names},
        folds=own,
    )


def _fold(entry: _Entry, number: int, metric: Metric, reference: _Entry | None) -> FoldScores:
    job, scores = entry.jobs[number], entry.scores.get(number)
    own = loss(scores, metric)
    return FoldScores(
        fold=number,
        job_id=job.id,
        status=job.status,
        loss=own,
        skill=skill(own, loss(reference.scores.get(number), metric) if reference else None),
        scores=scores.headline() if scores else dict.fromkeys(METRIC_NAMES),
        outputs={
            output.name: {name: output.levels[0].overall.get(name) for name in METRIC_NAMES}
            for output in (scores.outputs if scores else ())
        },
    )


def _over(folds: Sequence[Values], summary: Callable[[Sequence[float | None]], float | None]) -> Values:
    return {name: summary([scores.get(name) for scores in folds]) for name in METRIC_NAMES}


def _spread(values: Sequence[float | None]) -> float | None:
    """Return the standard deviation over folds; None for fewer than two, or if undefined on any."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) == len(values) > 1 else None
