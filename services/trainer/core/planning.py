"""Which jobs a run consists of: the baselines first, then every model that was asked for."""

from collections import Counter

from shared.contracts.base import derive
from shared.contracts.kinds import BASELINES, WIRE_NAMES, LastValueSpec, ModelSpec, SeasonalNaiveSpec
from shared.storage.rows import JobRow, RunRow


def plan_jobs(run: RunRow) -> tuple[JobRow, ...]:
    """Return the jobs of a run; their ids follow from the run and their position."""
    asked_for = {spec.kind for spec in run.models}
    baselines: tuple[ModelSpec, ...] = (SeasonalNaiveSpec(), LastValueSpec())
    specs = (*(b for b in baselines if b.kind not in asked_for), *run.models)
    labels = _labels(specs)
    return tuple(
        JobRow(
            id=derive("job", run.id, str(position)),
            owner=run.owner,
            session_id=run.session_id,
            run_id=run.id,
            dataset_id=run.dataset_id,
            position=position,
            kind=spec.kind,
            label=label,
            spec=spec,
            baseline=spec.kind in BASELINES,
        )
        for position, (spec, label) in enumerate(zip(specs, labels, strict=True))
    )


def _labels(specs: tuple[ModelSpec, ...]) -> list[str]:
    """Name each model after its kind, numbered when a kind comes more than once."""
    totals = Counter(spec.kind for spec in specs)
    seen: Counter[str] = Counter()
    labels = []
    for spec in specs:
        seen[spec.kind] += 1
        number = f" {seen[spec.kind]}" if totals[spec.kind] > 1 else ""
        labels.append(WIRE_NAMES[spec.kind] + number)
    return labels
