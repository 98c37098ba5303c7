"""A finished run as plain facts and arrays, and every number that follows from them."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.evaluator.core.claims import Claim, make_claims
from services.evaluator.core.ensemble import Ensemble, may_join, select
from services.evaluator.core.intervals import IntervalScores, QuantileLoss, judge_intervals
from services.evaluator.core.ranking import Entry, Leaderboard, rank
from services.evaluator.core.residuals import ResidualStatistics, residual_statistics
from services.evaluator.core.scores import Scores, score
from shared.scoring.adaptive import adaptive_intervals
from shared.scoring.forecasts import Forecast, PartForecast
from shared.scoring.intervals import Intervals
from shared.series.arrays import Float64


@dataclass(frozen=True)
class OutputFacts:
    """What scores of one output are measured against."""

    name: str
    delta_minutes: float
    offset_hours: Float64  # (n_steps,) distance of each step from the reference time
    y_train: Float64  # training part of the series on its own time axis


@dataclass(frozen=True)
class ModelFacts:
    """One finished model: its forecasts and the course of its fit."""

    job_id: str
    label: str
    kind: str
    forecast: Forecast
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunData:
    """Everything a run's numbers and plots are made from."""

    run_id: str
    metric: str
    timezone: str
    season_length: int
    outputs: tuple[OutputFacts, ...]
    models: tuple[ModelFacts, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Display names of the outputs."""
        return tuple(output.name for output in self.outputs)

    def named(self) -> Iterator[tuple[str, ModelFacts]]:
        """Yield each model with a file name of its own."""
        for number, model in enumerate(self.models, start=1):
            yield f"{number:02d}-{slug(model.label)}", model


@dataclass(frozen=True)
class RunNumbers:
    """The numbers of a run; all mappings by job id."""

    validation: dict[str, Scores]
    test: dict[str, Scores]
    board: Leaderboard
    claims: list[Claim]
    ensemble: Ensemble
    intervals: dict[str, Intervals]
    interval_scores: dict[str, list[IntervalScores]]
    residuals: dict[str, list[ResidualStatistics]]


def compute(run_data: RunData) -> RunNumbers:
    """Compute every number of a run from its arrays; the same data give the same numbers."""
    models = run_data.models
    validation = {m.job_id: _score(run_data, m.forecast.validation) for m in models}
    intervals = {
        m.job_id: adaptive_intervals(m.forecast, [output.offset_hours for output in run_data.outputs])
        for m in models
    }
    judged = {m.job_id: judge_intervals(intervals[m.job_id], m.forecast.test) for m in models}
    test = {m.job_id: _score(run_data, m.forecast.test, judged[m.job_id].quantile_loss()) for m in models}
    entries = [Entry(m.job_id, m.label, m.kind, validation[m.job_id], test[m.job_id]) for m in models]
    board = rank(entries, run_data.metric)
    train_std = [output.train_std for output in next(iter(test.values())).outputs] if test else []
    span = max((float(np.ptp(output.offset_hours)) * 60 for output in run_data.outputs), default=0.0)
    return RunNumbers(
        validation=validation,
        test=test,
        board=board,
        claims=make_claims(
            board, {m.job_id: m.forecast.test for m in models}, train_std=train_std, span_minutes=span
        ),
        ensemble=select(
            {m.job_id: m.forecast.validation for m in models if may_join(m.kind)}, train_std=train_std
        ),
        intervals=intervals,
        interval_scores={job_id: sums.scores(run_data.names) for job_id, sums in judged.items()},
        residuals={m.job_id: residual_statistics(m.forecast.test, names=run_data.names) for m in models},
    )


def slug(label: str) -> str:
    """Return a label as part of a file name.

    >>> slug("LSTM 64-32 (tanh)/Ä")
    'lstm-64-32-tanh'
    """
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "model"


def arrays_of(run_data: RunData) -> Iterator[tuple[str, bytes]]:
    """Yield the files a run's data can be built from again: one npz per model, one of training values."""
    facts = {
        "run_id": run_data.run_id,
        "metric": run_data.metric,
        "timezone": run_data.timezone,
        "season_length": run_data.season_length,
        "outputs": [{"name": o.name, "delta_minutes": o.delta_minutes} for o in run_data.outputs],
        "models": [
            {
                "job_id": model.job_id,
                "label": model.label,
                "kind": model.kind,
                "file": f"{name}.npz",
                "history": {curve: list(values) for curve, values in model.history.items()},
            }
            for name, model in run_data.named()
        ],
    }
    yield "facts.json", json_bytes(facts)
    training = {f"y_train_{i}": output.y_train for i, output in enumerate(run_data.outputs)}
    offsets = {f"offset_hours_{i}": output.offset_hours for i, output in enumerate(run_data.outputs)}
    yield "outputs.npz", _npz(training | offsets)
    for name, model in run_data.named():
        yield f"{name}.npz", _npz(model.forecast.to_arrays())


def run_data_from(read: Callable[[str], bytes]) -> RunData:
    """Build a run's data from the files of ``arrays_of``; ``read`` returns a file's bytes by its name."""
    facts = json.loads(read("facts.json"))
    outputs = np.load(io.BytesIO(read("outputs.npz")), allow_pickle=False)
    return RunData(
        run_id=facts["run_id"],
        metric=facts["metric"],
        timezone=facts["timezone"],
        season_length=facts["season_length"],
        outputs=tuple(
            OutputFacts(o["name"], o["delta_minutes"], outputs[f"offset_hours_{i}"], outputs[f"y_train_{i}"])
            for i, o in enumerate(facts["outputs"])
        ),
        models=tuple(
            ModelFacts(
                job_id=m["job_id"],
                label=m["label"],
                kind=m["kind"],
                forecast=Forecast.from_arrays(np.load(io.BytesIO(read(m["file"])), allow_pickle=False)),
                history=m["history"],
            )
            for m in facts["models"]
        ),
    )


def json_bytes(value: Any) -> bytes:
    """Return strict, readable JSON."""
    return (json.dumps(value, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def _score(run_data: RunData, part: PartForecast, loss: QuantileLoss | None = None) -> Scores:
    return score(
        part,
        y_train=[output.y_train for output in run_data.outputs],
        delta_minutes=[output.delta_minutes for output in run_data.outputs],
        names=run_data.names,
        season_length=run_data.season_length,
        quantile_loss=loss,
    )


def _npz(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()
