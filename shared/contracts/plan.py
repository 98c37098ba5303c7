"""Which jobs a run consists of, as far as everybody must agree on it: their order and their ids."""

from collections.abc import Iterable, Sequence

from shared.contracts.base import derive
from shared.contracts.kinds import BASELINES, MODEL_SPEC, REFERENCE_KIND, ModelSpec


def planned(models: Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Return what a run fits: the baselines nobody asked for first, then every model that was asked for."""
    asked = tuple(models)
    kinds = {spec.kind for spec in asked}
    baselines = sorted(BASELINES, key=lambda kind: kind != REFERENCE_KIND)  # the reference first
    return (*(MODEL_SPEC.validate_python({"kind": kind}) for kind in baselines if kind not in kinds), *asked)


def job_id(run_id: str, position: int) -> str:
    """Return the id of a run's job; it follows from the run and the job's position."""
    return derive("job", run_id, str(position))


def job_ids(run_id: str, models: Sequence[ModelSpec]) -> list[str]:
    """Return the ids of the jobs of the models that were asked for, in their order."""
    n_jobs = len(planned(models))
    return [job_id(run_id, position) for position in range(n_jobs - len(models), n_jobs)]
