"""The jobs of a run: baselines first, names that tell models apart, ids that follow from the run."""

from services.trainer.core.planning import plan_jobs
from shared.contracts.base import new_id
from shared.contracts.kinds import DenseSpec, LinearSpec, ModelSpec, SeasonalNaiveSpec
from shared.storage.rows import RunRow


def run_of(*models: ModelSpec) -> RunRow:
    return RunRow(id=new_id(), owner="ada", session_id=new_id(), dataset_id=new_id(), models=models)


def test_the_baselines_come_first_and_models_of_one_kind_are_numbered() -> None:
    jobs = plan_jobs(run_of(LinearSpec(), DenseSpec(), DenseSpec(layers=(8,))))

    assert [job.label for job in jobs] == ["Seasonal naive", "Last value", "LIN", "Dense 1", "Dense 2"]
    assert [job.baseline for job in jobs] == [True, True, False, False, False]


def test_a_baseline_that_was_asked_for_comes_once() -> None:
    jobs = plan_jobs(run_of(SeasonalNaiveSpec(season_length=24)))

    assert [(job.kind, job.spec) for job in jobs][1:] == [
        ("seasonal_naive", SeasonalNaiveSpec(season_length=24))
    ]


def test_planning_again_gives_the_same_jobs() -> None:
    run = run_of(LinearSpec())

    assert [job.id for job in plan_jobs(run)] == [job.id for job in plan_jobs(run)]
