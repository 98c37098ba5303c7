"""How a run ends: with a winner among what finished, or with the reasons why there is none."""

import pytest

from services.evaluator.core.verdict import reach_verdict
from services.trainer.core.planning import plan_jobs
from shared.contracts.base import new_id
from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.contracts.problems import Category, Problem
from shared.storage.rows import JobRow, RunRow
from tests.support.runs import result_of

TOO_LARGE = Problem(
    code="RESOURCE_EXHAUSTION",
    message="the model needs 29 TB",
    category=Category.RESOURCE_EXHAUSTION,
    suggestions=("Use fewer units.",),
)


def jobs_with(*ends: str) -> list[JobRow]:
    """Return two baselines and two models with these ends."""
    run = RunRow(
        id=new_id(), owner="ada", session_id=new_id(), dataset_id=new_id(), models=(LinearSpec(), DenseSpec())
    )
    return [
        job.changed(status=end, problem=TOO_LARGE if end == "failed" else None)
        for job, end in zip(plan_jobs(run), ends, strict=True)
    ]


def test_a_run_with_a_failed_model_has_a_winner_among_the_others() -> None:
    jobs = jobs_with("finished", "finished", "finished", "failed")
    results = {job.id: result_of(job, rmse) for job, rmse in zip(jobs, (3.0, 2.0, 1.0), strict=False)}

    verdict = reach_verdict(jobs, results, metric="rmse", cancelled=False)

    assert (verdict.status, verdict.best_label, verdict.problem) == ("completed", "LIN", None)


def test_a_run_whose_asked_for_models_all_failed_has_failed_and_says_why() -> None:
    jobs = jobs_with("finished", "finished", "failed", "failed")
    results = {job.id: result_of(job, 1.0) for job in jobs[:2]}

    verdict = reach_verdict(jobs, results, metric="rmse", cancelled=False)

    assert verdict.status == "failed"
    assert verdict.problem is not None
    assert "29 TB" in verdict.problem.message
    assert verdict.problem.suggestions == ("Use fewer units.",)


@pytest.mark.parametrize("requested", [True, False])
def test_a_cancelled_run_still_shows_what_had_finished(requested: bool) -> None:
    jobs = jobs_with("finished", "finished", "cancelled", "cancelled")
    results = {job.id: result_of(job, 1.0) for job in jobs[:2]}

    verdict = reach_verdict(jobs, results, metric="rmse", cancelled=requested)

    assert verdict.status == "cancelled"
    assert verdict.best_job_id is not None
