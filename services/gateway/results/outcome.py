"""The outcome of a run as clients read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pydantic import JsonValue

from services.gateway.results.scale import Scale, in_training_std, reasons
from shared.contracts.kinds import JOB_SPEC, WIRE_NAMES
from shared.contracts.metrics import METRIC_NAMES, METRICS
from shared.storage.rows import DatasetRow, JobRow, ResultRow, RunRow

LEVEL_COLUMNS = {metric.heading: metric.name for metric in METRICS}


@dataclass(frozen=True)
class Outcome:
    """A run with its jobs and the scores of those that finished."""

    run: RunRow
    dataset: DatasetRow | None
    jobs: Sequence[JobRow]
    results: Mapping[str, ResultRow]

    @property
    def dataset_name(self) -> str:
        """The data set's name, or its id where nobody named it."""
        return (self.dataset.name if self.dataset else "") or self.run.dataset_id

    def metrics(self, scale: Scale = "original") -> dict[str, dict[str, dict[str, float | None]]]:
        """Return the test scores by data set and model label."""
        headline = _headline if scale == "original" else _standard_headline
        scores = {job.label: headline(self.results[job.id]) for job in self.jobs if job.id in self.results}
        return {self.dataset_name: scores}

    def best_job(self) -> JobRow | None:
        """Return the winner."""
        return next((job for job in self.jobs if job.id == self.run.best_job_id), None)

    def best(self, scale: Scale = "original") -> dict[str, Any] | None:
        """Return the winner with its test scores."""
        job = self.best_job()
        if job is None:
            return None
        return {
            "job_id": job.id,
            "label": job.label,
            "model": WIRE_NAMES[job.kind],
            "kind": job.kind,
            "metrics": self.metrics(scale)[self.dataset_name].get(job.label, {}),
        }

    def comparison(self) -> list[JsonValue]:
        """Return the leaderboard's rows, best first."""
        rows = self.run.verdict.get("rows")
        return list(rows) if isinstance(rows, list) else []

    def summary(self) -> dict[str, Any]:
        """Return the run in a few numbers."""
        count = {
            s: sum(1 for job in self.jobs if job.status == s) for s in ("finished", "failed", "cancelled")
        }
        begun, ended = self.run.started_at, self.run.finished_at
        return {
            "n_models": len(self.jobs),
            **{f"n_{status}": n for status, n in count.items()},
            "metric": self.run.metric,
            "n_windows": self.dataset.report.get("n_windows") if self.dataset else None,
            "started_at": begun,
            "completed_at": ended,
            "seconds": round((ended - begun).total_seconds(), 2) if begun and ended else None,
        }

    def models(self) -> list[dict[str, Any]]:
        """Return every model of the run: what it is, how it went, how it scored."""
        return [
            {
                "job_id": job.id,
                "label": job.label,
                "model": WIRE_NAMES[job.kind],
                "kind": job.kind,
                "baseline": job.baseline,
                "status": job.status,
                "seconds": job.seconds,
                "parameters": JOB_SPEC.dump_python(job.spec, mode="json"),
                "notes": job.notes,
                "headline": self.results[job.id].headline if job.id in self.results else {},
                "problem": job.problem.model_dump(mode="json") if job.problem else None,
            }
            for job in self.jobs
        ]

    def scored(self, model: str | None) -> ResultRow | None:
        """Return the scores of a model by job id or label; by default the best's, or the first's."""
        if model is None:
            best = self.results.get(self.run.best_job_id or "")
            return best or next((self.results[job.id] for job in self.jobs if job.id in self.results), None)
        return next(
            (self.results[j.id] for j in self.jobs if model in (j.id, j.label) and j.id in self.results), None
        )

    def tables(self, scale: Scale = "original", *, model: str | None = None) -> dict[str, Any]:
        """Return the averaging levels of a model, by default the best, by output."""
        result = self.scored(model)
        outputs = _outputs(result) if result else []
        scaled = outputs if scale == "original" else [in_training_std(output) for output in outputs]
        return {
            "df_eval": {str(output["name"]): _levels(output) for output in scaled},
            "df_eval_ts": {
                str(output["name"]): {
                    str(level["delta_minutes"]): {
                        # None where an earlier version stored the scores without this one.
                        n: steps.get(m) or [None] * len(next(iter(steps.values()), []))
                        for steps in [level["per_step"]]
                        for n, m in LEVEL_COLUMNS.items()
                    }
                    for level in output["levels"]
                }
                for output in scaled
            },
            "model": result.label if result else None,
            "model_type": WIRE_NAMES[result.kind] if result else None,
            "job_id": result.id if result else None,
            "scale": scale,
            "undefined": {str(o["name"]): reasons(o) for o in outputs} if scale == "standard" else {},
        }

    def performance(self) -> dict[str, Any]:
        """Return how each model did: status, seconds and test scores by label."""
        return {
            job.label: {
                "model": WIRE_NAMES[job.kind],
                "status": job.status,
                "seconds": job.seconds,
                "metrics": _headline(self.results[job.id]) if job.id in self.results else None,
            }
            for job in self.jobs
        }


def _headline(result: ResultRow) -> dict[str, float | None]:
    return {name: result.headline.get(name) for name in METRIC_NAMES}


def _standard_headline(result: ResultRow) -> dict[str, float | None]:
    """Return the test scores at k = 1 in training standard deviations, averaged over outputs."""
    firsts = [in_training_std(output)["levels"][0]["overall"] for output in _outputs(result)]
    known = {name: [first[name] for first in firsts if first.get(name) is not None] for name in METRIC_NAMES}
    return {
        name: fmean(values) if values and len(values) == len(firsts) else None
        for name, values in known.items()
    }


def _outputs(result: ResultRow) -> list[dict[str, Any]]:
    """Return the stored test scores of every output."""
    part = result.scores.get("test")
    outputs = part.get("outputs") if isinstance(part, dict) else None
    return [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []


def _levels(output: Mapping[str, Any]) -> dict[str, list[JsonValue]]:
    levels = output["levels"]
    columns = {
        name: [level["overall"].get(metric) for level in levels] for name, metric in LEVEL_COLUMNS.items()
    }
    return {"delta [min]": [level["delta_minutes"] for level in levels], **columns}
