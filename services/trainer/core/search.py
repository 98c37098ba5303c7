"""A search for better parameters: which trials come next, what they found; the ledger's rows are all of it.

Trials are asked for in generations. A generation is a function of the rows of those before it, so a planner
that starts again, or a second one, asks for the same trials under the same ids (docs/numerics.md, section 9).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from services.trainer.core.model_kind import Choice, Dimension, Range
from services.trainer.core.problems import NothingFound
from shared.contracts.base import derive
from shared.contracts.kinds import MODEL_SPEC, ModelSpec, SearchedSpec
from shared.contracts.problems import Problem
from shared.contracts.trials import SEARCH_LOSS, Trial
from shared.storage.rows import OPEN_JOB, JobRow

if TYPE_CHECKING:
    import optuna

GENERATION = 4  # trials asked for at once: as many replicas can share them
STARTING = 8  # trials before the sampler models what it has seen


@dataclass(frozen=True)
class Decision:
    """What follows from a search's rows: more jobs, a winner, the reason why there is none, or to wait."""

    jobs: tuple[JobRow, ...] = ()
    winner: ModelSpec | None = None
    notes: Mapping[str, JsonValue] | None = None
    problem: Problem | None = None


def decide(model: JobRow, trials: Sequence[JobRow], space: Mapping[str, Dimension]) -> Decision:
    """Return what a search does next.

    Parameters
    ----------
    model
        The job that waits for the search; its spec says how many trials.
    trials
        Every job of the search there is.
    space
        What may vary of its kind; a parameter set away from its default does not.
    """
    search = _Search(model, {(t.number, t.stage): row for row in trials if (t := row.trial)}, space)
    if any(row.status in OPEN_JOB for row in trials):
        return Decision()
    if promoted := tuple(search.promoted()):
        return Decision(jobs=promoted)
    if asked := tuple(search.asked()):
        return Decision(jobs=asked)
    return search.found()


class _Search:
    """The rows of one search, and the study they stand for."""

    def __init__(
        self, model: JobRow, rows: Mapping[tuple[int, int], JobRow], space: Mapping[str, Dimension]
    ) -> None:
        assert isinstance(model.spec, SearchedSpec)
        self._model, self._rows = model, rows
        self._base = model.spec.model_copy(update={"tune": 0})
        self._n_wanted = model.spec.tune
        defaults = type(self._base)()
        self._space = {
            name: dimension
            for name, dimension in space.items()
            if getattr(self._base, name) == getattr(defaults, name)
        }
        self._n_asked = len({number for number, _ in rows})

    def promoted(self) -> Iterator[JobRow]:
        """Yield the second stage of what the pruner lets pass in the newest generation, once."""
        newest = range(_begin(self._n_asked - 1), self._n_asked)
        if any((number, 1) in self._rows for number in newest):
            return
        study = self._study(range(_begin(self._n_asked - 1)))
        for number in newest:
            row = self._rows[number, 0]
            if _loss(row) is not None and not study.pruner.prune(study, self._frozen(number, running=True)):
                yield self._job(number, 1, row.spec)

    def asked(self) -> Iterator[JobRow]:
        """Yield the first stage of the next generation, as far as trials are left."""
        import optuna

        study = self._study(range(self._n_asked))
        distributions = {name: _distribution(one) for name, one in self._space.items()}
        for number in range(self._n_asked, min(self._n_asked + GENERATION, self._n_wanted)):
            if number == 0:
                yield self._job(0, 0, self._base)
                study.add_trial(self._frozen_of(self._base, optuna.trial.TrialState.RUNNING))
                continue
            params = study.ask(distributions).params
            changes: dict[str, Any] = {}
            for name, coded in params.items():
                dimension = self._space[name]
                if isinstance(dimension, Choice):
                    changes[name] = dimension.options[coded]
                else:
                    changes[name] = float(f"{coded:.4g}")
            spec = MODEL_SPEC.validate_python({**self._base.model_dump(), **changes})
            yield self._job(number, 0, spec)

    def found(self) -> Decision:
        """Return the winner among the trials that were fitted on all windows to learn from."""
        whole = {n: loss for n, s in self._rows if s == 1 and (loss := _loss(self._rows[n, 1])) is not None}
        failed = [row for row in self._rows.values() if row.status in ("failed", "cancelled")]
        if not whole:
            reason = next((row.problem.message for row in failed if row.problem), "every trial was cancelled")
            problem = NothingFound(f"no trial of the search succeeded: {reason}", n_trials=self._n_asked)
            return Decision(problem=problem.problem())
        best = min(whole, key=lambda number: (whole[number], number))
        lost = {row.trial.number for row in failed if row.trial}
        notes: dict[str, JsonValue] = {
            "n_trials": self._n_asked,
            "n_pruned": self._n_asked - len(whole) - len(lost - whole.keys()),
            "n_failed": len(lost - whole.keys()),
            "best_trial": best,
            "loss": whole[best],
            "loss_as_asked": whole.get(0),
        }
        winner = MODEL_SPEC.validate_python(self._rows[best, 1].spec.model_dump())
        return Decision(winner=winner, notes={"search": notes})

    def _study(self, numbers: Iterable[int]) -> "optuna.Study":
        """Rebuild the study in memory; what it draws follows from the model's job and how far it is."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        known = list(numbers)
        seed = int(derive("search", self._model.id, str(len(known)))[:8], 16)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTING, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=GENERATION),
        )
        study.add_trials([self._frozen(number) for number in known])
        return study

    def _frozen(self, number: int, *, running: bool = False) -> "optuna.trial.FrozenTrial":
        import optuna

        state = optuna.trial.TrialState
        first, second = self._rows[number, 0], self._rows.get((number, 1))
        losses = [_loss(row) for row in (first, second) if row]
        if running:
            return self._frozen_of(first.spec, state.RUNNING, losses)
        if losses[0] is None or (second and losses[1] is None):
            return self._frozen_of(first.spec, state.FAIL, losses)
        return self._frozen_of(first.spec, state.COMPLETE if second else state.PRUNED, losses)

    def _frozen_of(
        self, spec: object, state: "optuna.trial.TrialState", losses: Sequence[float | None] = ()
    ) -> "optuna.trial.FrozenTrial":
        """Return a trial of the study; a value outside of the space (as it was asked) is left out."""
        import optuna

        distributions = {name: _distribution(one) for name, one in self._space.items()}
        params = {name: _coded(self._space[name], getattr(spec, name)) for name in distributions}
        params = {name: v for name, v in params.items() if v is not None and distributions[name]._contains(v)}
        complete = state == optuna.trial.TrialState.COMPLETE
        return optuna.trial.create_trial(
            state=state,
            value=losses[1] if complete else None,
            params=params,
            distributions={name: distributions[name] for name in params},
            intermediate_values={step: loss for step, loss in enumerate(losses) if loss is not None},
        )

    def _job(self, number: int, stage: int, spec: object) -> JobRow:
        model = self._model
        return JobRow(
            id=derive("trial", model.id, str(number), str(stage)),
            owner=model.owner,
            session_id=model.session_id,
            run_id=model.run_id,
            dataset_id=model.dataset_id,
            position=1000 * (model.position + 1) + 2 * number + stage,
            kind=model.kind,
            label=f"{model.label} trial {number}" + (", whole" if stage else ""),
            spec=spec,
            trial=Trial(model=model.id, number=number, stage=1 if stage else 0),
        )


def _begin(number: int) -> int:
    """Return the first number of a trial's generation."""
    return max(number, 0) // GENERATION * GENERATION


def _loss(row: JobRow) -> float | None:
    loss = row.notes.get(SEARCH_LOSS) if row.status == "finished" else None
    return float(loss) if isinstance(loss, int | float) else None


def _distribution(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    match dimension:
        case Range(low, high):
            return FloatDistribution(low, high, log=True)
        case Choice(options):
            return CategoricalDistribution(range(len(options)))


def _coded(dimension: Dimension, value: Any) -> Any:
    """Return a value as the study has it: the place among options; None where it is none of them."""
    if isinstance(dimension, Choice):
        return dimension.options.index(value) if value in dimension.options else None
    return value if isinstance(value, int | float) else None
