"""An assembly on disk and back, and the address it is found by."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec
from shared.series.calendar import CalendarClock
from shared.series.calendar_steps import CalendarSteps
from shared.series.grid import ReferenceGrid
from shared.series.row_clock import RowClock
from shared.windows.build import Assembly
from shared.windows.columns import OnDemandColumn, Track, calendar_columns
from shared.windows.dropped import DroppedWindows
from shared.windows.plan import WindowPlan, WindowRule, calendar_rules, resolved
from shared.windows.scaling import Scaler
from shared.windows.series_windows import SeriesWindows
from shared.windows.store import Reader, Writer, canonical

A = TypeVar("A", bound=Assembly)


def dataset_key(spec: DatasetSpec, hashes: Mapping[str, str]) -> str:
    """Return the address of a data set: equal settings and equal rows give an equal key.

    Parameters
    ----------
    hashes
        Content hash of every series, by series id.
    """
    digest = sha256()
    for piece in canonical(spec, hashes):
        digest.update(piece)
    return digest.hexdigest()


def save(assembly: Assembly, folder: Path) -> None:
    """Write an assembly; the JSON file comes last and makes the folder a data set."""
    writer = Writer(folder)
    series = {source.rule.spec.series_id: source.series for source in assembly.sources}
    writer.facts(
        {
            "spec": assembly.spec.model_dump(mode="json"),
            "clock": asdict(assembly.plan.clock),
            "grid": asdict(assembly.plan.grid),
            "series": {series_id: writer.series(rows) for series_id, rows in series.items()},
            "rules": [
                {
                    "bin_ns": rule.resampling.bin_ns,
                    "max_gap_ns": rule.resampling.max_gap_ns,
                    "method": rule.resampling.method,
                    "clock": None if rule.resampling.clock is None else asdict(rule.resampling.clock),
                }
                for rule in assembly.plan.rules
            ],
            "numbers": writer.array(assembly.numbers),
            "x_tracks": [writer.track(track) for track in assembly.x_tracks],
            "y_tracks": [writer.track(track) for track in assembly.y_tracks],
            "x_scaler": dict(assembly.x_scaler.to_json()),
            "y_scaler": dict(assembly.y_scaler.to_json()),
            "drops": assembly.drops.to_json(),
            "findings": [finding.model_dump(mode="json") for finding in assembly.findings],
        }
    )


def load(folder: Path, kind: type[A]) -> A:
    """Return the assembly of a folder, memory-mapped, as the kind of assembly that is wanted.

    Raises
    ------
    NotADataset
        If the folder holds no finished data set.
    """
    reader = Reader(folder)
    facts = reader.facts
    plan = _stored_plan(facts)
    series = {series_id: reader.series(rows) for series_id, rows in facts["series"].items()}
    sources = tuple(SeriesWindows(rule, series[rule.spec.series_id]) for rule in plan.rules)
    from_rows: list[Track] = [OnDemandColumn(source, plan.grid) for source in sources]
    x_tracks = [*from_rows[: len(plan.inputs)], *calendar_columns(plan)]
    return kind(
        plan=plan,
        sources=sources,
        numbers=reader.array(facts["numbers"]),
        x_tracks=_stored(reader, facts["x_tracks"], x_tracks),
        y_tracks=_stored(reader, facts["y_tracks"], from_rows[len(plan.inputs) :]),
        x_scaler=Scaler.from_json(facts["x_scaler"]),
        y_scaler=Scaler.from_json(facts["y_scaler"]),
        drops=DroppedWindows.from_json(facts["drops"]),
        findings=tuple(Problem.model_validate(finding) for finding in facts["findings"]),
    )


def _stored_plan(facts: Mapping[str, Any]) -> WindowPlan:
    """Return the plan a data set was built by: its gaps, bins and clocks; early ones name no clock."""
    spec = DatasetSpec.model_validate(facts["spec"])
    grid = ReferenceGrid(**_with_calendar(facts["grid"]))
    steps = [spec.input_steps] * len(spec.inputs) + [spec.output_steps] * len(spec.outputs)
    rules: list[WindowRule] = []
    for one, n_points, stored in zip((*spec.inputs, *spec.outputs), steps, facts["rules"], strict=True):
        clock = RowClock(**_with_calendar(stored["clock"])) if stored.get("clock") else None
        rules.append(resolved(one, n_points, **{**stored, "clock": clock}, calendar=grid.calendar))
    n_inputs = len(spec.inputs)
    return WindowPlan(
        spec=spec,
        grid=grid,
        clock=CalendarClock(**facts["clock"]),
        inputs=tuple(rules[:n_inputs]),
        outputs=tuple(rules[n_inputs:]),
        calendar=calendar_rules(spec, grid),
    )


def _with_calendar(facts: Mapping[str, Any]) -> dict[str, Any]:
    calendar = facts.get("calendar")
    return {**facts, "calendar": CalendarSteps(**calendar) if calendar else None}


def _stored(reader: Reader, stored: Sequence[Any], on_demand: Sequence[Track]) -> tuple[Track, ...]:
    """Take each track from disk, or evaluate it on demand as before."""
    return tuple(
        track if facts is None else reader.track(facts)
        for facts, track in zip(stored, on_demand, strict=True)
    )
