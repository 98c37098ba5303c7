"""An assembly on disk and back, and the address it is found by."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from shared.contracts.problems import Problem
from shared.contracts.specs import DatasetSpec, column_names
from shared.series.calendar import Clock, calendar_window
from shared.series.calendar_steps import CalendarSteps
from shared.series.grid import ReferenceGrid
from shared.series.row_clock import RowClock
from shared.series.series import Series
from shared.windows.build import Assembly
from shared.windows.columns import CalendarColumn, OnDemandColumn, Track
from shared.windows.dropped import DroppedWindows
from shared.windows.rules import Source, resolved
from shared.windows.scaling import Scaler
from shared.windows.store import Reader, Writer, canonical


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
    series = {source.cut.spec.series_id: source.series for source in assembly.sources}
    writer.facts(
        {
            "spec": assembly.spec.model_dump(mode="json"),
            "clock": asdict(assembly.clock),
            "grid": asdict(assembly.grid),
            "series": {series_id: writer.series(rows) for series_id, rows in series.items()},
            "rules": [
                {
                    "bin_ns": source.cut.rule.bin_ns,
                    "max_gap_ns": source.cut.rule.max_gap_ns,
                    "method": source.cut.rule.method,
                    "clock": None if source.cut.rule.clock is None else asdict(source.cut.rule.clock),
                }
                for source in assembly.sources
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


def load(folder: Path) -> Assembly:
    """Return the assembly of a folder, memory-mapped.

    Raises
    ------
    NotADataset
        If the folder holds no finished data set.
    """
    reader = Reader(folder)
    facts = reader.facts
    spec = DatasetSpec.model_validate(facts["spec"])
    grid, clock = ReferenceGrid(**_with_calendar(facts["grid"])), Clock(**facts["clock"])
    series = {series_id: reader.series(rows) for series_id, rows in facts["series"].items()}
    sources = _sources(spec, series, facts["rules"], grid.calendar)
    n_inputs = len(spec.inputs)
    from_rows: list[Track] = [OnDemandColumn(source, grid) for source in sources]
    x_tracks = [*from_rows[:n_inputs], *_calendar(spec, grid, clock)]
    return Assembly(
        spec=spec,
        sources=sources,
        clock=clock,
        grid=grid,
        numbers=reader.array(facts["numbers"]),
        x_tracks=_stored(reader, facts["x_tracks"], x_tracks),
        y_tracks=_stored(reader, facts["y_tracks"], from_rows[n_inputs:]),
        x_scaler=Scaler.from_json(facts["x_scaler"]),
        y_scaler=Scaler.from_json(facts["y_scaler"]),
        drops=DroppedWindows.from_json(facts["drops"]),
        findings=tuple(Problem.model_validate(finding) for finding in facts["findings"]),
    )


def _sources(
    spec: DatasetSpec,
    series: Mapping[str, Series],
    rules: Sequence[Mapping[str, Any]],
    calendar: CalendarSteps | None,
) -> tuple[Source, ...]:
    """Rebuild the cuts with the gaps, bins and clocks they were made with; early ones name no clock."""
    columns = [(s, spec.input_steps) for s in spec.inputs] + [(s, spec.output_steps) for s in spec.outputs]
    return tuple(
        Source(resolved(s, steps, **_with_clock(rule), calendar=calendar), series[s.series_id])
        for (s, steps), rule in zip(columns, rules, strict=True)
    )


def _with_clock(rule: Mapping[str, Any]) -> dict[str, Any]:
    clock = rule.get("clock")
    return {**rule, "clock": RowClock(**_with_calendar(clock)) if clock else None}


def _with_calendar(facts: Mapping[str, Any]) -> dict[str, Any]:
    calendar = facts.get("calendar")
    return {**facts, "calendar": CalendarSteps(**calendar) if calendar else None}


def _calendar(spec: DatasetSpec, grid: ReferenceGrid, clock: Clock) -> list[Track]:
    return [
        CalendarColumn(
            name,
            column,
            setting,
            clock,
            calendar_window(setting, spec.input_steps).on_steps(grid.calendar),
            grid,
        )
        for name, setting in spec.calendar.enabled()
        for column in range(len(column_names(name)))
    ]


def _stored(reader: Reader, stored: Sequence[Any], on_demand: Sequence[Track]) -> tuple[Track, ...]:
    """Take each track from disk, or evaluate it on demand as before."""
    return tuple(
        track if facts is None else reader.track(facts)
        for facts, track in zip(stored, on_demand, strict=True)
    )
