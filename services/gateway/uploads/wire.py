"""The file record: a series' settings, in the earlier frontend's words and in ours."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from services.gateway.datasets.wire import OptionalFloat, OptionalText, Switch, scale_range
from services.gateway.http.wire import Maybe, Wire, spelled
from shared.contracts.specs import Content, Horizon, Resample, Role, SeriesSpec
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
_GERMAN_CONTENT = {ours: german for german, ours in DATENFORM.items()}
_GERMAN_RESAMPLE = {ours: german for german, ours in DATENANPASSUNG.items()}
_GERMAN_RESAMPLE["auto"] = "Lineare Interpolation"  # the earlier frontend knows no word that comes closer

ContentWord = Literal[
    "Historische Daten", "Historische Prognosen", "Aktueller Wert", "measured", "forecast", "latest"
]
ResampleWord = Literal[
    "Lineare Interpolation", "Mittelwertbildung", "Nächster Wert",
    "auto", "linear", "mean", "nearest", "next", "previous",
]  # fmt: skip


class SeriesSettings(Wire):
    """How a series' window is cut. What is left out keeps its default."""

    name: Annotated[Annotated[str, Field(max_length=255)] | None, Maybe] = Field(
        None, validation_alias=spelled("bezeichnung", "name"), description="display name"
    )
    horizon_start: OptionalFloat = Field(
        None, validation_alias=spelled("zeithorizontStart", "horizonStart"), description="hours"
    )
    horizon_end: OptionalFloat = Field(
        None, validation_alias=spelled("zeithorizontEnd", "horizonEnd"), description="hours"
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
            "mittelwertbildungÜberDenZeithorizont", "mittelwertbildungUeberDenZeithorizont", "averageWindow"
        ),
    )
    scale: Switch = Field(None, validation_alias=spelled("skalierung", "scale"))
    scale_min: OptionalFloat = Field(None, validation_alias=spelled("skalierungMin", "scaleMin"))
    scale_max: OptionalFloat = Field(None, validation_alias=spelled("skalierungMax", "scaleMax"))
    max_gap: Annotated[Annotated[float, Field(gt=0)] | Literal["auto", "none"] | None, Maybe] = Field(
        None, validation_alias=spelled("maxGap", "max_gap"), description="minutes, auto, or none for no limit"
    )
    color_index: Annotated[int | None, Maybe] = Field(
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
    step_min: Any = Field(None, validation_alias=spelled("zeitschrittweiteMin", "stepMin"))
    offset: Any = None
    minimum: Any = Field(None, validation_alias=spelled("min"))
    maximum: Any = Field(None, validation_alias=spelled("max"))
    n: Any = Field(None, validation_alias=spelled("datenpunkte", "n"))
    n_numeric: Any = Field(None, validation_alias=spelled("numerischeDatenpunkte", "nNumeric"))
    numeric_share: Any = Field(None, validation_alias=spelled("numerischerAnteil", "numericShare"))
    delta: Any = Field(None, validation_alias=spelled("zeitschrittweiteTransferiertenDaten", "delta"))
    quality: Any = Field(None, validation_alias=spelled("qualityReport", "quality"))
    status: Any = None
    problem: Any = None


def settings_of(file: FileRow, series: SeriesRow | None) -> SeriesSettings:
    """Return what was said about a series; a file with several columns keeps each column's own name."""
    stored = {**file.settings, **(series.settings if series else {})}
    return SeriesSettings.model_validate(stored)


def delta_minutes(horizon: Horizon, n_steps: int | None) -> float | None:
    """Return the distance of two points inside a window of ``n_steps``, in minutes."""
    if not n_steps or n_steps < 2:
        return None
    return (horizon.end - horizon.start) * 60 / (n_steps - 1)


def record(
    file: FileRow, series: SeriesRow | None, *, name: str, n_steps: int | None = None
) -> dict[str, JsonValue]:
    """Return the record of one series, or of a file nothing is known of yet."""
    settings = settings_of(file, series)
    spec = settings.spec(series_id=series.id if series else "", name=name, role=file.role)
    found = series.statistics if series else {}
    return {
        "id": series.id if series else file.id,
        "fileId": file.id,
        "seriesId": series.id if series else None,
        "fileName": file.file_name,
        "type": file.role,
        "bezeichnung": spec.name,
        "utcMin": moment(found.get("first_ns")),
        "utcMax": moment(found.get("last_ns")),
        "zeitschrittweite": found.get("step_min"),
        "zeitschrittweiteMin": found.get("step_min"),
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
        "zeitschrittweiteTransferiertenDaten": delta_minutes(spec.horizon, n_steps),
        "colorIndex": settings.color_index,
        "qualityReport": series.quality if series else None,
        "status": file.status,
        "problem": file.problem.model_dump(mode="json") if file.problem else None,
    }


def moment(nanoseconds: JsonValue) -> str | None:
    """Return Unix nanoseconds as ISO 8601 text in UTC.

    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    if not isinstance(nanoseconds, int):
        return None
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds, microseconds=rest // 1000)).isoformat()
    return text.replace("+00:00", "Z")


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
