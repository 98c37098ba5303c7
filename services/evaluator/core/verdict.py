"""What a run amounts to once all its jobs are over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from services.evaluator.core.backtest import fold_table
from services.evaluator.core.ranking import Entry, rank
from services.evaluator.core.scores import Scores
from shared.contracts.backtest import Fold
from shared.contracts.kinds import EnsembleSpec
from shared.contracts.problems import Category, Problem
from shared.storage.rows import JobRow, ResultRow, RunStatus


@dataclass(frozen=True)
class Verdict:
    """How a run ended: its status, its leaderboard, its best model."""

    status: RunStatus
    leaderboard: dict[str, JsonValue]
    best_job_id: str | None
    best_label: str | None
    problem: Problem | None


def reach_verdict(
    jobs: Sequence[JobRow],
    results: Mapping[str, ResultRow],
    *,
    metric: str,
    cancelled: bool,
    folds: Sequence[Fold] = (),
    no_ensemble: str | None = None,
) -> Verdict:
    """Rank what finished. A run with some failed models still has a winner among the others.

    A run whose every asked-for model failed has failed, even if its baselines finished; a run somebody
    cancelled is cancelled, and still shows what had finished. With ``folds`` the run is a backtest, and its
    models are ranked over them. Else the leaderboard tells what the average of the models is made of, or, as
    ``no_ensemble`` has it, why there is none.
    """
    board = (
        fold_table(folds, jobs, results, metric=metric)
        if folds
        else rank([_entry(job, results[job.id]) for job in jobs if job.id in results], metric)
    )
    best = board.best
    asked_for = [job for job in jobs if not job.baseline] or list(jobs)
    status: RunStatus = "failed"
    if cancelled or all(job.status == "cancelled" for job in asked_for):
        status = "cancelled"
    elif any(job.status == "finished" for job in asked_for):
        status = "completed"
    return Verdict(
        status=status,
        leaderboard=board.to_json() | ({} if folds else {"ensemble": _ensemble(jobs, no_ensemble)}),
        best_job_id=best.job_id if best else None,
        best_label=best.label if best else None,
        problem=_nothing_finished(jobs) if status == "failed" else None,
    )


def _ensemble(jobs: Sequence[JobRow], reason: str | None) -> dict[str, JsonValue]:
    """Return the members of the run's average with their weights, or the reason why there is none."""
    made = next((job for job in jobs if isinstance(job.spec, EnsembleSpec)), None)
    if made is None or not isinstance(made.spec, EnsembleSpec):
        return {"job_id": None, "members": [], "reason": reason}
    members: list[JsonValue] = [
        {"job_id": m.job_id, "label": m.label, "kind": m.kind, "weight": m.weight} for m in made.spec.members
    ]
    return {"job_id": made.id, "members": members, "reason": None}


def _entry(job: JobRow, result: ResultRow) -> Entry:
    parts = []
    for name in ("validation", "test"):
        part = result.scores[name]
        if not isinstance(part, dict):
            raise TypeError(f"scores of {result.id} have no {name} part")
        parts.append(Scores.from_json(part))
    return Entry(job.id, job.label, job.kind, *parts)


def _nothing_finished(jobs: Sequence[JobRow]) -> Problem:
    reasons = [f"{job.label}: {job.problem.message}" for job in jobs if job.problem]
    suggestions = dict.fromkeys(s for job in jobs if job.problem for s in job.problem.suggestions)
    return Problem(
        code="NO_MODEL_FINISHED",
        message="; ".join(reasons) or "no model finished",
        category=next((job.problem.category for job in jobs if job.problem), Category.INTERNAL),
        suggestions=tuple(suggestions),
    )
