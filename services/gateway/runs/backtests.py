"""Backtests: the models of a run put to the test at several cutoffs, and how clients read the outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from pydantic import JsonValue

from services.gateway.context import RunContext
from services.gateway.models.wire import parse_models
from services.gateway.problems import DatasetNotReady, InvalidBacktest, NothingThere, wrong_field
from services.gateway.runs.lifecycle import find_run, start_run
from services.gateway.workers import Workers
from shared.contracts.backtest import Backtest, BacktestSpec, Fold
from shared.contracts.kinds import MODEL_SPEC, ModelSpec, kind_named
from shared.contracts.plan import job_ids
from shared.storage.records import Records, Where
from shared.storage.rows import DatasetRow, JobRow, RunRow, SessionRow

Wanted = Sequence[str | dict[str, JsonValue]]


async def start_backtest(
    context: RunContext,
    workers: Workers,
    session: SessionRow,
    spec: BacktestSpec,
    *,
    of: str | None,
    wanted: Wanted | None,
    metric: str | None,
    key: str | None,
) -> RunRow:
    """Plan the folds on the data set of a run and start the backtest of its models.

    Parameters
    ----------
    of
        The run whose data set and models are meant; None for the newest.
    wanted
        Names of models of that run, or whole specs; None for all models of the run.

    Raises
    ------
    RunNotFound, DatasetNotReady, InvalidBacktest, TrainingInProgress
        If there is no such run, its data set is not built, a model is not among its models, or another run
        of the session is live.
    RefusedByWorker
        If the data set has too few windows for the folds: the problem says what would fit.
    """
    base = await find_run(context.records, session, of)
    if base.backtest_of is not None:
        message = f"this run is a backtest itself; name the run it repeats, {base.backtest_of}"
        raise wrong_field(InvalidBacktest, "run_id", message)
    dataset = await context.records.get(DatasetRow, base.dataset_id)
    if dataset is None or dataset.status != "ready":
        raise DatasetNotReady("the data set of this run is not built", run_id=base.id)
    jobs = await context.records.select(JobRow, {"run_id": base.id}, order="position")
    # The models of a run, searched ones with the parameters that were found.
    fitted = {job.id: job.spec for job in jobs if job.status == "finished"}
    ids = job_ids(base.id, base.models)
    found = (fitted.get(job_id, spec) for job_id, spec in zip(ids, base.models, strict=True))
    models = tuple(MODEL_SPEC.validate_python(spec.model_dump()) for spec in found)
    if wanted is not None:
        models = chosen_models(base.changed(models=models), jobs, wanted)
    if any(getattr(spec, "tune", 0) for spec in models):
        message = "a backtest repeats models as they are: search in a run, then repeat that run's model"
        raise wrong_field(InvalidBacktest, "models", message)
    about: dict[str, JsonValue] = {
        "session_id": dataset.session_id, "dataset_id": dataset.id, "spec": spec.model_dump(mode="json"),
    }  # fmt: skip
    answer = await workers.ask("datasets.folds", about)
    backtest = Backtest(spec=spec, folds=tuple(Fold.model_validate(fold) for fold in answer["folds"]))
    return await start_run(
        context,
        session,
        dataset,
        models,
        metric=metric or base.metric,
        key=key,
        ensemble=False,
        backtest_of=base.id,
        backtest=backtest,
    )


def chosen_models(run: RunRow, jobs: Sequence[JobRow], wanted: Wanted) -> tuple[ModelSpec, ...]:
    """Return the models of a run that are meant by label (``LSTM 2``) or kind, and those given as specs.

    Raises
    ------
    InvalidBacktest
        Naming the models there are.
    """
    named = {job.label: job.spec for job in jobs if job.spec in run.models}
    chosen: list[ModelSpec] = []
    for position, item in enumerate(wanted):
        if isinstance(item, dict):
            chosen += parse_models([item])
            continue
        kind = kind_named(item)
        meant = [named[item]] if item in named else [spec for spec in run.models if spec.kind == kind]
        if not meant:
            known = ", ".join(named) or "none yet"
            message = f"{item[:40]!r} is no model of the run; its models are {known}"
            raise wrong_field(InvalidBacktest, f"models.{position}", message)
        chosen += meant
    return tuple(dict.fromkeys(chosen))


async def find_backtest(records: Records, session: SessionRow, run_id: str | None) -> RunRow:
    """Return a backtest of the session, by default the newest; a run's own id means its newest backtest.

    Raises
    ------
    RunNotFound, NothingThere
    """
    where: Where = {"session_id": session.id}
    if run_id is not None:
        named = await find_run(records, session, run_id)
        if named.backtest is not None:
            return named
        where = {**where, "backtest_of": named.id}
    runs = await records.select(RunRow, where, order="-created_at")
    newest = next((run for run in runs if run.backtest is not None), None)
    if newest is None:
        raise NothingThere(
            "there is no backtest yet",
            suggestions=("Start one with POST /api/training/backtest/{session}.",),
        )
    return newest


@dataclass(frozen=True)
class BacktestView:
    """A backtest as clients read it: its folds at once, its models when it is over."""

    run: RunRow
    backtest: Backtest
    dataset: DatasetRow | None

    def wire(self) -> dict[str, Any]:
        """Return the answer of ``GET /backtest/{sid}``."""
        run, spec = self.run, self.backtest.spec
        return {
            "run_id": run.id,
            "backtest_of": run.backtest_of,
            "dataset_id": run.dataset_id,
            "status": "queued" if run.status == "waiting" else run.status,
            "metric": run.metric,
            "n_folds": spec.n_folds,
            "refit": spec.refit,
            "window": spec.window,
            "timezone": self.dataset.spec.calendar.timezone if self.dataset else None,
            "folds": [fold_wire(fold) for fold in self.backtest.folds],
            "models": self.models(),
            "best_model": self.best(),
            "problem": run.problem.model_dump(mode="json") if run.problem else None,
            "started_at": run.started_at,
            "completed_at": run.finished_at,
        }

    def models(self) -> list[Mapping[str, Any]]:
        """Return every model with its scores by fold and over all folds, best first."""
        rows = self.run.verdict.get("rows")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def best(self) -> Mapping[str, Any] | None:
        """Return the model ranked first."""
        return next((row for row in self.models() if row.get("rank") == 1), None)


def fold_wire(fold: Fold) -> dict[str, Any]:
    """Return a fold with its cutoff in UTC and by the data set's clock, and the size of its parts."""
    sizes = {name: getattr(fold, name) for name in ("train", "validation", "test")}
    return {
        "fold": fold.number,
        "cutoff": fold.cutoff.astimezone(UTC).isoformat(),
        "cutoff_local": fold.cutoff.isoformat(),
        "last": fold.last.astimezone(UTC).isoformat(),
        "last_local": fold.last.isoformat(),
        **{f"n_{name}": stop - start for name, (start, stop) in sizes.items()},
    }
