"""From a session's files and settings to the spec of a data set, or to every field that is missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field, JsonValue, ValidationError

from services.gateway.datasets.wire import HOLIDAYS_OF, SplitIn, TimeInfo, TimeSteps
from services.gateway.http.wire import Earlier, spelled, tolerant
from services.gateway.problems import InvalidConfiguration, TooLarge, refused_by, sentence
from services.gateway.settings import GatewaySettings
from services.gateway.uploads.wire import SeriesSettings, display_names, known_as, roles_of, stored_settings
from shared.contracts.specs import DatasetSpec, Role, SeriesSpec, Split
from shared.storage.records import Records
from shared.storage.rows import FileRow, SeriesRow, SessionRow

_FLOAT32 = 4
MOST_STEPS = 100_000  # of a window


class SeriesChoice(SeriesSettings):
    """Settings of one series inside a configuration, found by id, or by role and name."""

    id: str | None = Field(None, validation_alias=spelled("id", "seriesId", "series_id"))
    role: Role | None = Field(None, validation_alias=spelled("role", "type"))


class Configuration(Earlier):
    """Everything that decides a data set; what is left out comes from the session."""

    time_steps: TimeSteps | None = Field(
        None, validation_alias=spelled("timeSteps", "zeitschritte", "time_steps")
    )
    time_features: TimeInfo | None = Field(
        None, validation_alias=spelled("timeFeatures", "timeInfo", "time_features", "time_info")
    )
    split: SplitIn | None = Field(None, validation_alias=spelled("split", "training_split", "trainingSplit"))
    series: tuple[SeriesChoice, ...] | None = Field(
        None,
        max_length=500,
        description="which series take part, in this order, and how; left out = all of the session",
    )

    def warnings(self) -> Iterator[str]:
        """Say what is assumed, and how contradictions are read."""
        for part in (self.time_features, self.split):
            yield from part.warnings() if part else ()


@dataclass(frozen=True)
class SessionData:
    """A session with its files and the series read from them, in user order."""

    session: SessionRow
    files: Mapping[str, FileRow]
    series: list[SeriesRow]

    def of_file(self, file_id: str) -> list[SeriesRow]:
        """Return the series of a file, by column."""
        return [row for row in self.series if row.file_id == file_id]


async def load_session_data(records: Records, session: SessionRow) -> SessionData:
    """Load the session's files and series, each in the order it came."""
    files = await records.select(FileRow, {"session_id": session.id})
    newest = {known_as(file): file for file in sorted(files, key=lambda f: f.generation)}
    kept = {file.id: file for file in files if newest[known_as(file)].id == file.id}
    order = {file_id: position for position, file_id in enumerate(kept)}
    found = await records.select(SeriesRow, {"session_id": session.id})
    series = [row for row in found if row.file_id in order]
    series.sort(key=lambda row: (order[row.file_id], row.position))
    return SessionData(session, kept, series)


def saved_time_steps(session: SessionRow) -> TimeSteps:
    """Return the time steps the session has."""
    return tolerant(TimeSteps, session.time_steps)


def saved_time_info(session: SessionRow) -> TimeInfo:
    """Return the calendar settings the session has."""
    return tolerant(TimeInfo, session.time_info)


def dataset_spec(
    session_data: SessionData, wanted: Configuration, *, holidays_of: str | None = HOLIDAYS_OF
) -> DatasetSpec:
    """Return the data set a session and a configuration describe.

    Raises
    ------
    InvalidConfiguration
        Naming each setting that is missing or contradicts another.
    """
    steps = wanted.time_steps or saved_time_steps(session_data.session)
    saved = saved_time_info(session_data.session).calendar
    calendar = wanted.time_features.calendar(holidays_of=holidays_of) if wanted.time_features else saved()
    missing: list[JsonValue] = []
    roles = {role for row in session_data.series for role in roles_of(session_data.files[row.file_id])}
    missing += [
        {"field": f"files.{role}", "message": f"upload at least one checked {role} file"}
        for role in ("input", "output")
        if role not in roles
    ]
    if missing:
        raise InvalidConfiguration(sentence(missing), fields=missing)
    steps, _ = completed(session_data, steps)
    try:
        return DatasetSpec(
            series=tuple(_chosen(session_data, wanted.series)),
            input_steps=steps.input or 0,
            output_steps=steps.output or 0,
            stride=steps.step_size or 0.0,
            offset="auto" if steps.offset is None else steps.offset,
            calendar=calendar,
            split=(wanted.split or SplitIn()).split(Split()),
        )
    except ValidationError as error:
        raise refused_by(error, InvalidConfiguration, within="configuration") from None


def completed(session_data: SessionData, steps: TimeSteps) -> tuple[TimeSteps, list[str]]:
    """Return time steps with what nobody said, from the files, and say so.

    A window has a point per row of its first series over the series' horizon, both ends included; windows
    start as far apart as the rows of the first output.
    """
    assumed: dict[str, int | float] = {}
    asked: tuple[tuple[Role, int | None], ...] = (("input", steps.input), ("output", steps.output))
    for role, field in asked:
        mine = (r for r in session_data.series if role in roles_of(session_data.files[r.file_id]))
        row = next(mine, None)
        if field is None and row is not None:
            horizon = _spec(session_data, row, row.name, role, None).horizon
            n_rows = (horizon.end - horizon.start) * 60 / native_minutes(row)
            assumed[role] = max(1, min(MOST_STEPS, round(n_rows) + 1))
        if role == "output" and steps.step_size is None and row is not None:
            assumed["step_size"] = native_minutes(row)
    words = {"input": "points per input window", "output": "points per output window",
             "step_size": "minutes between two windows"}  # fmt: skip
    said = [f"timeSteps: nobody said it; {value:g} {words[name]}" for name, value in assumed.items()]
    return steps.model_copy(update=assumed), said


def native_minutes(row: SeriesRow) -> float:
    """Return the usual distance of two rows of a series in minutes; an hour where nothing is known."""
    usual = row.quality.get("step_s")
    if isinstance(usual, int | float) and usual > 0:
        return usual / 60
    mean = row.statistics.get("step_min")
    return float(mean) if isinstance(mean, int | float) and mean > 0 else 60.0


def _chosen(session_data: SessionData, choices: tuple[SeriesChoice, ...] | None) -> list[SeriesSpec]:
    names = display_names(session_data.files, session_data.series)
    if choices is None:
        return [
            _spec(session_data, row, names[row.id], role, None)
            for row in session_data.series
            for role in roles_of(session_data.files[row.file_id])
        ]
    chosen = []
    for choice in choices:
        named = (
            row
            for row in session_data.series
            if names[row.id] == choice.name and choice.role in roles_of(session_data.files[row.file_id])
        )
        by_id = (row for row in session_data.series if row.id == choice.id)
        meant = next(named if choice.id is None else by_id, None)
        if meant is None:
            what = choice.id or f"{choice.role} {choice.name!r}"
            raise InvalidConfiguration(
                f"the session has no series {what}",
                suggestions=("GET /api/training/csv-files/{session} lists ids, roles and names.",),
                fields=[{"field": "series", "message": f"no series {what}"}],
            )
        chosen.append(_spec(session_data, meant, names[meant.id], choice.role, choice))
    return chosen


def _spec(
    session_data: SessionData, row: SeriesRow, name: str, role: Role | None, choice: SeriesChoice | None
) -> SeriesSpec:
    file = session_data.files[row.file_id]
    known = stored_settings(file, row)
    if role not in (None, file.role):  # the other role of a file that has both: a horizon of its own
        known = {key: value for key, value in known.items() if key not in ("horizon_start", "horizon_end")}
    said = {**known, **(choice.stored() if choice else {}), "name": name}
    return SeriesSettings.model_validate(said).spec(series_id=row.id, name=name, role=role or file.role)


def check_size(settings: GatewaySettings, session_data: SessionData, spec: DatasetSpec) -> None:
    """Refuse a data set that could not be held, before anybody works on it.

    Raises
    ------
    TooLarge
        With the estimated size.
    """
    n_calendar = sum(1 if name == "holiday" else 2 for name, _ in spec.calendar.enabled())
    n_inputs, n_outputs = len(spec.inputs) + n_calendar, len(spec.outputs)
    ids = {series.series_id for series in spec.inputs}
    spans = [span_minutes(row) for row in session_data.series if row.id in ids]
    n_windows = int(max(spans, default=0.0) / spec.stride)
    size = n_windows * (spec.input_steps * n_inputs + spec.output_steps * n_outputs) * _FLOAT32
    limit = settings.gateway_max_dataset_bytes
    if size > limit:
        raise TooLarge(
            f"this asks for {n_windows:,} windows of {spec.input_steps:,} steps x {n_inputs} inputs and "
            f"{spec.output_steps:,} steps x {n_outputs} outputs, {human(size)}; accepted are {human(limit)}",
            suggestions=("Use fewer steps, a larger step size, or fewer series.",),
            estimated_bytes=size,
            limit_bytes=limit,
            n_windows=n_windows,
            input_steps=spec.input_steps,
            n_inputs=n_inputs,
            output_steps=spec.output_steps,
            n_outputs=n_outputs,
        )


def span_minutes(row: SeriesRow) -> float:
    """Return how long a series is, in minutes."""
    n, step = row.statistics.get("n"), row.statistics.get("step_min")
    known = isinstance(n, int | float) and isinstance(step, int | float)
    return float(n) * float(step) if known else 0.0  # type: ignore[arg-type]  # checked in the line above


def human(size: float) -> str:
    """Return a size in the largest fitting unit.

    >>> human(29e12)
    '29.0 TB'
    """
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = min(len(units) - 1, max(0, (len(str(int(size))) - 1) // 3))
    return f"{size / 1000**power:.1f} {units[power]}"
