"""From a session's files and settings to the spec of a data set, or to every field that is missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field, JsonValue, ValidationError

from services.gateway.context import Gateway
from services.gateway.datasets.wire import HOLIDAYS_OF, SplitIn, TimeInfo, TimeSteps
from services.gateway.http.wire import Earlier, spelled
from services.gateway.problems import InvalidConfiguration, TooLarge, refused_by, sentence
from services.gateway.uploads.wire import SeriesSettings, display_names, known_as, settings_of
from shared.contracts.specs import DatasetSpec, Role, SeriesSpec, Split
from shared.storage.rows import FileRow, SeriesRow, SessionRow

_FLOAT32 = 4


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


async def load_session_data(gateway: Gateway, session: SessionRow) -> SessionData:
    """Load the session's files and series, each in the order it came."""
    files = await gateway.records.select(FileRow, {"session_id": session.id})
    newest = {known_as(file): file for file in sorted(files, key=lambda f: f.generation)}
    kept = {file.id: file for file in files if newest[known_as(file)].id == file.id}
    order = {file_id: position for position, file_id in enumerate(kept)}
    found = await gateway.records.select(SeriesRow, {"session_id": session.id})
    series = [row for row in found if row.file_id in order]
    series.sort(key=lambda row: (order[row.file_id], row.position))
    return SessionData(session, kept, series)


def saved_time_steps(session: SessionRow) -> TimeSteps:
    """Return the time steps the session has."""
    return TimeSteps.model_validate(session.time_steps)


def saved_time_info(session: SessionRow) -> TimeInfo:
    """Return the calendar settings the session has."""
    return TimeInfo.model_validate(session.time_info)


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
    _require(session_data, steps)
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


def _require(session_data: SessionData, steps: TimeSteps) -> None:
    asked = {
        "timeSteps.input": steps.input,
        "timeSteps.output": steps.output,
        "timeSteps.stepSize": steps.step_size,
    }
    missing: list[JsonValue] = [
        {"field": field, "message": "is missing"} for field, value in asked.items() if value is None
    ]
    roles = {session_data.files[row.file_id].role for row in session_data.series}
    missing += [
        {"field": f"files.{role}", "message": f"upload at least one checked {role} file"}
        for role in ("input", "output")
        if role not in roles
    ]
    if missing:
        raise InvalidConfiguration(sentence(missing), fields=missing)


def _chosen(session_data: SessionData, choices: tuple[SeriesChoice, ...] | None) -> list[SeriesSpec]:
    names = display_names(session_data.files, session_data.series)
    if choices is None:
        return [_spec(session_data, row, names[row.id], None) for row in session_data.series]
    return [
        _spec(session_data, row := _find(session_data, choice, names), names[row.id], choice)
        for choice in choices
    ]


def _find(session_data: SessionData, choice: SeriesChoice, names: Mapping[str, str]) -> SeriesRow:
    for row in session_data.series:
        named = (session_data.files[row.file_id].role, names[row.id]) == (choice.role, choice.name)
        if row.id == choice.id or (choice.id is None and named):
            return row
    what = choice.id or f"{choice.role} {choice.name!r}"
    raise InvalidConfiguration(
        f"the session has no series {what}",
        suggestions=("GET /api/training/csv-files/{session} lists ids, roles and names.",),
        fields=[{"field": "series", "message": f"no series {what}"}],
    )


def _spec(session_data: SessionData, row: SeriesRow, name: str, choice: SeriesChoice | None) -> SeriesSpec:
    file = session_data.files[row.file_id]
    said = {**settings_of(file, row).stored(), **(choice.stored() if choice else {}), "name": name}
    return SeriesSettings.model_validate(said).spec(series_id=row.id, name=name, role=file.role)


def check_size(gateway: Gateway, session_data: SessionData, spec: DatasetSpec) -> None:
    """Refuse a data set that could not be held, before anybody works on it.

    Raises
    ------
    TooLarge
        With the estimated size.
    """
    size = estimated_bytes(session_data, spec)
    limit = gateway.settings.gateway_max_dataset_bytes
    if size > limit:
        raise TooLarge(
            f"this asks for {human(size)} of windows; accepted are {human(limit)}",
            suggestions=("Use fewer steps, a larger step size, or fewer series.",),
            estimated_bytes=int(size),
            limit_bytes=limit,
        )


def estimated_bytes(session_data: SessionData, spec: DatasetSpec) -> float:
    """Return the size of all windows if they were written out, in bytes."""
    n_calendar = sum(1 if name == "holiday" else 2 for name, _ in spec.calendar.enabled())
    per_window = spec.input_steps * (len(spec.inputs) + n_calendar) + spec.output_steps * len(spec.outputs)
    ids = {series.series_id for series in spec.inputs}
    spans = [span_minutes(row) for row in session_data.series if row.id in ids]
    return max(spans, default=0.0) / spec.stride * per_window * _FLOAT32


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
