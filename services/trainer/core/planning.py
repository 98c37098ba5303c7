"""Which jobs a run consists of: the baselines first, then every model that was asked for."""

from collections import Counter
from collections.abc import Iterator

from shared.contracts.backtest import BacktestPart
from shared.contracts.kinds import BASELINES, WIRE_NAMES, ModelSpec, SearchedSpec
from shared.contracts.plan import job_id, planned
from shared.storage.rows import JobRow, RunRow


def plan_jobs(run: RunRow) -> tuple[JobRow, ...]:
    """Return the jobs of a run; their ids follow from the run and their position.

    A model whose parameters are searched waits for its trials. A backtest fits every model at every cutoff,
    oldest first, or without refit once for all of them.
    """
    specs = planned(run.models)
    return tuple(
        JobRow(
            id=job_id(run.id, position),
            owner=run.owner,
            session_id=run.session_id,
            run_id=run.id,
            dataset_id=run.dataset_id,
            position=position,
            kind=spec.kind,
            label=label,
            spec=spec,
            baseline=spec.kind in BASELINES,
            backtest=part,
            status="searching" if isinstance(spec, SearchedSpec) and spec.tune and part is None else "queued",
        )
        for position, (spec, label, part) in enumerate(_fits(run, specs))
    )


def _fits(run: RunRow, specs: tuple[ModelSpec, ...]) -> Iterator[tuple[ModelSpec, str, BacktestPart | None]]:
    """Yield every fit of a run: what, under which name, and on which folds if it is a backtest."""
    # A model is named after its kind, and numbered when a kind comes more than once.
    totals, seen = Counter(spec.kind for spec in specs), Counter[str]()
    labels = []
    for spec in specs:
        seen[spec.kind] += 1
        number = f" {seen[spec.kind]}" if totals[spec.kind] > 1 else ""
        labels.append(WIRE_NAMES[spec.kind] + number)

    if run.backtest is None:
        yield from ((spec, label, None) for spec, label in zip(specs, labels, strict=True))
        return
    all_folds, n_folds = run.backtest.folds, len(run.backtest.folds)
    for folds in [(fold,) for fold in all_folds] if run.backtest.spec.refit else [all_folds]:
        of = f"fold {folds[0].number} of {n_folds}" if len(folds) == 1 else f"all {n_folds} folds"
        for spec, label in zip(specs, labels, strict=True):
            yield spec, f"{label}, {of}", BacktestPart(model=label, folds=folds)
