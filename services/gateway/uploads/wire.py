"""The file record: a series' settings, in the earlier frontend's words and in ours."""

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError

from services.gateway.datasets.wire import OptionalFloat, OptionalText, Switch, TimeSteps, scale_range
from services.gateway.http.wire import Earlier, Maybe, spelled, tolerant
from services.gateway.problems import InvalidConfiguration, refused_by
from shared.contracts.specs import Content, Horizon, Resample, Role, SeriesSpec
from shared.storage import keys
from shared.storage.rows import FileRow, SeriesRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATENFORM: dict[str, Content] = {
    "Historische Daten": "measured",
    "Historische Prognosen": "forecast",
    "Aktueller Wert": "latest",
}
DATENANPASSUNG: dict[str, Resample] = {
    "Lineare Interpolation": "linear",
    "Mittelwertbildung": "mean",
    "Nächster Wert": "next",
}
_HORIZONS: dict[Role, Horizon] = {"input": Horizon(start=-24, end=0), "output": Horizon(start=0, end=24)}
BOTH = "both_roles"  # where a file keeps that it is an output, too
ANNOUNCED = "announced_name"  # where a file keeps the display name it came with, once it has another
COLUMNS = {  # the columns of the earlier database, by the name of the same thing in a record
    "file_name": "fileName", "utc_min": "utcMin", "utc_max": "utcMax",
    "zeitschrittweite_mittelwert": "zeitschrittweiteAvgValue", "zeitschrittweite_min": "zeitschrittweiteMin",
    "numerische_datenpunkte": "numerischeDatenpunkte", "numerischer_anteil": "numerischerAnteil",
    "zeithorizont_start": "zeithorizontStart", "zeithorizont_end": "zeithorizontEnd",
    "mittelwertbildung_uber_den_zeithorizont": "mittelwertbildungÜberDenZeithorizont",
    "zeitschrittweite_transferierten_daten": "zeitschrittweiteTransferiertenDaten",
    "offset_transferierten_daten": "offsetTransferiertenDaten", "skalierung_min": "skalierungMin",
    "skalierung_max": "skalierungMax", "storage_path": "storagePath", "color_index": "colorIndex",
    "zeitschrittweiteMittelwert": "zeitschrittweiteAvgValue",
    "zeitschrittweiteMinValue": "zeitschrittweiteMin",
}  # fmt: skip
_GERMAN_CONTENT = {ours: german for german, ours in DATENFORM.items()}
_GERMAN_RESAMPLE = {ours: german for german, ours in DATENANPASSUNG.items()}
# the earlier frontend knows no word that comes closer
_GERMAN_RESAMPLE |= {"auto": "Lineare Interpolation", "filled": "Lineare Interpolation"}

ContentWord = Literal[
    "Historische Daten", "Historische Prognosen", "Aktueller Wert", "measured", "forecast", "latest"
]
ResampleWord = Literal[
    "Lineare Interpolation", "Mittelwertbildung", "Nächster Wert",
    "auto", "filled", "linear", "mean", "nearest", "next", "previous",
]  # fmt: skip


class SeriesSettings(Earlier):
    """How a series' window is cut. What is left out keeps its default."""

    name: Annotated[Annotated[str, Field(max_length=255)] | None, Maybe] = Field(
        None, validation_alias=spelled("bezeichnung", "name"), description="display name"
    )
    horizon_start: OptionalFloat = Field(
        None,
        validation_alias=spelled("zeithorizontStart", "horizonStart", "zeithorizont_start"),
        description="hours",
    )
    horizon_end: OptionalFloat = Field(
        None,
        validation_alias=spelled("zeithorizontEnd", "horizonEnd", "zeithorizont_end"),
        description="hours",
    )
    content: Annotated[ContentWord | None, Maybe] = Field(
        None, validation_alias=spelled("datenform", "content")
    )
    resample: Annotated[ResampleWord | None, Maybe] = Field(
        None, validation_alias=spelled("datenanpassung", "resample")
    )
    average_window: Switch = Field(
        None,
        validation_alias=spelled(
            "mittelwertbildungÜberDenZeithorizont", "mittelwertbildungUeberDenZeithorizont", "averageWindow",
            "mittelwertbildung_uber_den_zeithorizont",
        ),
    )  # fmt: skip
    scale: Switch = Field(None, validation_alias=spelled("skalierung", "scale"))
    scale_min: OptionalFloat = Field(
        None, validation_alias=spelled("skalierungMin", "scaleMin", "skalierung_min")
    )
    scale_max: OptionalFloat = Field(
        None, validation_alias=spelled("skalierungMax", "scaleMax", "skalierung_max")
    )
    max_gap: Annotated[Annotated[float, Field(gt=0, le=1e9)] | Literal["auto", "none"] | None, Maybe] = Field(
        None, validation_alias=spelled("maxGap", "max_gap"), description="minutes, auto, or none for no limit"
    )
    bounded: Switch = Field(None, description="no forecast below zero, zero at night; default yes")
    color_index: Annotated[Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None, Maybe] = Field(
        None, validation_alias=spelled("colorIndex", "color_index")
    )

    def stored(self) -> dict[str, JsonValue]:
        """Return what was said, in our words, as the ledger keeps it."""
        return {name: getattr(self, name) for name in SeriesSettings.model_fields if self.said(name)}

    def said(self, name: str) -> bool:
        """Tell whether a setting was given a value."""
        return getattr(self, name) is not None

    def spec(self, *, series_id: str, name: str, role: Role) -> SeriesSpec:
        """Return the series' part of a data set in our terms."""
        default = _HORIZONS[role]
        wanted = True if self.scale is None else self.scale
        return SeriesSpec(
            series_id=series_id,
            name=self.name or name,
            role=role,
            content=DATENFORM.get(self.content or "", self.content or "measured"),
            horizon=Horizon(
                start=default.start if self.horizon_start is None else self.horizon_start,
                end=default.end if self.horizon_end is None else self.horizon_end,
            ),
            resample=DATENANPASSUNG.get(self.resample or "", self.resample or "auto"),
            average_window=bool(self.average_window),
            max_gap=None if self.max_gap == "none" else "auto" if self.max_gap is None else self.max_gap,
            scale=scale_range(wanted, self.scale_min, self.scale_max),
            bounded=self.bounded is not False,
        )


class FileRecord(SeriesSettings):
    """A whole record as a client sends it back. What ingest measured is accepted and not taken over."""

    id: OptionalText = None
    file_id: OptionalText = Field(None, validation_alias=spelled("fileId", "file_id"))
    series_id: OptionalText = Field(None, validation_alias=spelled("seriesId", "series_id"))
    session_id: OptionalText = Field(None, validation_alias=spelled("sessionId", "session_id"))
    file_name: OptionalText = Field(None, validation_alias=spelled("fileName", "file_name"))
    role: Annotated[Role | None, Maybe] = Field(None, validation_alias=spelled("type", "role", "fileType"))

    utc_min: Any = Field(None, validation_alias=spelled("utcMin", "utc_min"))
    utc_max: Any = Field(None, validation_alias=spelled("utcMax", "utc_max"))
    step: Any = Field(None, validation_alias=spelled("zeitschrittweite", "step"))
    step_mean: Any = Field(
        None,
        validation_alias=spelled(
            "zeitschrittweiteAvgValue", "zeitschrittweiteMittelwert", "zeitschrittweite_mittelwert"
        ),
    )
    step_min: Any = Field(
        None,
        validation_alias=spelled(
            "zeitschrittweiteMinValue", "zeitschrittweiteMin", "zeitschrittweite_min", "stepMin"
        ),
    )
    offset: Any = None
    minimum: Any = Field(None, validation_alias=spelled("min"))
    maximum: Any = Field(None, validation_alias=spelled("max"))
    n: Any = Field(None, validation_alias=spelled("datenpunkte", "n"))
    n_numeric: Any = Field(
        None, validation_alias=spelled("numerischeDatenpunkte", "nNumeric", "numerische_datenpunkte")
    )
    numeric_share: Any = Field(
        None, validation_alias=spelled("numerischerAnteil", "numericShare", "numerischer_anteil")
    )
    delta: Any = Field(
        None,
        validation_alias=spelled(
            "zeitschrittweiteTransferiertenDaten", "delta", "zeitschrittweite_transferierten_daten"
        ),
    )
    delta_offset: Any = Field(
        None, validation_alias=spelled("offsetTransferiertenDaten", "offset_transferierten_daten")
    )
    storage_path: Any = Field(None, validation_alias=spelled("storagePath", "storage_path"))
    file_hash: Any = Field(None, validation_alias=spelled("fileHash", "file_hash"))
    quality: Any = Field(None, validation_alias=spelled("qualityReport", "quality"))
    both: Any = None
    status: Any = None
    problem: Any = None
    created_at: Any = Field(None, validation_alias=spelled("createdAt", "created_at"))
    updated_at: Any = Field(None, validation_alias=spelled("updatedAt", "updated_at"))
    size: Any = None
    modified: Any = None


def settings_of(file: FileRow, series: SeriesRow | None) -> SeriesSettings:
    """Return what was said about a series; a file with several columns keeps each column's own name.

    What an earlier version stored and this one refuses is left out: it is to be shown, not to fail.
    """
    settings = tolerant(SeriesSettings, stored_settings(file, series))
    for group in ((), ("horizon_start", "horizon_end"), ("scale_min", "scale_max")):
        settings = settings.model_copy(update=dict.fromkeys(group))
        with suppress(ValidationError):
            settings.spec(series_id="", name=file.file_name or "-", role=file.role)
            return settings
    return SeriesSettings()


def stored_settings(file: FileRow, series: SeriesRow | None) -> dict[str, JsonValue]:
    """Return what was stored about a series, as it is."""
    return {**file.settings, **(series.settings if series else {})}


def changed_settings(said: SeriesSettings, shown: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what of some settings differs from the record a client was shown, in our words.

    A record says some things more coarsely than they are stored: where nothing was said about resampling it
    shows the earlier frontend's default. Sent back as it is, a record changes nothing.
    """
    before = FileRecord.model_validate(shown).stored()
    return {name: value for name, value in said.stored().items() if value != before.get(name)}


def checked_settings(said: Mapping[str, JsonValue], role: Role) -> dict[str, JsonValue]:
    """Return settings that are about to be stored, if a data set can be made of them.

    Raises
    ------
    InvalidConfiguration
        Naming what contradicts what.
    """
    try:
        SeriesSettings.model_validate(said).spec(series_id="", name="-", role=role)
    except ValidationError as error:
        raise refused_by(error, InvalidConfiguration) from None
    return dict(said)


def delta_minutes(horizon: Horizon, n_steps: int | None) -> float | None:
    """Return the distance of two points inside a window of ``n_steps``, in minutes."""
    if not n_steps or n_steps < 2:
        return None
    return (horizon.end - horizon.start) * 60 / (n_steps - 1)


def delta_offset(horizon: Horizon, n_steps: int | None, offset: float) -> float | str | None:
    """Return where the points of windows lie: minutes past the full hour, modulo their distance.

    It is ``var`` where they lie somewhere else in every hour.

    >>> delta_offset(Horizon(start=-23.9, end=0.1), 25, 0.0), delta_offset(Horizon(start=0, end=1.5), 5, 0.0)
    (6.0, 'var')
    """
    delta = delta_minutes(horizon, n_steps)
    if not delta:
        return None
    if not (60 / delta).is_integer():
        return "var"
    return round((offset + 60 * horizon.start) % delta, 6) % delta


def roles_of(file: FileRow) -> tuple[Role, ...]:
    """Return what a file is: its role, or input and output."""
    return ("input", "output") if file.settings.get(BOTH) else (file.role,)


def known_as(file: FileRow) -> tuple[str, str, str]:
    """Return what tells a file from the others of its session: role, file name, announced display name."""
    name = file.settings.get(ANNOUNCED, file.settings.get("name"))
    return file.role, file.file_name, name if isinstance(name, str) else ""


def record(
    file: FileRow, series: SeriesRow | None, *, name: str, steps: TimeSteps | None = None, place: int = 0
) -> dict[str, JsonValue]:
    """Return the record of one series, or of a file nothing is known of yet.

    ``steps`` are the session's time steps, ``place`` the record's among all of the session.
    """
    n_steps = None if steps is None else steps.input if file.role == "input" else steps.output
    settings = settings_of(file, series)
    spec = settings.spec(series_id=series.id if series else "", name=name, role=file.role)
    found = series.statistics if series else {}
    told: dict[str, JsonValue] = {
        "id": series.id if series else file.id,
        "fileId": file.id,
        "seriesId": series.id if series else None,
        "fileName": file.file_name,
        "type": file.role,
        "bezeichnung": spec.name,
        "utcMin": moment(found.get("first_ns")),
        "utcMax": moment(found.get("last_ns")),
        "zeitschrittweite": found.get("step_min"),
        "zeitschrittweiteAvgValue": found.get("step_min"),
        "zeitschrittweiteMin": found.get("smallest_step_min", found.get("step_min")),
        "offset": found.get("offset"),
        "min": finite(found.get("min")),
        "max": finite(found.get("max")),
        "datenpunkte": found.get("n"),
        "numerischeDatenpunkte": found.get("n_numeric"),
        "numerischerAnteil": found.get("numeric_share"),
        "datenform": _GERMAN_CONTENT[spec.content],
        "zeithorizontStart": spec.horizon.start,
        "zeithorizontEnd": spec.horizon.end,
        "datenanpassung": _GERMAN_RESAMPLE.get(spec.resample, spec.resample),
        "mittelwertbildungÜberDenZeithorizont": "ja" if spec.average_window else "nein",
        "skalierung": "ja" if spec.scale else "nein",
        "skalierungMax": spec.scale.max if spec.scale else None,
        "skalierungMin": spec.scale.min if spec.scale else None,
        "maxGap": "none" if spec.max_gap is None else spec.max_gap,
        "bounded": spec.bounded,
        "zeitschrittweiteTransferiertenDaten": delta_minutes(spec.horizon, n_steps),
        "offsetTransferiertenDaten": delta_offset(spec.horizon, n_steps, (steps and steps.offset) or 0.0),
        "both": BOTH in file.settings,
        "colorIndex": place if settings.color_index is None else settings.color_index,
        "storagePath": series.object_key if series else keys.chunks(file.session_id, file.id),
        "qualityReport": series.quality if series else None,
        "status": file.status,
        "problem": file.problem.model_dump(mode="json") if file.problem else None,
        "size": file.size_bytes,
        "createdAt": file.created_at.isoformat(),
        "updatedAt": file.updated_at.isoformat(),
    }
    return told | {column: told[name] for column, name in COLUMNS.items()}


def moment(nanoseconds: JsonValue) -> str | None:
    """Return Unix nanoseconds as ISO 8601 text in UTC.

    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    if not isinstance(nanoseconds, int):
        return None
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return (_EPOCH + timedelta(seconds=seconds, microseconds=rest // 1000)).isoformat().replace("+00:00", "Z")


def finite(value: JsonValue) -> JsonValue:
    """Return a number JSON can carry, or null."""
    return value if not isinstance(value, float) or math.isfinite(value) else None


def display_names(files: Mapping[str, FileRow], series: list[SeriesRow]) -> dict[str, str]:
    """Return the display name of every series, unique within its role.

    A name the user gave holds; a column's own name is prefixed by its file's where two would be equal.
    """
    named: dict[str, str] = {}
    taken: set[tuple[Role, str]] = set()
    for row in series:
        file = files[row.file_id]
        name = settings_of(file, row).name or row.name
        stem = file.file_name.rsplit(".", 1)[0]
        unique = name if (file.role, name) not in taken else f"{stem} {name}"
        taken.add((file.role, unique))
        named[row.id] = unique
    return named
